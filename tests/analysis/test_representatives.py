"""Typical, untypical and misclassified FOVs."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.cross_validation import Samples
from locgraph.analysis.representatives import misclassified, representatives
from locgraph.errors import DataError


def samples_of(values, labels) -> Samples:
    values = np.asarray(values, dtype=float)
    names = tuple(f"f{index}" for index in range(len(labels)))
    columns = tuple(f"c{index}" for index in range(values.shape[1]))
    return Samples(names, columns, values, np.array(labels), None)


def test_nearest_and_farthest_have_their_distances():
    # the mean of a is 3.2, of b 212 / 3; f4, of b, lies among a
    found = representatives(samples_of([[0], [3], [6.6], [100], [2], [110]], ["a", "a", "a", "b", "b", "b"]), 1)

    assert found.select("class", "role", "rank", "fov_id", "nearest_class").rows() == [
        ("a", "nearest", 1, "f1", "a"),
        ("a", "farthest", 1, "f2", "a"),
        ("b", "nearest", 1, "f3", "b"),
        ("b", "farthest", 1, "f4", "a"),
    ]
    deviation = np.std([0, 3, 6.6, 100, 2, 110])
    expected = np.array([0.2, 3.4, 100 - 212 / 3, 212 / 3 - 2]) / deviation
    np.testing.assert_allclose(found["distance"], expected)


def test_every_column_counts_alike_and_constant_ones_not_at_all():
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(20, 3)), ["a", "b"] * 10
    one = representatives(samples_of(values, labels), 3)
    scaled = np.concatenate([values * [1e-6, 1, 1e6] + [0, 5, 0], np.full((20, 1), 3.0)], axis=1)
    two = representatives(samples_of(scaled, labels), 3)

    assert one.drop("distance").equals(two.drop("distance"))
    np.testing.assert_allclose(one["distance"], two["distance"])


def test_no_fov_is_both_near_and_far():
    found = representatives(samples_of([[0], [1], [4], [9]], ["a", "a", "a", "b"]), 3)

    assert found.filter(pl.col("class") == "a")["fov_id"].is_unique().all()
    assert found.filter(pl.col("class") == "b")["role"].to_list() == ["nearest"]


@pytest.fixture
def predictions():
    return pl.DataFrame(
        {
            "fov_id": ["w", "x", "y", "z", "v"],
            "fold": [0, 0, 0, 1, 1],
            "split": ["test", "test", "val", "test", "test"],
            "truth": ["a", "a", "a", "b", None],
            "prediction": ["b", "a", "b", "a", "a"],
            "p_a": [0.4, 0.9, 0.1, 0.8, 0.5],
            "p_b": [0.6, 0.1, 0.9, 0.2, 0.5],
        }
    )


def test_wrong_test_fovs_are_listed_the_most_confident_first(predictions):
    found = misclassified(predictions)

    assert found.rows() == [("z", 1, "b", "a", 0.8, 0.2), ("w", 0, "a", "b", 0.6, 0.4)]
    assert found.columns == ["fov_id", "fold", "truth", "prediction", "p_of_prediction", "p_of_truth"]


def test_classifiers_that_are_wrong_as_well_are_counted(predictions):
    by_classifiers = pl.DataFrame(
        {"classifier": ["svm", "knn", "svm"], "fold": [0, 0, 5], "fov_id": ["w", "w", "z"]}
        | {"truth": ["a", "a", "b"], "prediction": ["b", "a", "a"]}
    )
    found = misclassified(predictions, by_classifiers)

    assert found.select("fov_id", "classifiers_wrong", "classifiers").rows() == [("z", None, None), ("w", 1, 2)]


def test_missing_columns_of_predictions_are_an_error(predictions):
    with pytest.raises(DataError, match="split missing"):
        misclassified(predictions.drop("split"))
