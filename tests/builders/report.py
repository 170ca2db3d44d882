"""A small sweep made by hand: run folders, prepared tables, vectors, and explanations."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from locgraph import schema
from locgraph.io.featextracted import ExtractedFov, write_fov
from locgraph.io.manifest import Manifest
from locgraph.show.report.source import Places, Source, read_source

CLASSES = ("T", "L")
N_FOVS = 12
CONTROLS = ("pair_distances_and_count", "count_alone", "majority_class")
CONFIG = {
    "name": "demo",
    "seed": 0,
    "data": {"kind": "raw", "raw_dir": "raw/demo", "batch_size": 4},
    "clustering": {"_target_": "locgraph.preparation.clustering.kmeans.KMeans", "n_clusters": 3, "backend": None},
    "features": {"features": {"size": {}, "pca": {}}},
    "model": {"readout": {"_target_": "locgraph.nn.readouts.Pooled", "reduce": ["mean", "max"]}},
    "training": {"optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.003}},
    "trainer": {"max_epochs": 2},
    "fold": {"n_folds": 3, "index": 0},
}


def fov_ids() -> list[str]:
    """``T_0``, ``L_1``, ``T_2``, ..."""
    return [f"{CLASSES[index % 2]}_{index}" for index in range(N_FOVS)]


def split_of(fold: int) -> dict[str, list[str]]:
    """Four test FOVs, two of each class; the next two validate."""
    names = fov_ids()
    test = names[4 * fold : 4 * fold + 4]
    left = [name for name in names if name not in test]
    return {"train": left[2:], "val": left[:2], "test": test}


def make_tables(folder: Path, groups: bool = False) -> Path:
    """Prepared tables: T is a line of three clusters, L an angle."""
    rng = np.random.default_rng(0)
    rows = []
    for fov_id in fov_ids():
        middles = np.array([[0, 0], [60, 0], [30, 60] if fov_id[0] == "T" else [0, 60]], dtype=float)
        owners = np.repeat(np.arange(3), 8)
        points = middles[owners] + rng.normal(scale=4, size=(24, 2)) + 5000
        locs = {schema.VIEW: 0, schema.CLUSTER_ID: owners, "x": points[:, 0], "y": points[:, 1]}
        means = [points[owners == index].mean(axis=0) for index in range(3)]
        clusters = {
            schema.VIEW: 0,
            schema.CLUSTER_ID: np.arange(3),
            schema.COUNT: [8, 8, 8],
            "x_mean": [mean[0] for mean in means],
            "y_mean": [mean[1] for mean in means],
            "radius_of_gyration": rng.uniform(3, 6, 3),
            "linearity": rng.uniform(0, 1, 3),
        }
        tables = [pl.DataFrame(one).with_columns(pl.col(schema.VIEW).cast(pl.Int64)) for one in (locs, clusters)]
        group = f"p{len(rows) % 3}" if groups else None
        write_fov(folder, ExtractedFov(fov_id, *tables, 2, fov_id[0], CLASSES, group, fingerprint="f"))
        rows.append((fov_id, f"raw/{fov_id}.csv", fov_id[0], group, 2, 24, 3, 60.0, *[None] * 7))
    types = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    table = pl.DataFrame(rows, schema=types, orient="row")
    Manifest(table, CLASSES, {"X_0": "no localisation is left"}).write(folder / "manifest.parquet")
    return folder


def predictions_of(fold: int, wrong: tuple[str, ...]) -> pl.DataFrame:
    """Predictions of both sides; those of ``wrong`` are wrong with probability 0.9."""
    rows = []
    for side in ("val", "test"):
        for place, fov_id in enumerate(split_of(fold)[side]):
            truth = fov_id[0]
            other = "L" if truth == "T" else "T"
            prediction, sure = (other, 0.9) if fov_id in wrong else (truth, 0.6 + 0.05 * place)
            known = {"T": sure, "L": 1 - sure} if prediction == "T" else {"T": 1 - sure, "L": sure}
            rows.append((fov_id, fold, side, truth, prediction, known["T"], known["L"]))
    return pl.DataFrame(rows, schema=["fov_id", "fold", "split", "truth", "prediction", "p_T", "p_L"], orient="row")


def add_run(folder: Path, fold: int, wrong: tuple[str, ...] = (), controls: float = 0.5, tables: Path | None = None):
    """The folder of a completed run."""
    folder.mkdir(parents=True)
    predictions = predictions_of(fold, wrong)
    predictions.write_parquet(folder / "predictions.parquet")
    tested = predictions.filter(pl.col("split") == "test")
    confusion = [
        [tested.filter(pl.col("truth") == one, pl.col("prediction") == other).height for other in CLASSES]
        for one in CLASSES
    ]
    accuracy = float(np.trace(confusion)) / 4
    scores = {"accuracy": accuracy, "balanced_accuracy": accuracy, "f1": accuracy, "loss": 0.4}
    metrics = {
        "status": "completed",
        "reason": None,
        "experiment": "demo",
        "fold": fold,
        "n_folds": 3,
        "class_names": list(CLASSES),
        "val": scores,
        "test": scores,
        "confusion_matrix": confusion,
        "controls": [{"control": name, "accuracy": controls, "balanced_accuracy": controls} for name in CONTROLS],
        "epochs": 2,
        "parameters": 1234,
        "fovs": {side: len(names) for side, names in split_of(fold).items()},
        "precision": "32-true",
        "seconds": {"train": 30.0, "test": 30.0},
    }
    if tables is not None:
        metrics["tables"] = str(tables)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    overrides = ["experiment=demo", f"fold.index={fold}"]
    about = {"family": "f", "n_folds": 3, "overrides": overrides, "versions": {"locgraph": "0.1", "torch": "2.6"}}
    (folder / "run.json").write_text(json.dumps(about))
    config = CONFIG | {"fold": CONFIG["fold"] | {"index": fold}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "folds.json").write_text(json.dumps({"folds": [split_of(index) for index in range(3)]}))
    (folder / "metrics.csv").write_text(
        "epoch,step,train/loss,val/loss,val/accuracy\n0,1,,0.9,0.5\n0,1,0.8,,\n1,3,,0.7,0.75\n1,3,0.6,,\n"
    )
    return folder


def add_vectors(folder: Path, fold: int) -> None:
    """Learned vectors of the test and validation FOVs."""
    table = predictions_of(fold, ()).select("fov_id", "fold", "split")
    rng = np.random.default_rng(fold)
    values = {f"v_{index}": rng.normal(size=table.height) for index in range(4)}
    table.with_columns(**values).write_parquet(folder / "fov_vectors.parquet")


def add_explanations(folder: Path, fold: int) -> Path:
    """Scores of clusters and features by two explainers for the test FOVs."""
    folder.mkdir(parents=True, exist_ok=True)
    empty = dict.fromkeys(schema.ATTRIBUTION_COLUMNS)
    rows, metrics = [], []
    for fov_id in split_of(fold)["test"]:
        for explainer in ("random", "occlusion"):
            key = {"fov_id": fov_id, "fold": fold, "explainer": explainer, "explained_class": fov_id[0]}
            for cluster in range(3):
                scored = {
                    "level": "cluster",
                    "cluster_id": cluster,
                    "score": cluster - 0.5,
                    "in_subgraph": cluster == 2,
                }
                rows.append(empty | key | scored)
            if explainer == "occlusion":
                features = {"linearity": -0.4, "radius_of_gyration": 0.1}
                rows += [
                    empty | key | {"level": "feature", "feature": name, "score": value}
                    for name, value in features.items()
                ]
            numbers = {"fidelity_plus": 0.5, "sparsity": 0.75, "own_metric": None}
            metrics.append(key | {"truth": fov_id[0], "prediction": fov_id[0]} | numbers)
    dtypes = {column.name: column.dtype for column in schema.ATTRIBUTION_COLUMNS.values()}
    pl.DataFrame(rows, schema=dtypes).write_parquet(folder / "attributions.parquet")
    table = pl.DataFrame(metrics, infer_schema_length=None).with_columns(pl.col("own_metric").cast(pl.Float64))
    table.write_parquet(folder / "explanation_metrics.parquet")
    return folder


@dataclass(frozen=True)
class Sweep:
    """A sweep folder with its tables."""

    folder: Path
    tables: Path

    def read(self, **places: object) -> Source:
        """What a report is made from; the tables are known unless told otherwise."""
        runs = [path.parent for path in sorted(self.folder.rglob("run.json"))]
        return read_source(self.folder, runs, 3, Places(**{"tables": self.tables} | places))

    def read_fold(self, fold: int) -> Source:
        """One run of the sweep, as a report of it alone."""
        run = self.folder / str(fold)
        return read_source(run, [run], 3, Places(self.tables))

    def edit(self, fold: int, **changes: object) -> None:
        """Changes entries of ``metrics.json`` of a fold."""
        path = self.folder / str(fold) / "metrics.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
