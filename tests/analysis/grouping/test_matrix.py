"""The one matrix of all algorithms: blocks, robust scales, weights, and what is left out."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from builders.grouping import units_of
from locgraph.analysis.grouping.blocks import block_of
from locgraph.analysis.grouping.matrix import MatrixSettings, unit_matrix
from locgraph.errors import ConfigError, DataError

RNG = np.random.default_rng(0)


def distances(columns, blocks, **settings):
    units = units_of(columns, blocks, dict.fromkeys(columns, "linear"))
    return squareform(pdist(unit_matrix(units, MatrixSettings(**settings)).values))


def test_squared_distances_are_weighted_means_of_squares_over_blocks():
    columns = {"a": [0.0, 1, 2, 3, 40], "b": [0.0, 10, 20, 30, 40], "c": [5.0, 4, 3, 2, 1]}
    blocks = {"a": "size", "b": "size", "c": "shape"}
    found = distances(columns, blocks, weights={"size": 2, "shape": 3}, limit=None)
    scale = 1.4826 * np.array([1.0, 10.0, 1.0])  # median absolute deviations
    first, last = (np.array([columns[name][row] for name in columns]) / scale for row in (0, 4))
    a, b, c = (last - first) ** 2
    assert found[0, 4] ** 2 == pytest.approx(2 * (a + b) / 2 + 3 * c)


def test_a_block_counts_by_its_weight_whatever_its_number_of_columns():
    one = RNG.normal(size=20)
    other = RNG.normal(size=20)
    single = distances({"a": one, "b": other}, {"a": "size", "b": "shape"})
    repeated = {"a": one, "a2": one, "a3": one, "b": other}
    blocks = {"a": "size", "a2": "size", "a3": "size", "b": "shape"}
    assert distances(repeated, blocks) == pytest.approx(single)
    # units do not matter
    assert distances(repeated | {"a": 1e6 * one + 3}, blocks) == pytest.approx(single)


def test_values_far_away_count_as_the_limit():
    columns = {"a": [*np.linspace(-1, 1, 21), 1e9], "b": RNG.normal(size=22)}
    values = unit_matrix(units_of(columns), MatrixSettings(limit=4.0)).values
    assert np.abs(values).max() * np.sqrt(2) == pytest.approx(4.0)


def test_scales_that_features_state_are_kept_and_others_found():
    lengths = np.exp(RNG.normal(size=200))
    columns = {"stated": lengths, "skewed": lengths, "even": RNG.normal(size=200), "fraction": lengths / 1e3}
    units = units_of(columns, scales={"stated": "log", "fraction": "fraction"})
    transforms = unit_matrix(units, MatrixSettings()).transforms
    assert transforms == {"stated": "log", "skewed": "log", "even": "linear", "fraction": "linear"}


def test_zero_counts_as_the_smallest_under_a_logarithm():
    units = units_of({"a": [0.0, 1.0, 10.0, 100.0]}, scales={"a": "log"})
    values = unit_matrix(units, MatrixSettings()).values[:, 0]
    assert values[0] == values[1] < values[2]
    assert values[3] - values[2] == pytest.approx(values[2] - values[1])


@pytest.mark.parametrize("how", ["together", "each", "whitened"])
def test_learned_vectors_are_scaled_as_chosen(how):
    vectors = RNG.normal(size=(200, 3)) * [10.0, 1.0, 1.0]
    columns = {f"v_{place}": column for place, column in enumerate(vectors.T)}
    matrix = unit_matrix(
        units_of(columns, "learned"), MatrixSettings(learned=how, limit=100.0 if how == "each" else 1.0)
    )
    spread = matrix.values.std(axis=0)
    if how == "together":  # their own distances, but for one factor
        ratio = pdist(matrix.values) / pdist(vectors)
        assert ratio == pytest.approx(np.full(len(ratio), ratio[0]))
    if how == "each":
        assert spread == pytest.approx(np.full(3, spread[0]), rel=0.3)
    if how == "whitened":  # 95 % of the variance lies along the first
        assert matrix.columns == ("component_1",)


def test_what_is_left_out_is_named():
    values = RNG.normal(size=40)
    gaps, hole = values.copy(), values.copy()
    gaps[:10], hole[3] = np.nan, np.inf
    columns = {"a": values, "gaps": gaps, "hole": hole, "same": np.full(40, 0.1)}
    matrix = unit_matrix(units_of(columns), MatrixSettings())
    assert matrix.columns == ("a", "hole")
    assert matrix.columns_left_out == {
        "gaps": "no value in 25.0% of the FOVs",
        "same": "the same value in all FOVs",
    }
    assert matrix.rows.tolist() == [row for row in range(40) if row != 3]
    assert "2 columns are left out" in matrix.notes[0]
    assert "1 of 40 FOVs lack a value and have no group" in matrix.notes


def test_units_without_a_learned_vector_are_left_out():
    vector = np.where(np.arange(20) < 8, np.nan, RNG.normal(size=20))
    units = units_of({"v_0": vector, "a": RNG.normal(size=20)}, {"v_0": "learned", "a": "shape"})
    assert len(unit_matrix(units, MatrixSettings()).rows) == 12  # embeddings alone
    assert len(unit_matrix(units, MatrixSettings(weights={"shape": 1})).rows) == 20


def test_orientation_counts_only_where_it_is_named():
    units = units_of({"angle": RNG.normal(size=9), "a": RNG.normal(size=9)}, {"angle": "orientation", "a": "shape"})
    assert unit_matrix(units, MatrixSettings()).columns == ("a",)
    assert unit_matrix(units, MatrixSettings(weights={"orientation": 1})).columns == ("angle",)


@pytest.mark.parametrize(
    ("weights", "setting", "words"),
    [
        ({"learned": 1}, "weights.learned", "expected a block that is there, shape; found 'learned'"),
        ({"shape": 0}, "weights.shape", "above 0"),
        ({}, "weights", "a weight for each block"),
    ],
)
def test_weights_that_cannot_work(weights, setting, words):
    with pytest.raises(ConfigError, match=words) as caught:
        unit_matrix(units_of({"a": [1.0, 2, 3]}), MatrixSettings(weights=weights))
    assert caught.value.setting == setting


def test_a_weight_for_a_block_without_a_usable_column():
    units = units_of({"a": [1.0, 2, 3], "b": [4.0, 4, 4]}, {"a": "shape", "b": "size"})
    with pytest.raises(ConfigError, match="no column of this block can be used: b: the same value") as caught:
        unit_matrix(units, MatrixSettings(weights={"size": 1, "shape": 1}))
    assert caught.value.setting == "weights.size"


def test_nothing_to_group():
    with pytest.raises(DataError, match="expected at least 3 FOVs to group; found 1"):
        unit_matrix(units_of({"a": [1.0]}), MatrixSettings())
    with pytest.raises(DataError, match="expected FOVs that differ, found none that do: a: the same value"):
        unit_matrix(units_of({"a": [1.0, 1.0, 1.0]}), MatrixSettings())
    with pytest.raises(
        DataError, match="at least 3 FOVs to group, each with a value in every column that is used; found 0"
    ):
        unit_matrix(units_of({"a": [np.nan] * 3}), MatrixSettings(max_missing=1.0))


@pytest.mark.parametrize(
    ("feature", "unit", "block"),
    [
        ("area_hull", "nm^2", "size"),
        ("density_hull", "1/nm^2", "texture"),
        ("spacing_mean", "nm", "texture"),
        ("linearity", "1", "shape"),
        ("count", "1", "count"),
        ("photons_mean", "photons", "intensity"),
        ("on_time_mean", "frames", "photophysics"),
        ("neighbour_distance", "nm", "neighbourhood"),
        ("ripley_l_100", "nm", "neighbourhood"),
        ("fraction_0", "1", "channels"),
        ("orientation", "rad", "orientation"),
        ("v_3", "1", "learned"),
        ("object_skeleton_length", "nm", "size"),
        ("object_intensity_mean", "1", "intensity"),
        ("gap", "nm", "neighbourhood"),
    ],
)
def test_blocks_of_features(feature, unit, block):
    assert block_of(feature, unit) == block


@pytest.mark.parametrize(
    ("settings", "setting"),
    [({"learned": "pca"}, "learned"), ({"limit": 0}, "limit"), ({"max_missing": 2}, "max_missing")],
)
def test_wrong_settings_are_named(settings, setting):
    with pytest.raises(ConfigError) as caught:
        MatrixSettings(**settings)
    assert caught.value.setting == setting
