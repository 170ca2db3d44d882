"""Explainers compared in pairs."""

import polars as pl
import pytest
import torch

from locgraph.explain.explanation import Explanation
from locgraph.explain.metrics.agreement import agreement
from locgraph.explain.metrics.selection import Selection

UP = torch.tensor([1.0, 2.0, 3.0, 4.0])


def test_pairs_by_hand():
    found = agreement(
        {
            "up": Explanation(UP),
            "same": Explanation(UP**2),
            "down": Explanation(-UP),
            "flat": Explanation(torch.zeros(4)),
        },
        Selection("count", 2),
    )

    assert found.columns == ["explainer", "other_explainer", "spearman", "kendall", "jaccard"]
    assert found.height == 6
    rows = {row[:2]: row[2:] for row in found.iter_rows()}
    assert rows["up", "same"] == pytest.approx((1, 1, 1))
    assert rows["up", "down"] == pytest.approx((-1, -1, 0))
    assert rows["same", "down"] == pytest.approx((-1, -1, 0))
    # of equal scores the first are selected, which are those that `down` prefers
    assert rows["up", "flat"] == (None, None, 0)
    assert rows["down", "flat"] == (None, None, 1)


def test_one_explainer_has_no_pair():
    found = agreement({"up": Explanation(UP)}, Selection())
    assert found.is_empty()
    assert found.schema["spearman"] == pl.Float64
