"""How well explainers identify the clusters that decide a class, where these are known, and how long they take.

    python benchmarks/explain.py [--checkpoint RUN/checkpoints/best.ckpt] [--explainers subgraphx occlusion] [--fovs 50]

Without a checkpoint `experiment=motif` is trained first (fold 0, two minutes): simulated FOVs whose class is a planted
motif. Each explainer of configs/explain that can explain the model, with the settings there, scores the
clusters of test FOVs that hold a motif and that the network gets right, the first ones of each class. Columns are means
over these FOVs:

    AUC         how often a cluster of the motif scores above another one; 0.5 by chance
    precision   part of the k highest scores that are in the motif of k clusters
    average     average precision
    s/FOV       processor seconds to explain one FOV, on one core; in brackets the slowest FOV
    learning    processor seconds of an explainer that learns from 100 training FOVs first

With the checkpoint of other data, of which no motif is known, there are times alone.
"""

import argparse
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import torch
from rich.console import Console
from rich.table import Table

import locgraph
from locgraph import schema
from locgraph.build import build
from locgraph.data.folds import TEST, TRAIN
from locgraph.errors import ConfigError
from locgraph.explain.base import Example, Explainer, n_clusters
from locgraph.explain.fovs import Examples, choose_first, choose_random
from locgraph.explain.metrics.comparison import MotifScores, against_motif
from locgraph.nn.network import Network
from locgraph.run_folder import RunFolder
from locgraph.simulate.motif import MOTIF

FIT_FOVS = 100


@dataclass
class Study:
    """A trained network and its FOVs.

    Attributes:
        network: The network, in evaluation mode.
        test: Test FOVs that it gets right.
        training: Training FOVs.
        motifs: FOV -> which of its clusters are of the motif, (C,) bool; empty where no motif is known.
    """

    network: Network
    test: list[Example]
    training: list[Example]
    motifs: dict[str, torch.Tensor]


@dataclass
class Result:
    """Scores and times of one explainer."""

    scores: list[MotifScores] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    learning: float | None = None


def train(folder: str) -> Path:
    """Train the experiment in a process of its own; return the checkpoint."""
    run = Path(folder) / "run"
    options = ["experiment=motif", "controls=false", f"paths.output_dir={folder}", f"paths.run_dir={run}"]
    command = [sys.executable, "-m", "locgraph.cli", "train", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return RunFolder(run).best


def load(path: Path, fovs: int) -> Study:
    """Read a checkpoint, and the FOVs of its run."""
    model = locgraph.load(path)
    record, network = model.record, model.network
    prepared = model.training_data()
    examples, labels = Examples(record, prepared), prepared.labels
    index = {name: number for number, name in enumerate(record["class_names"])}
    right = [name for name in record["split"][TEST] if examples.predict(network, name) == index[labels[name]]]
    motifs = {name: motif(prepared.localisations(name)) for name in right}
    motifs = {name: members for name, members in motifs.items() if members.any()}
    test = choose_first([name for name in right if name in motifs or not motifs], labels, fovs)
    training = choose_random(record["split"][TRAIN], labels, FIT_FOVS, seed=0)
    return Study(
        network,
        [examples(name, index[labels[name]]) for name in test],
        [examples(name, examples.predict(network, name)) for name in training],
        motifs,
    )


def motif(localisations: pl.DataFrame) -> torch.Tensor:
    """Return the clusters most localisations of which are of the motif, (C,) bool."""
    locs = localisations.filter(pl.col(schema.VIEW) == 0, pl.col(schema.CLUSTER_ID) >= 0)
    if schema.LOC_LABEL not in locs.columns:
        return torch.zeros(locs[schema.CLUSTER_ID].n_unique(), dtype=torch.bool)
    share = (pl.col(schema.LOC_LABEL) == MOTIF).mean()
    return (locs.group_by(schema.CLUSTER_ID).agg(share).sort(schema.CLUSTER_ID)[schema.LOC_LABEL] > 0.5).to_torch()


def explainers(wanted: Sequence[str] | None) -> dict[str, Explainer]:
    """Return explainers by name, with the settings in configs/explain; all of them where none are named."""
    leaves = locgraph.compose("explain", "explain=all", "ckpt_path=null")["explain"]["explainers"]
    unknown = sorted(set(wanted or ()) - set(leaves))
    if unknown:
        sys.exit(f"--explainers: expected some of {', '.join(leaves)}; found {', '.join(unknown)}")
    return {name: build(leaves[name], name) for name in wanted or leaves}


def measure(explainer: Explainer, study: Study) -> Result:
    """Explain all FOVs."""
    result = Result()
    if explainer.trained:
        started = time.process_time()
        explainer.fit(study.network, study.training, torch.Generator().manual_seed(0))
        result.learning = time.process_time() - started
    for example in study.test:
        generator = torch.Generator().manual_seed(0)
        started = time.process_time()
        explanation = explainer.explain(study.network, example, generator)
        result.seconds.append(time.process_time() - started)
        if example.fov_id in study.motifs:
            result.scores.append(against_motif(explanation.clusters, study.motifs[example.fov_id]))
    return result


def add(table: Table, name: str, result: Result) -> None:
    """Add one row."""
    means = []
    for metric in ("auc", "precision", "average_precision"):
        values = [value for motif_scores in result.scores if (value := getattr(motif_scores, metric)) is not None]
        means.append(f"{statistics.fmean(values):.3f}" if values else "")
    learning = "" if result.learning is None else f"{result.learning:.1f}"
    table.add_row(name, *means, f"{statistics.fmean(result.seconds):.3f} ({max(result.seconds):.2f})", learning)


def describe(study: Study) -> str:
    """Return what is explained, in a line."""
    sizes = [n_clusters(example.graph) for example in study.test]
    text = f"{len(study.test)} test FOVs of {statistics.median(sizes):.0f} clusters (median)"
    if not study.motifs:
        return text
    share = statistics.fmean(float(study.motifs[example.fov_id].float().mean()) for example in study.test)
    return f"{text}, {share:.2f} of them of the motif"


def main(arguments: argparse.Namespace) -> None:
    """Print one row for each explainer."""
    console = Console(width=120)
    chosen = explainers(arguments.explainers)
    torch.set_num_threads(1)
    logging.getLogger("locgraph").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        study = load(arguments.checkpoint or train(folder), arguments.fovs)
        table = Table("explainer", "AUC", "precision", "average", "s/FOV", "learning", title=describe(study))
        for name, explainer in chosen.items():
            try:
                explainer.check(study.network)
            except ConfigError as error:
                console.print(f"{name} is left out: {error}")
                continue
            add(table, name, measure(explainer, study))
        console.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="of a run; absent: experiment=motif is trained")
    parser.add_argument("--explainers", nargs="+", help="their names in configs/explain; absent: all")
    parser.add_argument("--fovs", type=int, default=50, help="how many FOVs at most")
    main(parser.parse_args())
