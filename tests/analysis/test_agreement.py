"""Clusters of FOVs compared with their classes."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import silhouette_score

from locgraph.analysis.agreement import COLUMNS, class_agreement, purity
from locgraph.analysis.feature_table import FeatureTable


def features(values, labels):
    columns = {f"f{index}": column for index, column in enumerate(np.asarray(values, dtype=float).T)}
    table = pl.DataFrame({"label": list(labels)} | columns, schema_overrides={"label": pl.String})
    return FeatureTable(table, dict.fromkeys(columns, "1"))


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    return features(
        rng.normal(size=(30, 2)) + np.repeat([[0, 0], [20, 0], [0, 20]], 10, axis=0), np.repeat(list("abc"), 10)
    )


def test_separate_classes_agree_with_their_clusters(blobs):
    found = class_agreement(blobs, ks=(2, 5))

    assert found.table.schema == COLUMNS
    assert found.table["k"].to_list() == [2, 3, 5]
    assert found.table["as_classes"].to_list() == [False, True, False]
    row = found.table.row(1, named=True)
    assert (row["adjusted_rand"], row["purity"], row["reason"]) == (1.0, 1.0, None)
    assert row["nmi"] == pytest.approx(1)
    scaled = blobs.table.select(pl.col("f0", "f1") / pl.col("f0", "f1").std()).to_numpy()
    assert row["silhouette"] == pytest.approx(silhouette_score(scaled, np.repeat([0, 1, 2], 10)))
    assert found.silhouette_of_classes == pytest.approx(row["silhouette"])
    assert found.table["adjusted_rand"].arg_max() == 1
    assert found.table["inertia"].is_sorted(descending=True)
    assert found.n == 30


def test_purity_by_hand():
    # clusters {a a b} and {b c}
    assert purity(np.array([0, 0, 1, 1, 2]), np.array([4, 4, 4, 7, 7])) == pytest.approx(3 / 5)


def test_more_clusters_than_different_rows():
    found = class_agreement(features([[0.0], [0.0], [1.0], [1.0]], "aabb"), ks=(3,))

    assert found.table["reason"].to_list() == [None, "3 clusters need at least 3 different rows, found 2"]
    assert found.table["adjusted_rand"].to_list() == [1.0, None]


def test_as_many_clusters_as_rows_have_no_silhouette():
    found = class_agreement(features([[0.0], [1.0], [5.0]], "abc"), ks=())

    assert found.silhouette_of_classes is None
    assert found.table["silhouette"].to_list() == [None]
    assert found.table["purity"].to_list() == [1.0]


@pytest.mark.parametrize(
    ("values", "labels", "reason"),
    [
        ([[0.0], [1.0]], "ab", "needs at least 3 rows, found 2"),
        ([[1.0], [1.0], [1.0]], "aba", "needs at least 1 features that vary"),
        ([[0.0], [1.0], [2.0]], "aaa", "needs at least two classes"),
        ([[0.0], [1.0], [2.0]], [None] * 3, "needs at least 3 rows, found 0"),
    ],
)
def test_too_few_rows_features_or_classes_have_a_reason(values, labels, reason):
    found = class_agreement(features(values, labels))

    assert found.reason.startswith(f"agreement of clusters and classes: {reason}")
    assert found.table.is_empty()
    assert found.silhouette_of_classes is None
