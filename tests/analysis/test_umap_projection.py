"""UMAP: what it is handed, what it gives back, and where it runs; cuML by a stand-in."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.umap_projection import UmapSettings, umap_projection
from locgraph.errors import ConfigError, MissingPackageError
from locgraph.preparation.clustering import backend


def features(n=24, labels="ab", seed=0):
    """Two blobs, far apart, one of each class."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 4)) + 20 * (np.arange(n) % 2)[:, None]
    columns = {f"f{index}": column for index, column in enumerate(values.T)}
    names = [labels[i % 2] for i in range(n)]
    table = pl.DataFrame({"fov_id": [f"{i:02}" for i in range(n)], "label": names} | columns)
    return FeatureTable(table, dict.fromkeys(columns, "nm"))


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
def test_classes_that_it_is_told_change_the_points_and_unknown_ones_do_no_harm():
    table = features(12)
    unknown = FeatureTable(table.table.with_columns(label=pl.Series([*"ab" * 5, None, None])), table.units)

    told = umap_projection(unknown, UmapSettings(n_neighbors=5, supervised=True))

    assert told.reason is None
    assert np.isfinite(points(told)).all()
    assert not np.array_equal(points(told), points(umap_projection(unknown, UmapSettings(n_neighbors=5))))


@pytest.mark.usefixtures("on_cpu")
def test_neighbours_are_lowered_to_what_there_is():
    found = umap_projection(features(6))

    assert found.warnings == ("UMAP: n_neighbors lowered from 15 to 5, one less than there are rows",)
    assert np.isfinite(points(found)).all()


@pytest.mark.usefixtures("on_cpu")
def test_rows_that_are_all_but_the_same_do_no_harm():
    table = features(8)
    alike = [pl.when(pl.int_range(8) == 7).then(pl.col(name)).otherwise(1.0).alias(name) for name in table.columns]

    found = umap_projection(FeatureTable(table.table.with_columns(alike), table.units))

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
def test_too_little(table, settings, reason):
    found = umap_projection(table, UmapSettings(**settings))

    assert found.reason == reason
    assert found.table.columns == ["fov_id", "label"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_neighbors": 1}, r"umap\.n_neighbors must be a whole number of at least 2"),
        ({"min_dist": 1.5}, r"umap\.min_dist must be a number at least 0 and at most 1"),
        ({"supervised": "yes"}, r"umap\.supervised must be true or false"),
        ({"seed": -1}, r"umap\.seed must be a whole number of at least 0"),
        ({"backend": "gpu"}, r"umap\.backend must be one of \['auto', 'cpu', 'cuml'\], found 'gpu'"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        UmapSettings(**settings)


@pytest.mark.parametrize("name", ["auto", "cuml"])
def test_what_cuml_is_handed(cuml, name):
    found = umap_projection(features(10), UmapSettings(n_neighbors=20, supervised=True, seed=7, backend=name))

    assert cuml["settings"] == {"n_components": 2, "n_neighbors": 9, "min_dist": 0.1, "random_state": 7}
    assert cuml["X"].dtype == cuml["y"].dtype == np.float32
    assert cuml["y"].tolist() == [0, 1] * 5
    np.testing.assert_allclose(points(found), cuml["X"][:, :2])
    umap_projection(features(10), UmapSettings(backend="cuml"))
    assert cuml["y"] is None


def test_the_cpu_leaves_cuml_alone(cuml):
    umap_projection(features(6), UmapSettings(backend="cpu"))
    assert cuml == {}


def test_cuml_without_a_gpu(cuml, monkeypatch):
    monkeypatch.setattr(sys.modules["cupy.cuda.runtime"], "getDeviceCount", lambda: 0)
    with pytest.raises(ConfigError, match=r"umap\.backend: cuml expected a CUDA device.*or set umap\.backend: cpu"):
        umap_projection(features(), UmapSettings(backend="cuml"))


def test_cuml_that_is_not_there(monkeypatch):
    monkeypatch.setattr(backend, "_installed", lambda name: False)
    with pytest.raises(
        MissingPackageError, match=r"umap\.backend: cuml needs .*locgraph\[gpu\].* set umap\.backend: cpu"
    ):
        UmapSettings(backend="cuml")
