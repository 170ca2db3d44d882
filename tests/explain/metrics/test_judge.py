"""All metrics of one explanation."""

import math

import pytest
import torch

from locgraph.errors import DataError
from locgraph.explain.base import Explanation
from locgraph.explain.metrics import columns
from locgraph.explain.metrics.fidelity import Characterisation
from locgraph.explain.metrics.judge import JudgeSettings, judge
from locgraph.explain.metrics.selection import Selection

WEIGHTS = torch.tensor([0.2, -0.1, 0.05, 0.15])

TOP = JudgeSettings(Selection("count", 2))


@pytest.fixture
def example(make_example):
    return make_example(4, features=torch.stack([WEIGHTS, WEIGHTS], dim=1))


def test_a_row_by_hand(example, additive):
    """p of class 1 is 0.8: 0.85 by the two best alone, 0.45 without them."""
    row = judge(additive, example, Explanation(WEIGHTS), 0, TOP)

    assert list(row) == list(columns.JUDGED)
    divergence = 0.8 * math.log(0.8 / 0.85) + 0.2 * math.log(0.2 / 0.15)
    expected = {
        "fidelity_plus": 0.35,
        "fidelity_minus": -0.05,
        "fidelity_plus_accuracy": 1,
        "fidelity_minus_accuracy": 0,
        "fidelity_plus_truth": -0.35,
        "fidelity_minus_truth": 0.05,
        "fidelity_plus_truth_accuracy": 1,
        "fidelity_minus_truth_accuracy": 0,
        "characterisation": 2 / (1 / 0.35 + 1),
        "characterisation_truth": 0,
        "unfaithfulness": 1 - math.exp(-divergence),
        "sparsity": 0.5,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert row["fidelity_area"] == pytest.approx(row["fidelity_plus_area"] - row["fidelity_minus_area"])
    assert row["fidelity_area"] > 0.1


def test_values_lie_in_their_range(make_motif, finds_motif):
    generator = torch.Generator().manual_seed(0)
    for seed in range(10):
        example, _ = make_motif(seed)
        row = judge(finds_motif(), example, Explanation(torch.randn(12, generator=generator)), seed % 2)
        for name, value in row.items():
            assert columns.METRICS[name].low - 1e-6 <= value <= columns.METRICS[name].high + 1e-6, name


def test_on_the_model_and_on_the_phenomenon_agree_where_it_is_right(example, additive):
    row = judge(additive, example, Explanation(WEIGHTS), example.target, TOP)
    for name, value in row.items():
        if "truth" in name:
            assert row[name.replace("_truth", "")] == value


def test_undefined_metrics_are_none(make_example, additive):
    row = judge(additive, make_example(1, features=torch.tensor([[0.2, 0.0]])), Explanation(torch.ones(1)), None)
    absent = {name for name, value in row.items() if value is None}
    assert absent == {"concentration", "entropy", *(name for name in columns.JUDGED if "truth" in name)}


def test_settings_reach_their_place(example, additive):
    row = judge(
        additive, example, Explanation(WEIGHTS), 1, JudgeSettings(Selection("count", 1), Characterisation(3, 1), 2)
    )
    assert row["sparsity"] == 0.75
    assert row["fidelity_plus"] == pytest.approx(0.2, abs=1e-6)
    assert row["characterisation"] == pytest.approx(4 / (3 / 0.2 + 1 / 0.9), abs=1e-5)
    assert row["fidelity_plus_area"] == pytest.approx((0 + 2 * 0.35 + 0.3) / 4, abs=1e-6)


def test_scores_have_to_fit_the_fov(example, additive):
    with pytest.raises(DataError, match="expected 4 scores of clusters"):
        judge(additive, example, Explanation(torch.ones(3)), 1)


def test_each_metric_has_one_name():
    assert len(columns.METRICS) == len(columns.JUDGED) + len(columns.REPEATED) + len(columns.RANDOMISED)
    assert all(name == metric.name and metric.low < metric.high for name, metric in columns.METRICS.items())
