"""``locgraph train`` and ``python train.py``: train and test one fold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich import box
from rich.table import Table

from locgraph.api.config import plain
from locgraph.cli.config_tree import ALL, SETTING, check_choice, full_tree, short_tree
from locgraph.cli.console import TextConsole
from locgraph.cli.counts import show_counts
from locgraph.run_folder import CROSS_VALIDATION, EMBEDDINGS, RELEASE, REPRESENTATION

_SCORES = {"accuracy": "accuracy", "balanced_accuracy": "balanced", "f1": "F1", "auroc": "AUROC", "loss": "loss"}


def run(cfg: DictConfig) -> float | None:
    """Train and test one fold, and print its scores beside those of the controls.

    Args:
        cfg: The composed configuration of ``train.yaml``.

    Returns:
        The validation metric that ``optimized_metric`` names, for sweepers; None of a release, which has none.

    Raises:
        LocgraphError: The data or the settings cannot be used; the reason is in ``run.json`` too.
    """
    settings = plain(cfg)
    show_config(settings, TextConsole())
    # torch, after the settings are known to be complete
    from locgraph.api.studies.studies import study
    from locgraph.api.training.objective import SETTING as METRIC
    from locgraph.api.training.objective import read_objective
    from locgraph.api.training.train import train_settings

    hydra = HydraConfig.get()
    trained = train_settings(settings, Path(hydra.runtime.output_dir), list(hydra.overrides.task))
    metrics = trained.metrics()
    console = TextConsole()
    if RELEASE in metrics:
        console.print(release_text(metrics), soft_wrap=True)
        console.print(f"run folder: {trained.path}", soft_wrap=True)
        return None
    if metrics.get("scored") == REPRESENTATION:
        console.print(embedding_text(metrics, trained.path), soft_wrap=True)
        return read_objective(metrics, settings[METRIC])
    console.print(score_table(metrics))
    if "objects" in metrics:
        show_counts(trained.path, console)
    if "test" in metrics:
        console.print(study(trained.path).summary().headline(), highlight=False, markup=False)
    console.print(f"run folder: {trained.path}", soft_wrap=True)
    return read_objective(metrics, settings[METRIC])


def release_text(metrics: Mapping[str, Any]) -> str:
    """Return what was released, with the scores of the sweep it rests on."""
    release, scores = metrics[RELEASE], metrics[CROSS_VALIDATION]
    return (
        f"Trained on all {metrics['fovs']['train']} FOVs for {release['epochs']} epochs, the median best epoch of "
        f"{len(release['best_epochs'])} runs.\nCross-validation of {release['from']}: {scores['headline']}"
    )


def embedding_text(metrics: Mapping[str, Any], folder: Path) -> str:
    """Return the losses of a representation, and where its embeddings are."""
    names = {"val": "validation", "test": "test"}
    losses = [
        f"{metrics[side]['loss']:.4g} on {metrics[side]['units']} {name} units ({metrics['fovs'][side]} FOVs)"
        for side, name in names.items()
        if side in metrics
    ]
    return (
        f"Learned without labels in {metrics['epochs']} epochs; loss {', '.join(losses)}.\n"
        f"embeddings: {folder / EMBEDDINGS}\nCompare them: locgraph benchmark {folder}; groups: locgraph group {folder}"
    )


def show_config(settings: Mapping[str, Any], console: TextConsole) -> None:
    """Print the configuration as ``print_config`` asks; of a sweep that of its first job.

    Raises:
        ConfigError: There is no such choice.
    """
    check_choice(settings[SETTING])
    hydra = HydraConfig.get()
    if not settings[SETTING] or (hydra.mode == RunMode.MULTIRUN and hydra.job.num != 0):
        return
    if settings[SETTING] == ALL:
        console.print(full_tree(settings))
    else:
        console.print(short_tree(hydra.runtime.choices, hydra.overrides.task))


def score_table(metrics: Mapping[str, Any]) -> Table:
    """Return the scores of the network on the test side beside its controls; those of validation where it has none."""
    what = "localisations of " if metrics.get("scored") else ""
    side = "test" if "test" in metrics else "val"
    name = {"test": "test", "val": "validation"}[side]
    title = f"{name}: {what}{metrics['fovs'][side]} FOVs, {len(metrics['class_names'])} classes"
    table = Table(title=title, box=box.SIMPLE, pad_edge=False)
    for column in ("", *_SCORES.values()):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    table.add_row("network", *_cells(metrics[side]), style="bold", end_section=True)
    if "localisations" in metrics and not metrics.get("scored"):
        table.add_row("localisations", *_cells(metrics["localisations"][side]), end_section=True)
    for control in metrics["controls"]:
        table.add_row(control["control"].replace("_", " "), *_cells(control, absent=""))
    return table


def _cells(scores: Mapping[str, Any], absent: str = "-") -> list[str]:
    return [f"{scores[name]:.3f}" if name in scores else absent for name in _SCORES]
