"""``locgraph eval`` and ``python eval.py``: test a checkpoint again, or classify new raw files with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from locgraph import schema
from locgraph.api.config import plain
from locgraph.cli import explanations
from locgraph.cli.console import TextConsole
from locgraph.cli.counts import show_counts
from locgraph.data.folds import TEST
from locgraph.run_folder import (
    EMBEDDINGS,
    EXPLANATIONS_RECORD,
    LOCALISATION_PREDICTIONS,
    PREDICTIONS,
    RunFolder,
    read_record,
)


def run(cfg: DictConfig) -> dict[str, Any]:
    """Evaluate a checkpoint, and print what was predicted.

    Args:
        cfg: The composed configuration of ``eval.yaml``.

    Returns:
        The metrics, as written to ``metrics.json``; without labels, the number of FOVs alone.

    Raises:
        LocgraphError: The checkpoint or the data cannot be used.
    """
    settings = plain(cfg)
    from locgraph.api.models.evaluate import evaluate_settings  # torch, after the settings are known to be complete

    folder = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    if any(override.startswith("paths.run_dir=") for override in HydraConfig.get().overrides.task):
        # a folder that the user names gets everything
        settings["explain"]["folder"] = settings["explain"]["folder"] or str(folder.path)
    metrics = evaluate_settings(settings, folder.path)
    for file, part, what in (
        (LOCALISATION_PREDICTIONS, metrics.get("localisations"), "localisations"),
        (PREDICTIONS, metrics, "FOVs"),
    ):
        if part is not None and (folder.path / file).is_file():
            show(folder.table(file), part, what, TextConsole())
            TextConsole().print(f"predictions: {folder.path / file}", soft_wrap=True)
    if (folder.path / EMBEDDINGS).is_file():
        loss = f"; loss {metrics[TEST]['loss']:.4g}" if TEST in metrics else ""
        text = f"{folder.table(EMBEDDINGS).height} units embedded without labels{loss}"
        TextConsole().print(f"{text}\nembeddings: {folder.path / EMBEDDINGS}", soft_wrap=True)
    if "objects" in metrics:
        show_counts(folder.path, TextConsole())
    if "explanations" in metrics:
        where = Path(metrics["explanations"]["folder"])
        explanations.show(read_record(where / EXPLANATIONS_RECORD), where, TextConsole())
    return metrics


def show(predictions: pl.DataFrame, metrics: Mapping[str, Any], what: str, console: Console) -> None:
    """Print the scores of what has a label, and how often each class was predicted."""
    if TEST in metrics:
        scores = {name: value for name, value in metrics[TEST].items() if isinstance(value, float)}
        labelled = int(predictions[schema.TRUTH].is_not_null().sum())
        table = Table(title=f"{labelled} {what} with a label")
        for name in scores:
            table.add_column(name, justify="right")
        table.add_row(*(f"{value:.4f}" for value in scores.values()))
        console.print(table)
    counts = predictions[schema.PREDICTION].value_counts(sort=True)
    console.print(
        f"{predictions.height} {what} predicted: " + ", ".join(f"{n} {name}" for name, n in counts.iter_rows())
    )
