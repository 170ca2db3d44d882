"""Every model and control on the same folds: accuracy, parameters, time of training and of prediction.

    python benchmarks/models.py RAW_DIR FOLDER [NAME ...]

RAW_DIR holds the digits and letters (experiment=digits_letters). Each model is a sweep over five folds below FOLDER;
folds that are there already are not trained again, so that the table can be printed once more at any time. NAMEs choose
among the models; all of them take about two hours on two cores. Choices are made by the validation columns.
"""

import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from locgraph.run_folder import RunFolder
from locgraph.stats.intervals import mean_interval

ROTATED = ("augment=rotation",)
NEAREST = ("augment=rotation", "graph/cluster_edges=nearest", "graph.cluster_edges.k=5")
FEW_VIEWS = ("views.count=4",)
ONE_CLOUD = ("clustering=one", "limits.min_clusters=1")
THINNED = ("preprocess=thin", "preprocess.thin.count=100")

SWEEPS: dict[str, tuple[str, ...]] = {
    "base": (),
    "seed1": ("seed=1", "fold.seed=1"),
    "seed2": ("seed=2", "fold.seed=2"),
    "angular": ("model/cluster_encoder=angular_filter",),
    "chiral": ("model/cluster_encoder=chiral_filter",),
    "gatv2": ("model/cluster_encoder=gatv2",),
    "graph_transformer": ("model/cluster_encoder=graph_transformer",),
    "gin": ("model/cluster_encoder=gin",),
    "edge_conv": ("model/cluster_encoder=edge_conv", *NEAREST),
    "point_net": ("model/cluster_encoder=point_net", *NEAREST),
    "clusternet": ("model=clusternet", *NEAREST),
    "clustermlp": ("model=clustermlp",),
    "hgt": ("model=hgt", *FEW_VIEWS),
    "locclusternet": ("model=locclusternet", *NEAREST, *FEW_VIEWS),
    "locnet_pointnet": ("model=locnet_pointnet", *ROTATED, *FEW_VIEWS),
    "locnet_pointtransformer": ("model=locnet_pointtransformer", *ROTATED, *FEW_VIEWS),
    "loconlynet_pointnet": ("model=loconlynet_pointnet", *ROTATED, *ONE_CLOUD, *FEW_VIEWS),
    "loconlynet_pointtransformer": ("model=loconlynet_pointtransformer", *ROTATED, *ONE_CLOUD, *FEW_VIEWS),
    "thin0": THINNED,
    "thin1": (*THINNED, "seed=1", "fold.seed=1"),
    "thin2": (*THINNED, "seed=2", "fold.seed=2"),
}
"""Name of each sweep and what it changes of the experiment."""


def train(name: str, raw_dir: Path, folder: Path) -> None:
    """Train the folds that are missing."""
    script = Path(__file__).parents[1] / "train.py"
    where = [f"data.raw_dir={raw_dir}", f"paths.sweep_dir={folder / name}", f"paths.prepared_dir={folder / 'prepared'}"]
    command = [sys.executable, str(script), "-m", "experiment=digits_letters", "sweep=kfold", *where, *SWEEPS[name]]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the metrics of the completed folds."""
    runs = [RunFolder(path) for path in sorted(folder.glob("[0-9]*"))]
    return [run.metrics() for run in runs if run.is_completed()]


def with_interval(values: list[float]) -> str:
    """Return a mean as text, with its 95 % interval over the folds."""
    interval = mean_interval(values, (0.0, 1.0))
    if interval.low is None or interval.high is None:
        return f"{interval.estimate:.3f}"
    return f"{interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def main(raw_dir: Path, folder: Path, names: list[str]) -> None:
    """Train what is missing, and print one table for models and one for controls."""
    columns = ("sweep", "folds", "val accuracy", "val loss", "test accuracy", "parameters", "s/fold", "ms/FOV")
    models = Table(*columns, title="models")
    controls: dict[str, list[float]] = {}
    for name in names:
        if len(read(folder / name)) < 5 and raw_dir != Path("-"):
            train(name, raw_dir, folder)
        runs = read(folder / name)
        if not runs:
            continue
        each = [1000 * run["seconds"]["test"] / (run["fovs"]["val"] + run["fovs"]["test"]) for run in runs]
        models.add_row(
            name,
            str(len(runs)),
            f"{statistics.mean(run['val']['accuracy'] for run in runs):.3f}",
            f"{statistics.mean(run['val']['loss'] for run in runs):.3f}",
            with_interval([run["test"]["accuracy"] for run in runs]),
            str(runs[0]["parameters"]),
            f"{statistics.median(run['seconds']['train'] for run in runs):.0f}",
            f"{statistics.median(each):.1f}",
        )
        for run in runs:
            for row in run.get("controls") or []:
                controls.setdefault(f"{name}: {row['control']}", []).append(row["accuracy"])
    table = Table("sweep and control", "test accuracy", title="controls")
    for name, values in controls.items():
        table.add_row(name, with_interval(values))
    Console(width=140).print(models, table)


if __name__ == "__main__":
    raw, where, *chosen = sys.argv[1:]
    main(Path(raw), Path(where).resolve(), chosen or list(SWEEPS))
