"""FOVs as rows of numbers."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.samples import Samples, varies
from locgraph.errors import DataError


def features(**columns) -> FeatureTable:
    names = [name for name in columns if name not in ("fov_id", "label", "group")]
    table = pl.DataFrame(columns).cast(dict.fromkeys(names, pl.Float64))
    return FeatureTable(table, dict.fromkeys(names, "1"))


def test_rows_and_columns_are_sorted_by_name_and_unlabelled_fovs_left_out():
    table = features(
        fov_id=["c", "a", "b"], label=["L", "T", None], group=["g", "h", None], z=[1, 2, 3], y=[4, 5, None]
    )

    found = Samples.of(table)

    assert (found.fov_ids, found.columns, found.class_names) == (("a", "c"), ("y", "z"), ("L", "T"))
    np.testing.assert_array_equal(found.values, [[5, 2], [4, 1]])
    assert found.labels.tolist() == ["T", "L"]
    assert found.groups.tolist() == ["h", "g"]
    assert found.rows(["c", "unknown"]).tolist() == [1]


def test_groups_count_only_where_every_fov_has_one():
    assert Samples.of(features(fov_id=["a", "b"], label=["T", "L"], group=["g", None], x=[1, 2])).groups is None


def test_gaps_and_constant_columns_are_named():
    found = Samples.of(
        features(
            fov_id=["a", "b", "c"], label=["T"] * 3, gap=[1, None, 3], same=[2, 2, 2], none=[None] * 3, x=[1, 2, 3]
        )
    )

    assert found.gaps() == {"gap": 1, "none": 3}
    assert found.constant() == ("none", "same")


def test_rounding_is_no_difference_and_small_numbers_are():
    values = np.array([[1e6, 1e-9, 0.0], [1e6 * (1 + 1e-15), 2e-9, 0.0]])

    assert varies(values).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (features(fov_id=["a", "a"], label=["T", "T"], x=[1, 2]), "one row for each FOV, found several of a"),
        (features(fov_id=["a"], label=pl.Series([None], dtype=pl.String), x=[1]), "found 0 FOVs with a class"),
        (features(fov_id=["a"], label=["T"]), "1 FOVs with a class and 0 features"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(table, message):
    with pytest.raises(DataError, match=message):
        Samples.of(table)
