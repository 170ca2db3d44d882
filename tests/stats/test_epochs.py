"""The best epoch of each score, and the time that is left."""

import math

import pytest

from locgraph.stats.epochs import best_epochs, direction, seconds_left


def test_low_losses_and_high_scores_are_best():
    names = ("val/loss", "val/localisation_loss", "val/error", "val/accuracy", "val/f1")
    assert [direction(name) for name in names] == ["min", "min", "min", "max", "max"]


def test_the_first_of_equal_epochs_is_best_and_gaps_do_not_count():
    scores = {
        3: {"val/loss": 0.5, "val/accuracy": 0.9},
        1: {"val/loss": 0.5, "val/accuracy": None, "train/loss": 0.1},
        2: {"val/loss": math.nan, "val/accuracy": math.inf},
    }
    assert best_epochs(scores, "val/") == {"val/loss": (1, 0.5), "val/accuracy": (3, 0.9)}
    assert best_epochs(scores)["train/loss"] == (1, 0.1)
    assert best_epochs({}) == {}


def test_the_rest_takes_as_long_as_the_latest_epochs():
    assert seconds_left([100.0, 2, 2, 2, 3, 2], 4) == pytest.approx(8.0)
    assert seconds_left([2.0], 0) == 0
    assert seconds_left([], 4) is None
    assert seconds_left([1.0], None) is None
