import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from locgraph.show.figures import style
from locgraph.show.figures.bars import sweep_figure


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def figure():
    return sweep_figure({"model": {0: 0.9, 1: 0.8}}, {"model": (0.85, 0.8, 0.9)}, "accuracy", "A title")


def test_the_palette_is_that_of_okabe_and_ito():
    rgb = [(0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115)]
    rgb += [(240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)]
    np.testing.assert_allclose([to_rgb(colour) for colour in style.OKABE_ITO], np.array(rgb) / 255)
    assert set(style.CLUSTER_COLOURS) < set(style.OKABE_ITO)


def test_a_figure_has_its_printed_size():
    made = style.new_figure(style.COLUMN_MM, 50.8)
    np.testing.assert_allclose(made.get_size_inches(), [3.504, 2.0], atol=1e-3)


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
    plain = pixels(figure())
    theirs = {"font.size": 20, "axes.facecolor": "black", "xtick.labelsize": 15, "axes.grid": True, "text.color": "red"}
    with matplotlib.rc_context(theirs):
        np.testing.assert_array_equal(pixels(figure()), plain)


def test_neither_pyplot_nor_torch_is_loaded():
    folder = Path(style.__file__).parent
    names = [f"locgraph.show.figures.{path.stem}" for path in folder.glob("[a-z]*.py")]
    names += [f"locgraph.analysis.{path.stem}" for path in (folder.parent / "analysis").glob("[a-z]*.py")]
    code = f"import sys, {', '.join(names)}\nprint([n for n in ('matplotlib.pyplot', 'torch') if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
