"""The error of predictions that are kept."""

import numpy as np
import pytest

from locgraph.stats.selective import area_under_errors, error_over_coverage, kept_at_error

CONFIDENCE = np.array([0.5, 0.9, 0.7, 0.7])
RIGHT = np.array([False, True, False, True])


def test_the_least_sure_are_withheld_first_and_ties_together():
    coverage, errors = error_over_coverage(CONFIDENCE, RIGHT)

    np.testing.assert_allclose(coverage, [0.25, 0.75, 1.0])
    np.testing.assert_allclose(errors, [0.0, 1 / 3, 0.5])


def test_how_many_are_kept_at_an_error():
    assert [kept_at_error(CONFIDENCE, RIGHT, error) for error in (0.0, 0.4, 0.5)] == [0.25, 0.75, 1.0]
    assert kept_at_error(np.array([0.9]), np.array([False]), 0.2) == 0.0


def test_the_area_is_the_error_rate_where_confidence_says_nothing():
    assert area_under_errors(np.full(4, 0.5), RIGHT) == pytest.approx(0.5)
    assert area_under_errors(CONFIDENCE, RIGHT) == pytest.approx(0.5 / 3 + 0.25 * 0.5)
