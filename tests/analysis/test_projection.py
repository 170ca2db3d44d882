"""Standardised features, principal components and UMAP; cuML is replaced by a stand-in."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.projection import UmapSettings, principal_components, standardise, umap_projection
from locgraph.errors import ConfigError
from locgraph.preparation.clustering import backend


def features(n=24, labels="ab", seed=0):
    """Two blobs, far apart, one of each class."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 4)) + 20 * (np.arange(n) % 2)[:, None]
    columns = {f"f{index}": column for index, column in enumerate(values.T)}
    names = [labels[i % 2] for i in range(n)]
    table = pl.DataFrame({"fov_id": [f"{i:02}" for i in range(n)], "label": names} | columns)
    return FeatureTable(table, dict.fromkeys(columns, "nm"))


def columns_of(labels=("b", None, "a", "a"), **columns):
    table = pl.DataFrame({"fov_id": list("wxyz")[: len(labels)], "label": list(labels)} | columns)
    return FeatureTable(table, dict.fromkeys(columns, "1"))


def test_gaps_and_constant_columns_are_left_out_with_reasons():
    found = standardise(columns_of(gap=[1.0, None, 2.0, None], same=[0.3, 0.1 + 0.2, 0.3, 0.3]))

    assert found.values.shape == (4, 0)
    assert found.left_out == {
        "gap": "no value in 2 of 4 rows",
        "same": "the same value in all 4 rows",
    }
    assert found.lacks(4) == "needs at least 1 features that vary and have a value in each row, found 0"
    assert found.lacks(5) == "needs at least 5 rows, found 4"
    assert found.lacks(4, columns=0) is None


def test_components_and_loadings_have_their_columns():
    found = principal_components(features(), n_components=3)

    assert found.table.columns == ["fov_id", "label", "pc_1", "pc_2", "pc_3"]
    assert found.loadings.columns == ["feature", "pc_1", "pc_2", "pc_3"]
    assert found.loadings["feature"].to_list() == ["f0", "f1", "f2", "f3"]
    # the blobs differ in all features alike
    assert found.explained[0] > 0.9
    assert (np.sign(found.table["pc_1"]) == np.tile([-1, 1], 12)).all()
    assert found.reason is None


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (features(1), "principal components: needs at least 2 rows, found 1"),
        (columns_of(same=[1.0] * 4), "principal components: needs at least 1 features that vary"),
    ],
)
def test_too_few_rows_or_features_have_no_components(table, reason):
    found = principal_components(table)

    assert found.reason.startswith(reason)
    assert found.table.columns == ["fov_id", "label"]
    assert len(found.explained) == len(found.loadings) == 0


def points(found):
    return found.table.select("umap_1", "umap_2").to_numpy()


@pytest.fixture
def on_cpu(monkeypatch):
    monkeypatch.setattr(backend, "_gpu_ready", lambda: False)


@pytest.fixture
def cuml(monkeypatch):
    """Makes ``cuml.manifold`` a stand-in; what it was made with and given."""
    seen = {}

    class UMAP:
        def __init__(self, **settings):
            seen["settings"] = settings

        def fit_transform(self, X, y=None):
            seen["X"], seen["y"] = X, y
            return X[:, :2]

    modules = {name: ModuleType(name) for name in ("cuml", "cuml.cluster", "cuml.manifold", "cupy.cuda.runtime")}
    modules |= {name: ModuleType(name) for name in ("cupy", "cupy.cuda")}
    for name, module in modules.items():
        module.__spec__, module.__path__ = ModuleSpec(name, None), []
        monkeypatch.setitem(sys.modules, name, module)
    modules["cuml.manifold"].UMAP = UMAP
    modules["cupy.cuda.runtime"].getDeviceCount = lambda: 1
    monkeypatch.setattr(backend, "_gpu_ready", backend._gpu_ready.__wrapped__)
    return seen


@pytest.mark.usefixtures("on_cpu")
def test_alike_rows_are_neighbours_and_a_seed_gives_the_same_points():
    settings = UmapSettings(n_neighbors=5, seed=3)

    found = umap_projection(features(), settings)

    assert found.table.columns == ["fov_id", "label", "umap_1", "umap_2"]
    assert (found.reason, found.warnings, found.left_out) == (None, (), {})
    where = points(found)
    assert where.dtype == np.float64
    distances = np.linalg.norm(where[:, None] - where, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (distances.argmin(axis=1) % 2 == np.arange(24) % 2).all()
    assert np.array_equal(points(umap_projection(features(), settings)), where)


@pytest.mark.usefixtures("on_cpu")
def test_supervision_changes_the_points_and_allows_unknown_classes():
    table = features(12)
    unknown = FeatureTable(table.table.with_columns(label=pl.Series([*"ab" * 5, None, None])), table.units)

    supervised = umap_projection(unknown, UmapSettings(n_neighbors=5, supervised=True))

    assert supervised.reason is None
    assert np.isfinite(points(supervised)).all()
    assert not np.array_equal(points(supervised), points(umap_projection(unknown, UmapSettings(n_neighbors=5))))


@pytest.mark.usefixtures("on_cpu")
def test_neighbours_are_lowered_to_what_there_is():
    found = umap_projection(features(6))

    assert found.warnings == ("UMAP: n_neighbors lowered from 15 to 5, one less than there are rows",)
    assert np.isfinite(points(found)).all()


@pytest.mark.parametrize(
    ("table", "settings", "reason"),
    [
        (features(4), {}, "UMAP: needs at least 5 rows, found 4"),
        (
            features().select(["f0"]),
            {},
            "UMAP: needs at least 2 features that vary and have a value in each row, found 1",
        ),
        (features(labels="aa"), {"supervised": True}, "UMAP: with umap.supervised it needs at least two classes"),
    ],
)
def test_too_few_rows_features_or_classes_have_no_umap(table, settings, reason):
    found = umap_projection(table, UmapSettings(**settings))

    assert found.reason == reason
    assert found.table.columns == ["fov_id", "label"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_neighbors": 1}, r"^n_neighbors: expected a whole number of at least 2"),
        ({"min_dist": 1.5}, r"^min_dist: expected a number at least 0 and at most 1"),
        ({"supervised": "yes"}, r"^supervised: expected true or false"),
        ({"seed": -1}, r"^seed: expected a whole number of at least 0"),
        ({"backend": "gpu"}, "^backend.*found 'gpu'"),
    ],
)
def test_wrong_settings_of_umap_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        UmapSettings(**settings)


@pytest.mark.parametrize("name", ["auto", "cuml"])
def test_cuml_gets_the_settings_and_float32(cuml, name):
    found = umap_projection(features(10), UmapSettings(n_neighbors=20, supervised=True, seed=7, backend=name))

    assert cuml["settings"] == {"n_components": 2, "n_neighbors": 9, "min_dist": 0.1, "random_state": 7}
    assert cuml["X"].dtype == cuml["y"].dtype == np.float32
    assert cuml["y"].tolist() == [0, 1] * 5
    np.testing.assert_allclose(points(found), cuml["X"][:, :2])
    umap_projection(features(10), UmapSettings(backend="cuml"))
    assert cuml["y"] is None
