"""The figure of a comparison: what stands where."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.sweeps.comparison import compare_methods
from locgraph.analysis.sweeps.methods import Method
from locgraph.analysis.sweeps.outcomes import COLUMNS
from locgraph.show.figures.comparison import comparison_picture

VALUES = {
    "A": [0.9, 0.91, 0.92, 0.9, 0.93],
    "a_very_long_name_of_a_method_that_does_not_fit_beside_others": [0.91, 0.9, 0.92, 0.91, 0.92],
    "C": [0.3, 0.31, 0.29, 0.32, 0.3],
}


def compared(names, all_pairs, **settings):
    methods = [Method(n, {"accuracy": dict(enumerate(VALUES[n]))}, pl.DataFrame(schema=COLUMNS), 0.25) for n in names]
    return compare_methods(methods, all_pairs=all_pairs, **settings)


def test_three_methods_have_ranks_with_those_alike_joined():
    comparison = compared(VALUES, all_pairs=True)
    ranks, differences = comparison_picture(comparison).axes
    texts = [text.get_text() for text in ranks.texts]
    assert "C  0.304" in texts
    assert any("…" in text for text in texts)
    (bar,) = (line for line in ranks.lines if line.get_linewidth() > 2)
    assert bar.get_xdata()[0] < 1.5 < bar.get_xdata()[1] < 3
    assert [label.get_text() for label in differences.get_yticklabels()][1] == "A − C"
    assert len(differences.collections) == 3
    np.testing.assert_allclose(differences.collections[1].get_offsets()[:, 0], np.subtract(VALUES["A"], VALUES["C"]))


@pytest.mark.parametrize(("names", "all_pairs"), [("AC", True), (list(VALUES), False)])
def test_pairs_alone_have_differences_alone(names, all_pairs):
    comparison = compared(names, all_pairs, rope=0.05)
    (axes,) = comparison_picture(comparison).axes
    assert len(axes.get_yticklabels()) == len(names) - 1
    assert "±0.05" in axes.get_xlabel()
    assert "p < 0.001" in axes.texts[-1].get_text()
    assert "practically" not in comparison_picture(compared("AC", True, rope=0.0)).axes[0].get_xlabel()
