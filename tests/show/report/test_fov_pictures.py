"""Pictures of FOVs from prepared tables."""

import numpy as np
import pytest

from locgraph.show.figures.scored_fov import SCORE_COLOURS
from locgraph.show.report import fov_pictures
from locgraph.show.report.absent import Absent


def test_every_fov_has_a_thumbnail(prepared):
    found = fov_pictures.thumbnails(prepared, ["T_0", "L_1"], 100_000)

    assert list(found.uris) == ["T_0", "L_1"]
    assert (found.side, found.left_out, found.failures) == (112, 0, {})
    assert found.uris["T_0"] != found.uris["L_1"]


def test_many_fovs_have_smaller_thumbnails_and_the_first_are_kept(prepared):
    one = len(fov_pictures.thumbnails(prepared, ["T_0"], 500).uris["T_0"])

    found = fov_pictures.thumbnails(prepared, ["T_0", "L_1", "T_2", "L_3"], int(2.5 * one))

    assert found.side == 48
    assert list(found.uris) == ["T_0", "L_1"]
    assert found.left_out == 2
    assert sum(map(len, found.uris.values())) <= 2.5 * one


def test_a_fov_that_cannot_be_read_is_named(prepared):
    found = fov_pictures.thumbnails(prepared, ["gone", "T_0"], 100_000)

    assert list(found.uris) == ["T_0"]
    assert "no gone.parquet" in found.failures["gone"]


def test_denser_is_darker():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(scale=2, size=(200, 2)), [[100.0, 100.0]]])

    picture = fov_pictures.density_picture(points, 60).astype(int)

    lone = picture[40:, 40:].reshape(-1, 3).sum(axis=1).min()
    crowd = picture[:20, :20].reshape(-1, 3).sum(axis=1).min()
    assert crowd < lone < 3 * 255


def test_more_localisations_than_are_painted(monkeypatch):
    monkeypatch.setattr(fov_pictures, "MOST_DRAWN", 50)

    assert fov_pictures.density_picture(np.random.default_rng(0).normal(size=(500, 2)), 30).shape == (30, 30, 3)


def test_scores_have_the_colours_of_the_figures():
    points = np.array([[0.0, 0.0], [50.0, 50.0], [100.0, 100.0]])

    picture = fov_pictures.scored_picture(points, np.array([0, 1, -1]), {0: 2.0, 1: -2.0}, set(), 100)

    ends = (np.round(np.array(SCORE_COLOURS(end)[:3]) * 255) for end in (1.0, 0.0))
    for place, colour in zip((5, 50), ends, strict=True):
        assert tuple(picture[place, place]) == tuple(colour.astype(int))
    assert tuple(picture[94, 94]) == (205, 205, 205)


def test_outlined_clusters_have_a_line():
    points = np.array([[0.0, 0.0], [100.0, 100.0]])

    picture = fov_pictures.scored_picture(points, np.array([0, 1]), {0: 1.0}, {0}, 100)

    assert (picture[:20, :20].sum(axis=2) < 60).any()
    assert not (picture[80:, 80:].sum(axis=2) < 60).any()


def test_clustered_localisations(prepared):
    points, owners = fov_pictures.read_clustered(prepared, "T_0")

    assert points.shape == (24, 2)
    assert owners.tolist() == sorted(owners)
    assert isinstance(fov_pictures.read_clustered(prepared, "gone"), Absent)


@pytest.mark.parametrize(("width", "expected"), [(100.0, "110 nm"), (10.0, "11 nm"), (5000.0, "5.6 µm")])
def test_how_wide_a_picture_is(width, expected):
    assert fov_pictures.width_text(np.array([[0.0, 0.0], [width, 1.0]])) == expected
