"""Which backend runs, and what reaches cuML: with stand-ins, so that it is tested on machines without a GPU."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest

from locgraph.errors import ConfigError, MissingPackageError
from locgraph.preparation.clustering import backend
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.clustering.hdbscan import HDBSCAN
from locgraph.preparation.clustering.kmeans import KMeans

every_clusterer = pytest.mark.parametrize(
    ("make", "settings"),
    [
        (DBSCAN, {"eps_nm": 10.0, "min_samples": 3}),
        (HDBSCAN, {"min_cluster_size": 5}),
        (KMeans, {"n_clusters": 5}),
    ],
)


@pytest.fixture
def ask_again(monkeypatch):
    """Forgets what is known about this process, now and after the test."""
    monkeypatch.setattr(backend, "_gpu_ready", backend._gpu_ready.__wrapped__)


@pytest.fixture
def no_cuml(monkeypatch, ask_again):
    monkeypatch.setattr(backend, "_installed", lambda name: False)


@pytest.fixture
def cuml(monkeypatch, ask_again):
    """Makes ``import cuml`` give a stand-in; the list of estimators made, with their settings and points.

    A stand-in labels the first point -1 and every other one 7.
    """
    made = []

    class Estimator:
        def __init__(self, **settings):
            self.settings, self.points = settings, None
            made.append(self)

        def fit_predict(self, points):
            self.points = points
            return np.r_[-1, np.full(len(points) - 1, 7)].astype(np.int32)

    modules = {name: ModuleType(name) for name in ("cuml", "cuml.cluster", "cupy", "cupy.cuda", "cupy.cuda.runtime")}
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("DBSCAN", "HDBSCAN", "KMeans"):
        setattr(modules["cuml.cluster"], name, type(name, (Estimator,), {}))
    modules["cupy.cuda.runtime"].getDeviceCount = lambda: 1
    return made


def set_devices(monkeypatch, count):
    monkeypatch.setattr(sys.modules["cupy.cuda.runtime"], "getDeviceCount", count)


def far_points(n=50, dimensions=2):
    return np.random.default_rng(0).random((n, dimensions)) * 100 + 1e9


def test_unknown_backend_is_refused_with_the_choices():
    with pytest.raises(ConfigError, match=r"backend: expected one of \['auto', 'cpu', 'cuml'\], found 'gpu'"):
        backend.check_backend("gpu")


@pytest.mark.usefixtures("no_cuml")
def test_without_cuml_auto_is_cpu():
    assert backend.check_backend("auto") == "auto"
    assert backend.choose_backend("auto") == "cpu"
    assert backend.choose_backend("cpu") == "cpu"


@every_clusterer
@pytest.mark.usefixtures("no_cuml")
def test_without_cuml_asking_for_it_names_the_extra(make, settings):
    with pytest.raises(MissingPackageError, match=r"locgraph\[gpu\]"):
        make(**settings, backend="cuml")


@every_clusterer
def test_an_unknown_backend_is_refused_by_every_clusterer(make, settings):
    with pytest.raises(ConfigError, match="backend: "):
        make(**settings, backend="cuda")


def test_cuml_that_does_not_import_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuml.cluster", None)
    with pytest.raises(MissingPackageError, match=r"locgraph\[gpu\]"):
        backend.import_cuml()


def test_auto_with_cuml_and_a_device_is_cuml(cuml):
    assert backend.choose_backend("auto") == "cuml"


def test_no_device(cuml, monkeypatch):
    set_devices(monkeypatch, lambda: 0)
    assert backend.choose_backend("auto") == "cpu"
    assert backend.check_backend("cuml") == "cuml"
    with pytest.raises(ConfigError, match="CUDA device"):
        backend.import_cuml()


def test_broken_driver_counts_as_no_device(cuml, monkeypatch):
    def fail():
        raise RuntimeError("cudaErrorInsufficientDriver")

    set_devices(monkeypatch, fail)
    assert backend.choose_backend("auto") == "cpu"


@every_clusterer
@pytest.mark.parametrize("name", ["auto", "cuml"])
def test_cuml_gets_centred_points_and_its_labels_are_renamed(cuml, make, settings, name):
    labels = make(**settings, backend=name)(far_points(), seed=0)
    assert sorted(labels.tolist()) == [-1] + [0] * 49
    assert labels.dtype == np.int64
    assert np.abs(cuml[0].points).max() < 51


@every_clusterer
def test_cpu_leaves_cuml_alone(cuml, make, settings):
    make(**settings, backend="cpu")(far_points(), seed=0)
    assert cuml == []


def test_settings_of_dbscan(cuml):
    DBSCAN(eps_nm=12.0, min_samples=4, backend="cuml")(far_points(dimensions=3), seed=0)
    assert cuml[0].settings == {"eps": 12.0, "min_samples": 4, "output_type": "numpy"}
    assert cuml[0].points.dtype == np.float64


def test_settings_of_hdbscan_whose_cuml_does_not_count_the_point_itself(cuml):
    HDBSCAN(min_cluster_size=6, min_samples=4, backend="cuml")(far_points(), seed=0)
    assert cuml[0].settings == {"min_cluster_size": 6, "min_samples": 3, "output_type": "numpy"}
    assert cuml[0].points.dtype == np.float32


def test_min_samples_of_one_is_not_for_cuml(cuml):
    with pytest.raises(ConfigError, match="min_samples: expected at least 2"):
        HDBSCAN(min_cluster_size=6, min_samples=1, backend="cuml")
    HDBSCAN(min_cluster_size=6, min_samples=1, backend="auto")(far_points(), seed=0)
    assert cuml == []


def test_settings_of_kmeans(cuml):
    points = np.repeat(far_points(4), 3, axis=0)
    KMeans(9, n_init=2, max_iter=50, backend="cuml")(points, seed=2**31 + 5)
    expected = {"n_clusters": 4, "n_init": 2, "max_iter": 50, "random_state": 5, "output_type": "numpy"}
    assert cuml[0].settings == expected
    assert cuml[0].points.dtype == np.float32
