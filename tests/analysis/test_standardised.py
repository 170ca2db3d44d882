"""Features on one scale."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.standardised import standardise


def features(labels=("b", None, "a", "a"), **columns):
    table = pl.DataFrame({"fov_id": list("wxyz")[: len(labels)], "label": list(labels)} | columns)
    return FeatureTable(table, dict.fromkeys(columns, "1"))


def test_mean_0_and_standard_deviation_1():
    found = standardise(features(size=[1.0, 2.0, 3.0, 4.0], far=[1e9, 1e9 + 1, 1e9, 1e9]))

    assert found.columns == ("size", "far")
    np.testing.assert_allclose(found.values.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(found.values.std(axis=0), 1)
    assert found.values[:, 0] == pytest.approx(np.array([-1.5, -0.5, 0.5, 1.5]) / np.sqrt(1.25))
    assert found.keys.columns == ["fov_id", "label"]
    assert found.targets.tolist() == [1, -1, 0, 0]
    assert found.left_out == {}


def test_what_is_left_out_and_why():
    found = standardise(features(gap=[1.0, None, 2.0, None], same=[0.3, 0.1 + 0.2, 0.3, 0.3], zero=[0.0] * 4))

    assert found.values.shape == (4, 0)
    assert found.left_out == {
        "gap": "no value in 2 of 4 rows",
        "same": "the same value in all 4 rows",
        "zero": "the same value in all 4 rows",
    }
    assert found.lacks(4) == "needs at least 1 features that vary and have a value in each row, found 0"
    assert found.lacks(5) == "needs at least 5 rows, found 4"
    assert found.lacks(4, columns=0) is None


def test_no_rows():
    found = standardise(FeatureTable(features(size=[1.0] * 4).table.clear(), {"size": "1"}))

    assert found.values.shape == (0, 0)
    assert found.lacks(1) == "needs at least 1 rows, found 0"
