"""Small pictures of FOVs, dot by dot, and pictures within a page."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from locgraph.show.figures.scored_fov import SCORE_COLOURS
from locgraph.show.figures.style import round_length
from locgraph.show.report import pictures
from locgraph.show.report.pictures import data_uri, figure_uri, frame, paint
from locgraph.show.report.source import Absent

HEAD = "data:image/png;base64,"
NO_RING = np.zeros(2, dtype=bool)
TWO = np.array([[0.0, 0.0], [100.0, 100.0]])
COLOURS = np.array([[255, 0, 0], [0, 0, 255]], dtype=np.uint8)


def test_every_fov_has_a_thumbnail(prepared):
    drawn = pictures.thumbnails(prepared, ["T_0", "L_1"], 100_000)

    assert list(drawn.uris) == ["T_0", "L_1"]
    assert (drawn.side, drawn.left_out, drawn.failures) == (112, 0, {})
    assert drawn.uris["T_0"] != drawn.uris["L_1"]


def test_many_fovs_have_smaller_thumbnails_and_the_first_are_kept(prepared):
    one = len(pictures.thumbnails(prepared, ["T_0"], 500).uris["T_0"])

    drawn = pictures.thumbnails(prepared, ["T_0", "L_1", "T_2", "L_3"], int(2.5 * one))

    assert drawn.side == 48
    assert list(drawn.uris) == ["T_0", "L_1"]
    assert drawn.left_out == 2
    assert sum(map(len, drawn.uris.values())) <= 2.5 * one


def test_denser_is_darker():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(scale=2, size=(200, 2)), [[100.0, -100.0]]])

    picture = pictures.density_picture(points, 60).astype(int)

    lone = picture[:20, 40:].reshape(-1, 3).sum(axis=1).min()
    crowd = picture[40:, :20].reshape(-1, 3).sum(axis=1).min()
    assert crowd < lone < 3 * 255


def test_more_localisations_than_are_painted(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_DRAWN", 50)

    assert pictures.density_picture(np.random.default_rng(0).normal(size=(500, 2)), 30).shape == (30, 30, 3)


def test_scores_have_the_colours_of_the_figures():
    points = np.array([[0.0, 0.0], [50.0, 50.0], [100.0, 100.0]])

    picture = pictures.scored_picture(points, np.array([0, 1, -1]), {0: 2.0, 1: -2.0}, set(), 100)

    ends = (np.round(np.array(SCORE_COLOURS(end)[:3]) * 255) for end in (1.0, 0.0))
    for place, colour in zip((5, 50), ends, strict=True):
        assert tuple(picture[place, place]) == tuple(colour.astype(int))
    assert tuple(picture[94, 94]) == (205, 205, 205)


def test_outlined_clusters_have_a_line():
    points = np.array([[0.0, 0.0], [100.0, 100.0]])

    picture = pictures.scored_picture(points, np.array([0, 1]), {0: 1.0}, {0}, 100)

    assert (picture[:20, :20].sum(axis=2) < 60).any()
    assert not (picture[80:90, 80:].sum(axis=2) < 60).any(), "below is the scale bar"


@pytest.mark.parametrize(("width", "expected"), [(100.0, "110 nm"), (10.0, "11 nm"), (5000.0, "5.6 µm")])
def test_how_wide_a_picture_is(width, expected):
    assert pictures.width_text(np.array([[0.0, 0.0], [width, 1.0]])) == expected


def test_dots_lie_where_localisations_are_and_y_points_down():
    picture = paint(TWO, COLOURS, 50, 2.0, NO_RING)

    assert picture.shape == (50, 50, 3)
    edge = round(50 * 6 / 112)
    assert tuple(picture[edge, edge]) == (255, 0, 0)
    assert tuple(picture[50 - edge - 1, 50 - edge - 1]) == (0, 0, 255)
    assert (picture == 255).all(axis=2).mean() > 0.9


def test_a_scale_bar_has_the_length_that_is_written_beside_it(monkeypatch):
    monkeypatch.setattr("PIL.ImageDraw.ImageDraw.text", lambda *args, **settings: None)
    bare = paint(TWO, COLOURS, 200, 2.0, NO_RING)
    black = np.flatnonzero((bare[185:] == 0).all(axis=2).any(axis=0))
    _, span = pictures.frame(TWO)
    assert len(black) == pytest.approx(round_length(span) / span * 200, abs=1.5)
    monkeypatch.undo()
    assert (paint(TWO, COLOURS, 200, 2.0, NO_RING) != bare).any(), "the length is written"


def test_later_dots_lie_on_top():
    same = np.zeros((2, 2))

    assert tuple(paint(same, COLOURS, 50, 3.0, NO_RING)[25, 25]) == (0, 0, 255)
    assert tuple(paint(same, COLOURS[::-1], 50, 3.0, NO_RING)[25, 25]) == (255, 0, 0)


def test_the_picture_does_not_change_when_the_fov_is_shifted():
    shifted = paint(TWO + 1e6, COLOURS, 40, 2.0, NO_RING)

    assert (shifted == paint(TWO, COLOURS, 40, 2.0, NO_RING)).all()


def opened(uri):
    assert uri.startswith(HEAD)
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(HEAD)))).convert("RGB")


def test_pixels_come_back():
    pixels = np.full((8, 6, 3), 255, dtype=np.uint8)
    pixels[2, 3] = (213, 94, 0)

    assert (np.asarray(opened(data_uri(pixels))) == pixels).all()


def test_a_figure_is_made_as_narrow_as_asked_and_its_paper_is_white(tmp_path):
    path = tmp_path / "figure.png"
    Image.new("RGBA", (300, 150), (0, 0, 0, 0)).save(path)

    picture = opened(figure_uri(path, 100))

    assert picture.size == (100, 50)
    assert picture.getpixel((50, 25)) == (255, 255, 255)
    assert opened(figure_uri(path, 1000)).size == (300, 150)


def test_fovs_that_cannot_be_read_have_reasons(prepared):
    drawn = pictures.thumbnails(prepared, ["gone", "T_0"], 100_000)

    assert list(drawn.uris) == ["T_0"]
    assert "no gone.parquet" in drawn.failures["gone"]
    assert isinstance(pictures.read_clustered(prepared, "gone"), Absent)


@pytest.mark.parametrize(
    ("points", "corner", "side"), [([[0.0, 10.0], [100.0, 30.0]], [-6, -36], 112), ([[5.0, 5.0]], [-0.6, -0.6], 11.2)]
)
def test_the_frame_is_a_square_around_all_with_a_margin(points, corner, side):
    low, length = frame(np.array(points))

    assert length == pytest.approx(side)
    assert low == pytest.approx(corner)
