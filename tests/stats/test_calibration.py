"""Calibration on cases counted by hand, against torchmetrics, and where nothing can be said."""

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import log_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from locgraph.errors import DataError
from locgraph.stats.calibration import calibration, calibration_of


def binary(confidences):
    """Rows that predict class 0 with these probabilities."""
    first = np.asarray(confidences, dtype=np.float64)
    return np.stack([first, 1 - first], axis=1)


def test_bins_error_and_score_counted_by_hand():
    found = calibration(binary([0.55, 0.95, 0.95, 0.95]), np.array([1, 0, 0, 1]), n_bins=10)

    low, high = found.bins
    assert (low.low, low.high, low.count) == pytest.approx((0.5, 0.6, 1))
    assert (low.confidence, low.accuracy.estimate) == pytest.approx((0.55, 0.0))
    assert (high.count, high.confidence, high.accuracy.estimate) == pytest.approx((3, 0.95, 2 / 3))
    assert found.error == pytest.approx((0.55 + 3 * (0.95 - 2 / 3)) / 4)
    assert found.brier == pytest.approx((2 * 0.55**2 + 2 * 2 * 0.05**2 + 2 * 0.95**2) / 4)
    assert (found.n_cases, found.accuracy, found.mean_confidence) == pytest.approx((4, 0.5, 0.85))


@pytest.mark.parametrize(("rows", "brier"), [([[1.0, 0, 0]], 0.0), ([[0, 1.0, 0]], 2.0), ([[1 / 3] * 3], 1 - 1 / 3)])
def test_ends_of_the_brier_score(rows, brier):
    assert calibration(np.array(rows), np.array([0])).brier == pytest.approx(brier)


def test_the_error_is_that_of_torchmetrics():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.6] * 4, size=300)
    targets = rng.integers(4, size=300)

    found = calibration(probabilities, targets, n_bins=15)

    expected = multiclass_calibration_error(torch.tensor(probabilities), torch.tensor(targets), 4, n_bins=15)
    assert found.error == pytest.approx(expected.item(), abs=1e-6)
    assert sum(found_bin.count for found_bin in found.bins) == 300


def test_upper_ends_belong_to_their_bin_and_certainty_to_the_last():
    found = calibration(binary([0.6, 1.0, 1.0 + 1e-9]), np.array([0, 0, 0]), n_bins=10)

    assert [(round(one.low, 6), one.count) for one in found.bins] == [(0.5, 1), (0.9, 2)]


def test_the_adaptive_error_is_that_of_bins_with_equally_many_cases():
    found = calibration(binary([0.6, 0.7, 0.8, 0.9]), np.array([1, 0, 0, 0]), n_bins=2)

    assert found.adaptive_error == pytest.approx((2 * abs(0.65 - 0.5) + 2 * abs(0.85 - 1.0)) / 4)


def test_the_parts_of_the_brier_score_add_up():
    # every probability is one of the middles of bins, so that nothing varies within a bin
    rng = np.random.default_rng(1)
    first = rng.choice([0.1, 0.3, 0.7, 0.9], 500)
    found = calibration(binary(first), rng.integers(2, size=500), n_bins=5)

    assert found.brier == pytest.approx(found.reliability - found.resolution + found.uncertainty)
    assert min(found.reliability, found.resolution) >= 0


def test_perfect_calibration_has_no_unreliability():
    targets = np.repeat([0, 1], [70, 30])
    found = calibration(binary(np.full(100, 0.7)), targets)

    assert (found.reliability, found.resolution) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert found.uncertainty == pytest.approx(found.brier) == pytest.approx(2 * 0.7 * 0.3)


def test_the_log_likelihood_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    probabilities, targets = rng.dirichlet([0.6] * 4, size=200), rng.integers(4, size=200)

    assert calibration(probabilities, targets).nll == pytest.approx(log_loss(targets, probabilities, labels=range(4)))


def table(**changes):
    columns = {"truth": ["L", None, "T"], "p_T": [0.2, 0.5, 0.9], "p_L": [0.8, 0.5, 0.1]}
    return pl.DataFrame(columns | changes)


def test_a_table_counts_rows_with_a_truth():
    found = calibration_of(table(), ["T", "L"])

    assert found.n_cases == 2
    assert found.accuracy == 1.0
    assert found.brier == pytest.approx((2 * 0.04 + 2 * 0.01) / 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: calibration(np.zeros((0, 2)), np.zeros(0, dtype=int)), "at least one case"),
        (lambda: calibration(binary([0.5]), np.array([0, 1])), r"found shapes \(1, 2\) and \(2,\)"),
        (lambda: calibration(np.array([[0.5, 0.2]]), np.array([0])), "sum to 1"),
        (lambda: calibration(np.array([[np.nan, 1.0]]), np.array([0])), "sum to 1"),
        (lambda: calibration(binary([0.5]), np.array([2])), "targets from 0 to 1, found 2 to 2"),
        (lambda: calibration(binary([0.5]), np.array([0]), n_bins=0), "n_bins: expected at least one bin, found 0"),
        (lambda: calibration_of(table(), ["T", "O"]), "expected predictions with p_O"),
        (lambda: calibration_of(table(truth=["X", "T", "T"]), ["T", "L"]), r"found \['X'\]"),
        (lambda: calibration_of(table(truth=pl.Series([None] * 3, dtype=pl.String)), ["T", "L"]), "at least one case"),
    ],
)
def test_what_cannot_be_judged_is_told(make, message):
    with pytest.raises(DataError, match=message):
        make()
