import matplotlib.image
import pytest

from locgraph.errors import ConfigError
from locgraph.show.figures.save import read_picture, save_figure
from locgraph.show.figures.style import new_figure


def figure():
    made = new_figure(50.8, 25.4)
    made.add_subplot().plot([0, 1], [1, 0])
    return made


def test_a_png_has_two_hundred_dots_per_inch_and_leaves_no_other_file(tmp_path):
    save_figure(figure(), tmp_path / "made" / "figure.png")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["figure.png"]
    assert matplotlib.image.imread(tmp_path / "made" / "figure.png").shape == (200, 400, 4)


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")]
)
def test_the_suffix_chooses_the_format_and_bytes_are_the_same_every_time(tmp_path, suffix, start):
    one, other = tmp_path / f"one.{suffix}", tmp_path / f"other.{suffix}"
    save_figure(figure(), one)
    save_figure(figure(), other)
    assert one.read_bytes().startswith(start)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", ["figure.jpg", "figure"])
def test_another_suffix_is_refused_and_nothing_written(tmp_path, name):
    with pytest.raises(ConfigError, match=r"\.png, \.svg, \.pdf"):
        save_figure(figure(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_drawing_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")
    broken = figure()
    broken.axes[0].set_title("$\\nothing$")
    with pytest.raises(ValueError, match="nothing"):
        save_figure(broken, path)
    assert [found.read_bytes() for found in tmp_path.iterdir()] == [b"old"]


def test_a_saved_picture_is_read_back(tmp_path):
    figure = new_figure(50.0, 25.0)
    save_figure(figure, tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.shape[1] == pytest.approx(2 * picture.shape[0], abs=2)
    assert picture.min() >= 0.0
    assert picture.max() == 1.0
