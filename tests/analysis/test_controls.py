"""Controls: the descriptor against scipy, what each control may use, and known accuracies on real FOVs."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import pdist
from sklearn.model_selection import StratifiedKFold

from builders.runs import small_fov
from locgraph.analysis import controls
from locgraph.analysis.control_inputs import ControlInputs, read_inputs
from locgraph.analysis.controls import (
    MEANINGS,
    fit_max_distance,
    fov_descriptor,
    predict_controls,
    run_controls,
    score_controls,
    shuffle_positions,
    thin_to_equal_counts,
)
from locgraph.errors import ConfigError, DataError, FoldError
from locgraph.io.featextracted import write_fov
from locgraph.preparation.featextracted import manifest_of


def ring(rng, n):
    angle = rng.uniform(0, 2 * np.pi, n)
    return 50 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def line(rng, n):
    return np.stack([rng.uniform(-80, 80, n), np.zeros(n)], axis=1)


def made_fovs(n_each=12, counts=(60, 60)):
    """Rings and lines, with a number of localisations for each class; positions far apart on the coverslip."""
    rng = np.random.default_rng(1)
    positions, labels = {}, {}
    for name, draw, count in (("ring", ring, counts[0]), ("line", line, counts[1])):
        for index in range(n_each):
            fov = f"{name}/{index:02d}"
            positions[fov] = draw(rng, count + index % 3) + rng.normal(size=2) * 1e5
            labels[fov] = name
    return positions, labels, sorted(positions)[::2], sorted(positions)[1::2]


def accuracies(table, column="accuracy"):
    return dict(zip(table["control"], table[column], strict=True))


def test_shapes_are_told_apart_by_distances_and_not_by_number():
    positions, labels, train, test = made_fovs()
    table = run_controls(positions, labels, train, test, seed=0)
    assert table.columns == ["control", "accuracy", "balanced_accuracy", "n_train", "n_test"]
    needs_tables = (controls.CLUSTER_FEATURES, controls.CLUSTERED_PAIR_DISTANCES, controls.CHANNEL_PAIR_DISTANCES)
    assert table["control"].to_list() == [name for name in MEANINGS if name not in needs_tables]
    assert set(table["n_train"]) == {12}
    assert set(table["n_test"]) == {12}
    found = accuracies(table)
    assert found[controls.PAIR_DISTANCES] == found[controls.PAIR_DISTANCES_AND_COUNT] == 1
    assert found[controls.EQUAL_COUNTS] == 1
    assert found[controls.COUNT_ALONE] < 0.8
    assert found[controls.SHUFFLED_POSITIONS] < 0.85
    assert found[controls.MAJORITY_CLASS] == 0.5


def test_controls_on_clusters_see_what_positions_do_not():
    positions, labels, train, test = made_fovs()
    rng = np.random.default_rng(3)
    noise = {fov: rng.normal(size=(90, 2)) for fov in positions}
    features = {fov: np.array([float(labels[fov] == "ring"), rng.normal(), np.nan]) for fov in positions}
    features[train[0]][0] = np.nan

    channels = {fov: np.arange(90) % 2 for fov in positions}
    inputs = ControlInputs(noise, positions, features, channels)
    predictions = predict_controls(inputs, labels, train, test, seed=0)

    found = accuracies(score_controls(predictions, len(train)))
    assert list(found) == list(MEANINGS)
    assert found[controls.CLUSTER_FEATURES] == found[controls.CLUSTERED_PAIR_DISTANCES] == 1
    assert found[controls.PAIR_DISTANCES] < 0.9
    assert predictions.height == len(MEANINGS) * len(test)
    assert dict(predictions.filter(control="majority_class").select("fov_id", "truth").iter_rows()) == {
        fov: labels[fov] for fov in test
    }
    same = predict_controls(ControlInputs(positions, positions, features), labels, train, test, seed=0)
    assert controls.CLUSTERED_PAIR_DISTANCES not in same["control"].to_list()


def test_inputs_hold_all_localisations_of_the_whole_fov(tmp_path):
    rng = np.random.default_rng(0)
    fov = small_fov("a_0", "a", ("a", "b"), None, rng)
    noise = fov.locs.head(3).with_columns(cluster_id=pl.lit(-1, pl.Int64))
    clusters = fov.clusters.with_columns(linearity=pl.lit(np.inf))
    other_view = [table.with_columns(view=pl.lit(1, pl.Int64)) for table in (fov.locs, fov.clusters)]
    locs = pl.concat([noise, fov.locs, other_view[0]])
    write_fov(tmp_path, replace(fov, locs=locs, clusters=pl.concat([clusters, other_view[1]])))

    inputs = read_inputs(tmp_path, ["a_0"], manifest_of(tmp_path).table)

    np.testing.assert_array_equal(inputs.clustered["a_0"], fov.locs.select("x", "y").to_numpy())
    assert len(inputs.positions["a_0"]) == fov.locs.height + 3
    values = inputs.features["a_0"]
    assert fov.clusters["radius_of_gyration"].mean() in values.tolist()
    assert values[:2].tolist() == [5, 30]
    assert np.isnan(values).any()
    assert not np.isinf(values).any()


def test_a_leak_through_the_number_is_shown_and_thinning_removes_it():
    positions, labels, train, test = made_fovs(n_each=30, counts=(60, 400))
    rng = np.random.default_rng(2)
    same_shape = {fov: rng.normal(size=points.shape) for fov, points in positions.items()}
    found = accuracies(run_controls(same_shape, labels, train, test, seed=0))
    assert found[controls.COUNT_ALONE] == 1
    # With the number among 62 columns of noise a forest still finds it, if not always.
    assert found[controls.SHUFFLED_POSITIONS] > 0.85
    assert found[controls.EQUAL_COUNTS] < 0.75


def test_accuracy_and_balanced_accuracy_of_the_majority_by_hand():
    positions, labels, _, _ = made_fovs(n_each=4)
    train = ["ring/00", "ring/01", "line/00"]
    test = ["ring/02", "ring/03", "line/01", "line/02", "line/03"]
    table = run_controls(positions, labels, train, test, seed=0)
    assert accuracies(table)[controls.MAJORITY_CLASS] == pytest.approx(2 / 5)
    assert accuracies(table, "balanced_accuracy")[controls.MAJORITY_CLASS] == pytest.approx(1 / 2)


def test_neither_order_nor_other_fovs_change_the_result():
    positions, labels, train, test = made_fovs()
    table = run_controls(positions, labels, train, test, seed=3)
    others = {"other": np.full((4, 2), np.nan)} | dict(reversed(positions.items()))
    assert run_controls(others, labels | {"other": "ring"}, train[::-1], test[::-1], seed=3).equals(table)


def test_shuffling_keeps_numbers_and_draws_from_centred_training_fovs_only():
    clouds = {
        "a": np.array([[100.0, 0.0], [102.0, 0.0]]),
        "b": np.array([[0.0, 7.0], [0.0, 1.0], [0.0, 1.0]]),
        "c": np.arange(80.0).reshape(40, 2),
    }
    shuffled = shuffle_positions(clouds, ["a", "b"], seed=0)
    assert {fov: points.shape for fov, points in shuffled.items()} == {"a": (2, 2), "b": (3, 2), "c": (40, 2)}
    assert {tuple(point) for point in shuffled["c"]} == {(-1, 0), (1, 0), (0, 4), (0, -2)}


def test_one_large_fov_is_not_the_pool_of_all():
    clouds = {f"f{index}": np.array([[0.0, 0.0], [1.0, 1.0]]) for index in range(30)}
    clouds["whole"] = np.random.default_rng(0).uniform(1000, 9000, (5000, 2))

    shuffled = shuffle_positions(clouds, list(clouds), seed=0)

    drawn = np.concatenate([shuffled[f"f{index}"] for index in range(30)])
    assert (np.abs(drawn) < 1).all(axis=1).mean() > 0.8


def test_thinning_keeps_distinct_rows_of_each_fov():
    clouds = {"small": np.arange(50.0).reshape(25, 2), "big": np.arange(400.0).reshape(200, 2)}
    thinned = thin_to_equal_counts(clouds, seed=0)
    np.testing.assert_array_equal(thinned["small"], clouds["small"])
    tiny = thin_to_equal_counts(clouds | {"tiny": np.zeros((2, 2))}, seed=0)
    assert {fov: len(points) for fov, points in tiny.items()} == {"small": 20, "big": 20, "tiny": 2}
    assert len(np.unique(thinned["big"], axis=0)) == 25
    assert set(map(tuple, thinned["big"])) <= set(map(tuple, clouds["big"]))


def test_the_known_accuracies_on_real_fovs(test_data):
    folder = test_data / "digits_letters"
    positions, labels = {}, {}
    for path in sorted(folder.glob("*.parquet")):
        metadata = pl.read_parquet_metadata(path)
        positions[path.stem] = pl.read_parquet(path).select("x", "y").to_numpy().astype(np.float64)
        labels[path.stem] = json.loads(metadata["gt_label_map"])[metadata["gt_label"]]
    fovs, truth = np.array(list(positions)), list(labels.values())
    splits = StratifiedKFold(5, shuffle=True, random_state=0).split(fovs, truth)
    tables = [run_controls(positions, labels, fovs[train], fovs[test], seed=0) for train, test in splits]
    means = pl.concat(tables).group_by("control").agg(pl.col("accuracy").mean())
    found = accuracies(means)
    assert found[controls.PAIR_DISTANCES_AND_COUNT] == pytest.approx(0.94, abs=0.015)
    assert found[controls.PAIR_DISTANCES] == pytest.approx(0.89, abs=0.015)
    assert found[controls.COUNT_ALONE] == pytest.approx(0.50, abs=0.02)
    assert found[controls.SHUFFLED_POSITIONS] < 0.53
    assert 0.80 < found[controls.EQUAL_COUNTS] < 0.90
    assert found[controls.MAJORITY_CLASS] == pytest.approx(1 / 7)


def describe(points, **changes):
    return fov_descriptor(np.asarray(points, dtype=float), **{"max_distance_nm": 10.0, "with_count": False} | changes)


def cloud(n=120, dimensions=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dimensions)) * [3.0, 1.0, 0.5][:dimensions]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_histogram_agrees_with_scipy_and_numpy(dimensions):
    points = cloud(dimensions=dimensions)
    distances = np.minimum(pdist(points), 7.999)
    expected = np.histogram(distances, bins=60, range=(0, 8))[0] / len(distances)
    found = describe(points, max_distance_nm=8.0)
    np.testing.assert_allclose(found[:60], expected)
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(points.T, bias=True)))[::-1]
    np.testing.assert_allclose(found[60:], deviations)
    np.testing.assert_array_equal(describe(points, max_distance_nm=8.0, with_count=True), [*found, 120])


def test_shift_rotation_reflection_and_order_change_nothing():
    points = cloud()
    angle = 0.7
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (points @ rotation * [1, -1] + [1e6, -2e6])[::-1]
    np.testing.assert_allclose(describe(moved), describe(points), atol=1e-6)


def test_one_localisation_and_repeated_ones():
    np.testing.assert_array_equal(describe([[3, 4]], with_count=True), [*np.zeros(62), 1])
    repeated = describe([[3, 4]] * 5)
    assert repeated[0] == 1
    assert not repeated[1:].any()


def test_the_range_is_the_largest_distance_and_ignores_a_stray_fov():
    fovs = [np.array([[0.0, 0.0], [length, 0.0]]) for length in np.linspace(1, 2, 200)]
    assert fit_max_distance(fovs[-1:]) == 2
    assert fit_max_distance([*fovs, np.array([[0.0, 0.0], [1e6, 0.0]])]) < 2.1
    assert fit_max_distance([*fovs[:20], np.array([[0.0, 0.0], [1e6, 0.0]])]) < 2.1


@pytest.mark.parametrize("fovs", [[], [np.zeros((1, 2))], [np.ones((5, 2)), np.zeros((1, 2))]])
def test_a_range_needs_two_places(fovs):
    with pytest.raises(DataError, match="different places"):
        fit_max_distance(fovs)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"train": []}, FoldError, "training and test FOVs, found 0 and 2"),
        ({"test": []}, FoldError, "training and test"),
        ({"train": ["ring/00", "line/01"], "test": ["line/01"]}, FoldError, "in both: line/01"),
        ({"train": ["ring/00", "ring/00"]}, FoldError, "twice"),
        ({"train": ["ring/00", "lost"]}, DataError, "FOV lost is in the fold but has no positions"),
        ({"labels": {"line/01": None}}, DataError, "FOV line/01 is in the fold but has no label"),
        ({"positions": {"line/01": np.zeros((5, 3))}}, DataError, "FOV line/01: expected positions like"),
    ],
)
def test_folds_that_do_not_fit_are_refused(change, error, message):
    positions, labels, _, _ = made_fovs(2)
    train, test = change.get("train", ["line/00", "ring/00"]), change.get("test", ["line/01", "ring/01"])
    positions, labels = positions | change.get("positions", {}), labels | change.get("labels", {})
    with pytest.raises(error, match=message):
        run_controls(positions, labels, train, test, seed=0)


@pytest.mark.parametrize(
    ("points", "changes", "message"),
    [
        (np.zeros((0, 2)), {}, r"\(N, D\)"),
        (np.zeros(4), {}, r"\(N, D\)"),
        ([[0, np.nan], [1, 1]], {}, "NaN or infinity"),
        (cloud(), {"max_distance_nm": np.nan}, "max_distance_nm: expected a length above 0"),
        (cloud(), {"n_bins": 0}, "n_bins: expected at least 1"),
    ],
)
def test_wrong_positions_and_ranges_are_refused(points, changes, message):
    with pytest.raises((DataError, ConfigError), match=message):
        describe(points, **changes)
