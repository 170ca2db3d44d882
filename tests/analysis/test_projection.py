"""Principal components, against scikit-learn."""

import numpy as np
import polars as pl
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.projection import principal_components
from locgraph.errors import ConfigError


def features(values, **more):
    columns = {f"f{index}": column for index, column in enumerate(np.asarray(values, dtype=float).T)} | more
    n = len(values)
    table = pl.DataFrame({"fov_id": [f"{i:02}" for i in range(n)], "label": ["ab"[i % 2] for i in range(n)]} | columns)
    return FeatureTable(table, dict.fromkeys(columns, "nm"))


VALUES = (
    np.random.default_rng(0).normal(size=(20, 5)) @ np.random.default_rng(1).normal(size=(5, 5)) * [1, 10, 1e6, 1, 2]
)


def test_scores_and_variance():
    found = principal_components(features(VALUES), n_components=3)

    scaled = StandardScaler().fit_transform(VALUES)
    reference = PCA(3).fit(scaled)
    assert found.table.columns == ["fov_id", "label", "pc_1", "pc_2", "pc_3"]
    scores = found.table.select("pc_1", "pc_2", "pc_3").to_numpy()
    np.testing.assert_allclose(np.abs(scores), np.abs(reference.transform(scaled)), atol=1e-9)
    np.testing.assert_allclose(found.explained, reference.explained_variance_ratio_)
    assert found.reason is None


def test_loadings_are_correlations_and_their_sign_is_fixed():
    found = principal_components(features(VALUES))

    assert found.loadings["feature"].to_list() == [f"f{index}" for index in range(5)]
    for name in ("pc_1", "pc_2", "pc_5"):
        expected = [np.corrcoef(VALUES[:, index], found.table[name])[0, 1] for index in range(5)]
        np.testing.assert_allclose(found.loadings[name], expected)
        assert max(found.loadings[name], key=abs) > 0
    squares = (found.loadings.select("^pc_.*$").to_numpy() ** 2).sum(axis=1)
    np.testing.assert_allclose(squares, 1)


def test_neither_units_nor_the_order_of_features_matter():
    one, other = principal_components(features(VALUES)), principal_components(features(VALUES[:, ::-1] * 7 + 3))

    np.testing.assert_allclose(one.table["pc_1"], other.table["pc_1"], atol=1e-9)


def test_few_rows_have_few_components():
    found = principal_components(features(VALUES[:3], flat=[1.0] * 3))

    assert found.table.columns[2:] == ["pc_1", "pc_2"]
    assert found.explained.sum() == pytest.approx(1)
    assert found.left_out == {"flat": "the same value in all 3 rows"}
    two = principal_components(features(VALUES[:2]))
    assert two.explained == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (VALUES[:1], "principal components: needs at least 2 rows, found 1"),
        (np.ones((4, 2)), "principal components: needs at least 1 features that vary"),
    ],
)
def test_too_little(values, reason):
    found = principal_components(features(values))

    assert found.reason.startswith(reason)
    assert found.table.columns == ["fov_id", "label"]
    assert len(found.explained) == len(found.loadings) == 0


def test_no_components_are_refused():
    with pytest.raises(ConfigError, match="n_components: expected a whole number of at least 1, found 0"):
        principal_components(features(VALUES), n_components=0)
