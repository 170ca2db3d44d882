"""Twenty small FOVs of two classes that differ in size, a small network, and a trainer without a progress bar."""

import logging
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
from lightning.pytorch import Trainer

from locgraph.data.datamodule import GraphDataModule, LoaderSettings
from locgraph.data.folds import Split
from locgraph.data.scaling import ScalingSettings
from locgraph.graphs.build import GraphRecipe, build_graph
from locgraph.graphs.edges import Nearest
from locgraph.graphs.store import GraphStore
from locgraph.learn.checkpoint import FORMAT
from locgraph.learn.module import Learner
from locgraph.learn.optimisation import WarmupCosine
from locgraph.learn.tasks.fov import FovTask
from locgraph.nn.cluster_encoders import ContinuousFilter
from locgraph.nn.heads import ClassifyFov
from locgraph.nn.loc_encoders import PointTransformerEncoder
from locgraph.nn.network import Network
from locgraph.nn.readouts import Pooled
from locgraph.nn.sizes import DataSizes

NAMES = tuple(f"f{i:02}" for i in range(20))
LABELS = {name: "ab"[i % 2] for i, name in enumerate(NAMES)}
RECORD = {"format": FORMAT, "versions": {"locgraph": "0.0"}, "class_names": ["a", "b"]}


def _graph(rng, spread):
    owner = np.repeat(np.arange(6), 5)
    points = rng.normal(size=(6, 2))[owner] * spread + rng.normal(size=(30, 2)) * 10
    locs = pl.DataFrame({"x": points[:, 0], "y": points[:, 1], "cluster_id": owner, "photons": rng.uniform(1, 2, 30)})
    clusters = locs.group_by("cluster_id", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("count"), pl.col("x").mean().alias("x_mean"), pl.col("y").mean().alias("y_mean")
    )
    return build_graph(locs, clusters, 2, GraphRecipe(("count",), ("photons",), Nearest(3), True, 3, (0.5,), {}), "fov")


@pytest.fixture(scope="package", autouse=True)
def left_as_found():
    """One thread, since small tensors are slower on several; Lightning silent; both put back, and its global switch."""
    log = logging.getLogger("lightning.pytorch")
    threads, level = torch.get_num_threads(), log.level
    torch.set_num_threads(1)
    log.setLevel(logging.ERROR)
    yield
    torch.set_num_threads(threads)
    log.setLevel(level)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A graph store, two views of each FOV."""
    folder, rng = tmp_path_factory.mktemp("store"), np.random.default_rng(0)
    for name, label in LABELS.items():
        GraphStore(folder).save(name, [_graph(rng, {"a": 300.0, "b": 100.0}[label]) for _ in range(2)], "")
    return folder


@pytest.fixture(scope="session")
def make_data(store):
    """Makes a data module of ten, four and six FOVs."""

    def make(batch_size=4, num_workers=0, train=NAMES[:10], **changes):
        loader = LoaderSettings(batch_size, num_workers)
        split = Split(train, NAMES[10:14], NAMES[14:])
        return GraphDataModule(store, split, LABELS, ("a", "b"), loader, ScalingSettings(), seed=1, **changes)

    return make


@pytest.fixture(scope="session")
def make_module():
    """Makes a learner with dropout; the same weights each time."""

    def make(lr=1e-2, dropout=0.3, loss=None, mixup=None, **changes):
        torch.manual_seed(0)
        network = Network(
            DataSizes(2, 2, 1, 1, 2),
            partial(PointTransformerEncoder, channels=(6, 8)),
            partial(ContinuousFilter, channels=8, layers=2, n_gaussians=8, dropout=dropout),
            partial(Pooled, reduce=("mean", "max")),
            partial(ClassifyFov, hidden=8, dropout=dropout),
        )
        task = FovTask(("a", "b"))
        task.criterion, task.mixup = loss or task.criterion, mixup
        given = {
            "optimizer": partial(torch.optim.AdamW, lr=lr),
            "schedule": WarmupCosine(),
            "record": RECORD,
        }
        return Learner(network, task, **given | changes)

    return make


@pytest.fixture(scope="session")
def make_trainer(tmp_path_factory):
    """Makes a trainer as configs/trainer does, without what it shows on the screen."""

    def make(**changes):
        given = {
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": 2,
            "precision": "32-true",
            "gradient_clip_val": 1.0,
            "deterministic": "warn",
            "log_every_n_steps": 1,
            "num_sanity_val_steps": 0,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": str(tmp_path_factory.mktemp("trainer")),
        }
        return Trainer(**given | changes)

    return make
