"""Words on figures; the figures themselves are drawn by test_analyse."""

import pytest

from locgraph.cli.analysis_figures import effect_words, interval, q_words, readable, readable_unit


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("q50_area_hull", "median area hull"),
        ("q10_length_pca", "10 % quantile length pca"),
        ("q2.5_count", "2.5 % quantile count"),
        ("sd_count", "s.d. count"),
        ("mean_count", "mean count"),
        ("n_clusters", "number of clusters"),
        ("quality", "quality"),
    ],
)
def test_columns_are_words(column, expected):
    assert readable(column) == expected


def test_units_have_their_powers_above_the_line():
    assert [readable_unit(unit) for unit in ("nm^2", "1/nm^3", "nm")] == ["nm²", "1/nm³", "nm"]


def test_effects_are_told_with_interval_and_corrected_p():
    pair = {"effect": "cliffs_delta", "estimate": -0.5, "low": -0.81, "high": 0.02, "q": 0.0123}
    assert effect_words(pair) == "δ = -0.50 [-0.81, 0.02], q = 0.012"
    several = {"effect": "epsilon_squared", "estimate": 0.91, "low": None, "high": None, "q": 1e-9}
    assert effect_words(several) == "ε² = 0.91, q < 0.001"
    assert q_words(None) == "no test"


def test_a_single_fold_shows_the_interval_of_its_fovs():
    row = {"interval_low": None, "interval_high": None, "pooled_low": 0.4, "pooled_high": 0.6}
    assert interval(row) == (0.4, 0.6)
    assert interval(row | {"interval_low": 0.1, "interval_high": 0.2}) == (0.1, 0.2)
