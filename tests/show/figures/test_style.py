"""The look of all figures, classes, scale bars, and files."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from locgraph.errors import ConfigError
from locgraph.show.figures import style
from locgraph.show.figures.bars import sweep_figure


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def bars():
    return sweep_figure({"model": {0: 0.9, 1: 0.8}}, {"model": (0.85, 0.8, 0.9)}, "accuracy", "A title")


def line():
    figure = style.new_figure(50.8, 25.4)
    figure.add_subplot().plot([0, 1], [1, 0])
    return figure


def test_settings_are_put_back_even_after_an_error():
    before = dict(matplotlib.rcParams)

    @style.house_style()
    def broken():
        assert matplotlib.rcParams["font.size"] == style.TEXT_POINTS
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        broken()
    assert dict(matplotlib.rcParams) == before


def test_settings_of_the_user_do_not_change_a_figure():
    plain = pixels(bars())
    theirs = {"font.size": 20, "axes.facecolor": "black", "xtick.labelsize": 15, "axes.grid": True, "text.color": "red"}
    with matplotlib.rc_context(theirs):
        np.testing.assert_array_equal(pixels(bars()), plain)


def test_neither_pyplot_nor_torch_is_loaded():
    folder = Path(style.__file__).parent
    names = [f"locgraph.show.figures.{path.stem}" for path in folder.glob("[a-z]*.py")]
    code = f"import sys, {', '.join(names)}\nprint([n for n in ('matplotlib.pyplot', 'torch') if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_classes_differ_in_colour_and_symbol_as_long_as_there_are_any():
    marks = style.class_marks([f"c{index}" for index in range(56)])
    first = list(marks.values())[:7]

    assert len({mark.colour for mark in first}) == len({mark.symbol for mark in first}) == 7
    assert len(set(marks.values())) == 56
    assert style.class_marks(["c0", "c1"])["c1"] == marks["c1"], "later classes change nothing"


@pytest.mark.parametrize(
    ("span", "length"), [(100, 20), (170, 50), (1000 / 3, 100), (10, 2), (3, 0.5), (40_000, 10_000)]
)
def test_a_scale_bar_has_a_round_length_of_at_most_a_third(span, length):
    assert style.round_length(span) == pytest.approx(length)


@pytest.mark.parametrize("power", range(-3, 10))
def test_lengths_keep_their_digits_in_every_decade(power):
    assert [style.round_length(factor * 10.0**power / 0.3) for factor in (1, 1.9, 2, 4.9, 5, 9.9)] == pytest.approx(
        [factor * 10.0**power for factor in (1, 1, 2, 2, 5, 5)]
    )


@pytest.mark.parametrize(("length", "text"), [(0.5, "0.5 nm"), (500, "500 nm"), (2000, "2 µm"), (5e6, "5 mm")])
def test_lengths_are_written_in_the_unit_that_reads_best(length, text):
    assert style.length_text(length) == text


def test_a_scale_bar_ends_at_the_right_and_has_its_true_length():
    axes = style.new_figure(50, 50).add_subplot()
    style.draw_scale_bar(axes, right_nm=70.0, y_nm=-3.0, span_nm=100.0)
    assert axes.lines[0].get_xydata().tolist() == [[50, -3], [70, -3]]
    assert axes.texts[0].get_text() == "20 nm"


def test_a_png_has_its_printed_size_and_is_read_back(tmp_path):
    path = tmp_path / "made" / "figure.png"
    style.save_figure(line(), path)

    picture = style.read_picture(path)

    assert [other.name for other in path.parent.iterdir()] == ["figure.png"]
    assert picture.shape == (200, 400, 4), "two inches at 200 dots per inch"
    assert picture.min() >= 0.0
    assert picture.max() == 1.0


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")]
)
def test_the_suffix_chooses_the_format_and_bytes_are_the_same_every_time(tmp_path, suffix, start):
    one, other = tmp_path / f"one.{suffix}", tmp_path / f"other.{suffix}"
    style.save_figure(line(), one)
    style.save_figure(line(), other)
    assert one.read_bytes().startswith(start)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", ["figure.jpg", "figure"])
def test_another_suffix_is_refused_and_nothing_written(tmp_path, name):
    with pytest.raises(ConfigError, match=r"^path: .*\.png, \.svg, \.pdf, found .*figure"):
        style.save_figure(line(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_drawing_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")
    broken = line()
    broken.axes[0].set_title("$\\nothing$")
    with pytest.raises(ValueError, match="nothing"):
        style.save_figure(broken, path)
    assert [other.read_bytes() for other in tmp_path.iterdir()] == [b"old"]


def test_notebooks_show_a_figure_as_a_picture():
    assert style.new_figure(30, 20)._repr_png_().startswith(b"\x89PNG")


def test_a_long_title_breaks_into_lines_within_the_figure():
    with style.house_style():
        figure = style.new_figure(60, 40)
        style.write_title(figure, "Principal components of learned vectors, test FOVs of each fold $x")
    title = figure._suptitle
    box = title.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert title.get_text().count("\n") >= 1
    assert box.x1 <= figure.bbox.x1


def test_large_and_small_numbers_are_written_out_beside_an_axis():
    with style.house_style():
        figure = style.new_figure(60, 40)
        axes = figure.add_subplot()
        axes.plot([0.00002, 0.00003], [5_000_001.0, 5_000_002.0])
        figure.canvas.draw()
    for axis in (axes.xaxis, axes.yaxis):
        assert axis.get_offset_text().get_text() == ""
