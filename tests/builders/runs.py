"""One small trained run and one small sweep that several tests look at, as fixtures of a plugin."""

import copy
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from locgraph import schema
from locgraph.api.config import config_dir, plain
from locgraph.api.prepare import prepare_settings
from locgraph.build import build
from locgraph.cli.app import launch
from locgraph.data.folds import TEST, VALIDATION, Split, Stratified, write_plan
from locgraph.data.prepared import Prepared
from locgraph.explain.run import Plan, make_plan
from locgraph.io.featextracted import ExtractedFov, write_fov
from locgraph.io.manifest import Manifest
from locgraph.learn.checkpoint import Checkpoint, read_checkpoint
from locgraph.preparation.featextracted import manifest_of

TINY = (
    "experiment=demo",
    "simulation.fovs_per_class=9",
    "simulation.origami.classes=[T,L]",
    "clustering.n_clusters=8",
    "views.count=2",
    "fold.n_folds=3",
    "trainer.max_epochs=3",
    "executor=serial",
)


NOT_SIMULATED = (
    "clustering=kmeans",
    "graph/cluster_edges=all_pairs",
    "augment=none",
    *(text for text in TINY if not text.startswith(("experiment", "simulation."))),
)
"""The same for other data than simulated ones."""


@dataclass(frozen=True)
class Finished:
    """A finished command: where it ran, and the overrides it ran with."""

    folder: Path
    run_dir: Path
    overrides: tuple[str, ...]

    def metrics(self) -> dict:
        """The content of ``metrics.json``."""
        return json.loads((self.run_dir / "metrics.json").read_text())


def run_in(folder: Path, command: str, *overrides: str) -> None:
    """Runs a command in this process, as if started in ``folder``."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        launch(command, list(overrides))
    finally:
        os.chdir(before)


@pytest.fixture
def tiny() -> tuple[str, ...]:
    """Overrides that make the demo take seconds."""
    return TINY


@pytest.fixture(scope="session")
def run() -> Callable[..., None]:
    """Runs a command: folder, command, overrides."""
    return run_in


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must exit with status 1, and gives what it printed to standard error."""

    def run(folder: Path, command: str, *overrides: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            run_in(folder, command, *overrides)
        assert stopped.value.code == 1
        printed = capsys.readouterr().err
        assert "Traceback" not in printed
        return " ".join(printed.split())

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """``train`` run once on tiny simulated data."""
    folder = tmp_path_factory.mktemp("trained")
    run_dir = folder / "run"
    run_in(folder, "train", *TINY, f"paths.run_dir={run_dir}")
    return Finished(folder, run_dir, TINY)


@pytest.fixture(scope="session")
def represented(trained: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """``train`` without labels run once, on the files of ``trained``: an autoencoder that is invariant to rotation."""
    folder = tmp_path_factory.mktemp("represented")
    overrides = (
        "experiment=represent/invariant",
        f"data.raw_dir={trained.folder}/outputs/simulated/demo",
        "labels=none",
        "model.head.latent_channels=4",
        "fold.n_folds=3",
        "trainer.max_epochs=2",
        "executor=serial",
    )
    run_in(folder, "train", *overrides, f"paths.run_dir={folder}/run")
    return Finished(folder, folder / "run", overrides)


@dataclass(frozen=True)
class Picks:
    """FOVs with several structures, each a pick; their classes stand in a table.

    Attributes:
        raw: Folder of the FOVs.
        labels: The table: FOV, object, class.
        single: Folder with the same structures, each in a file of its own, named ``<FOV>_<object>``.
    """

    raw: Path
    labels: Path
    single: Path

    @property
    def overrides(self) -> tuple[str, ...]:
        """Settings that read them."""
        return (f"data.raw_dir={self.raw}", "objects=picks", "labels=objects", f"labels.path={self.labels}")


@pytest.fixture(scope="session")
def picks(trained: Finished, tmp_path_factory: pytest.TempPathFactory) -> Picks:
    """Six FOVs of three simulated structures, 2 um apart, in random order, with localisations of no pick between."""
    folder, rows = tmp_path_factory.mktemp("picks"), []
    made = Picks(folder / "raw", folder / "classes.csv", folder / "single")
    files = sorted((trained.folder / "outputs/simulated/demo").glob("*.parquet"))
    made.raw.mkdir()
    made.single.mkdir()
    for fov in range(6):
        parts = [pl.DataFrame({"x": [-900.0, 9000.0], "y": [500.0, -700.0], "pick": [-1, -1]})]
        for pick, path in enumerate(files[fov::6]):
            table = pl.read_parquet(path).drop("site", strict=False)
            table = table.with_columns(pl.col("x") + 2000.0 * pick, pl.col("y") + 1000.0)
            parts.append(table.with_columns(pick=pl.lit(pick)))
            table.write_parquet(made.single / f"{fov}_{pick}.parquet")
            rows.append((str(fov), str(pick), path.stem.split("_")[0]))
        whole = pl.concat(parts, how="diagonal_relaxed")
        rest = [pl.col(name).fill_null(0) for name in whole.columns if name not in ("x", "y", "pick")]
        whole.with_columns(rest).sample(fraction=1.0, shuffle=True, seed=fov).write_parquet(made.raw / f"{fov}.parquet")
    pl.DataFrame(rows, schema=["fov_id", "object", "label"], orient="row").write_csv(made.labels)
    return made


@pytest.fixture(scope="session")
def trained_on_picks(picks: Picks, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """``train`` run once on picks."""
    folder = tmp_path_factory.mktemp("trained_on_picks")
    overrides = (*NOT_SIMULATED, *picks.overrides, "columns=nm", "fold=stratified_group", "fold.n_folds=3")
    run_in(folder, "train", *overrides, f"paths.run_dir={folder / 'run'}")
    return Finished(folder, folder / "run", overrides)


FAST = (
    "explain.max_fovs=4",
    "explain.figures=2",
    "explain.fit_fovs=4",
    "explain.stability.repeats=1",
    "explain.curve_points=2",
    "explain.explainers.subgraphx.rollouts=1",
    "explain.explainers.shapley.pairs=2",
    "explain.explainers.gnn_explainer.steps=3",
    "explain.explainers.pg_explainer.epochs=2",
    "explain.explainers.integrated_gradients.steps=2",
    "explain.explainers.expected_gradients.steps=2",
)


@pytest.fixture(scope="session")
def explained(trained: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Every explainer asked about some test FOVs of the small run, with little work for each."""
    folder = tmp_path_factory.mktemp("explained")
    overrides = (
        f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt",
        "explain=all",
        "explain.sanity.cascade=true",
        *FAST,
    )
    run_in(folder, "eval", *overrides, f"paths.run_dir={folder / 'run'}", "executor=serial")
    return Finished(folder, folder / "run", overrides)


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """All three folds trained by ``sweep=kfold``."""
    folder = tmp_path_factory.mktemp("swept")
    sweep_dir = folder / "sweep"
    run_in(folder, "train", *TINY, "sweep=kfold", f"paths.sweep_dir={sweep_dir}")
    return Finished(folder, sweep_dir, TINY)


@cache
def _composed(command: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        return compose(command, list(overrides))


@pytest.fixture(scope="session")
def composed() -> Callable[..., DictConfig]:
    """Composes the configuration of a command, which may be changed: command, overrides."""
    return lambda command, *overrides: copy.deepcopy(_composed(command, *overrides))


@dataclass(frozen=True)
class Fold:
    """What training of the small run starts from."""

    cfg: DictConfig
    prepared: Prepared
    split: Split


@pytest.fixture(scope="session")
def _fold(trained: Finished, composed: Callable[..., DictConfig]) -> Fold:
    cfg = composed("train", *TINY, f"paths.output_dir={trained.folder / 'outputs'}")
    prepared = prepare_settings(plain(cfg))
    return Fold(cfg, prepared, build(plain(cfg)["fold"], "fold").plan(prepared.manifest)[0])


@pytest.fixture
def fold(_fold: Fold) -> Fold:
    """The configuration, the data and the split of the small run; the configuration may be changed."""
    return Fold(copy.deepcopy(_fold.cfg), _fold.prepared, _fold.split)


@pytest.fixture(scope="session")
def small_checkpoint(trained: Finished) -> Checkpoint:
    """The checkpoint of the small run."""
    return read_checkpoint(trained.run_dir / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="session")
def plan(small_checkpoint: Checkpoint, composed: Callable[..., DictConfig]) -> Callable[..., Plan]:
    """Plans explanations of the small run: overrides."""

    def make(*overrides: str) -> Plan:
        group = plain(composed("eval", "ckpt_path=best.ckpt", *overrides).explain)
        return make_plan(group, small_checkpoint)

    return make


def small_fov(fov_id: str, label: str | None, classes: tuple[str, ...], group: str | None, rng: Any) -> ExtractedFov:
    """Five clusters of six localisations; those of class ``b`` are wider."""
    width = 12.0 if label == "b" else 5.0
    owners = np.repeat(np.arange(5), 6)
    centres = rng.uniform(0, 300, (5, 2))
    points = centres[owners] + rng.normal(0, width, (30, 2))
    locs = {schema.VIEW: np.zeros(30, int), schema.CLUSTER_ID: owners, "x": points[:, 0], "y": points[:, 1]}
    means = np.stack([points[owners == index].mean(axis=0) for index in range(5)])
    clusters = {
        schema.VIEW: np.zeros(5, int),
        schema.CLUSTER_ID: np.arange(5),
        schema.X_MEAN: means[:, 0],
        schema.Y_MEAN: means[:, 1],
        schema.COUNT: np.full(5, 6),
        "radius_of_gyration": [width + rng.normal() for _ in range(5)],
        "area_hull": rng.uniform(1, 2, 5) * width**2,
        "linearity": rng.uniform(0, 1, 5),
    }
    units = {"radius_of_gyration": "nm", "area_hull": "nm^2", "linearity": "1"}
    tables = pl.DataFrame(locs), pl.DataFrame(clusters)
    return ExtractedFov(fov_id, *tables, 2, label, classes, group, units, {"dimensions": 2}, {}, "f")


@pytest.fixture(scope="session")
def write_tables() -> Callable[..., Path]:
    """Writes prepared tables: folder, class -> number of FOVs, whether FOVs have groups of two.

    FOVs are called ``a_0``, ``a_1``, ``b_0``; those without a class ``none_0``.
    """

    def write(folder: Path, counts: dict[str | None, int], grouped: bool = False, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        classes = tuple(name for name in counts if name is not None)
        for label, number in counts.items():
            for index in range(number):
                group = f"{label}{index // 2}" if grouped else None
                write_fov(folder, small_fov(f"{label or 'none'}_{index}", label, classes, group, rng))
        manifest_of(folder).write(folder / "manifest.parquet")
        return folder

    return write


@pytest.fixture(scope="session")
def write_runs() -> Callable[..., Path]:
    """Writes what completed runs leave behind: folder, tables, number of folds, folds that are there."""

    def write(folder: Path, tables: Path, n_folds: int, folds: Iterable[int], **changes: Any) -> Path:
        manifest = Manifest.read(tables / "manifest.parquet")
        plan = Stratified(n_folds, validation_fraction=0.25).plan(manifest)
        labels = dict(zip(manifest.table[schema.FOV_ID], manifest.table[schema.LABEL], strict=True))
        for fold in folds:
            write_run(folder / str(fold), tables, plan, fold, labels, manifest.class_names, changes)
        return folder

    return write


def write_run(
    run: Path, tables: Path, plan: list[Split], fold: int, labels: dict, classes: tuple[str, ...], changes: dict
) -> None:
    """A completed run, whose network calls the first test FOV wrongly."""
    write_plan(run / "folds.json", plan)
    split, rng = plan[fold], np.random.default_rng(fold)
    rows, vectors = [], []
    for side, names in ((VALIDATION, split.val), (TEST, split.test)):
        for name in names:
            wrong = side == TEST and name == split.test[0]
            said = next(other for other in classes if (other != labels[name]) == wrong)
            probabilities = {f"p_{other}": 0.9 if other == said else 0.1 for other in classes}
            about = {"fov_id": name, "fold": fold, "split": side}
            rows.append({**about, "truth": labels[name], "prediction": said, **probabilities})
            values = rng.normal(0, 0.2, 4) + 3 * classes.index(labels[name])
            vectors.append(about | {f"v_{place}": float(value) for place, value in enumerate(values)})
    pl.DataFrame(rows).write_parquet(run / "predictions.parquet")
    pl.DataFrame(vectors).write_parquet(run / "fov_vectors.parquet")
    n_test = len(split.test)
    accuracy = 1 - 1 / n_test
    metrics = {
        "status": "completed",
        "reason": None,
        "experiment": "small",
        "fold": fold,
        "n_folds": len(plan),
        "class_names": list(classes),
        "test": {"accuracy": accuracy, "balanced_accuracy": accuracy, "f1": accuracy, "auroc": 0.9, "loss": 0.1},
        "confusion_matrix": [[n_test - 1, 1], [0, 0]],
        "controls": [{"control": "count_alone", "accuracy": 0.5, "balanced_accuracy": 0.5}],
        "tables": str(tables),
    }
    (run / "metrics.json").write_text(json.dumps(metrics | changes))
    about = {"family": "f", "n_folds": len(plan), "overrides": [f"fold.index={fold}"]}
    (run / "run.json").write_text(json.dumps(about))
