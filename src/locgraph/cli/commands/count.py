"""``locgraph count FILES``: objects of files counted by predicted class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf
from rich import box
from rich.table import Table

from locgraph.api.config import plain
from locgraph.cli.console import TextConsole, print_line, print_more
from locgraph.errors import ConfigError
from locgraph.run_folder import locked

if TYPE_CHECKING:
    from locgraph.api.objects.counts import Counts

_SHOWN = 20


def run(cfg: DictConfig) -> Counts:
    """Count the objects of files, print a row for each FOV, and write tables, pictures and exports.

    Raises:
        LocgraphError: The model, the files or a setting cannot be used.
    """
    given = None if OmegaConf.is_missing(cfg, "files") else cfg.files
    files = [str(each) for each in (given if isinstance(given, ListConfig) else [given]) if each]
    if not files:
        raise ConfigError(
            "expected files or a folder; found none. Call it as: locgraph count FILES model=RUN", setting="files"
        )
    OmegaConf.update(cfg, "files", files)
    settings = plain(cfg)
    from locgraph.api.objects.count_files import count_settings  # torch, after the settings are known to be complete

    folder = Path(HydraConfig.get().runtime.output_dir)
    with locked(folder, "paths.run_dir"):
        counts = count_settings(settings, folder)
    show(counts, TextConsole())
    print_line(TextConsole(), f"counts: {folder}")
    return counts


def show(counts: Counts, console: TextConsole) -> None:
    """Print how many objects of each class the FOVs have, and what failed."""
    table = Table(title="objects by predicted class", box=box.SIMPLE, pad_edge=False)
    table.add_column("")
    rows = counts.summary
    for name in rows.columns[1:]:
        table.add_column(name.removeprefix("n_").replace("_", " "), justify="right")
    for row in rows.head(_SHOWN).iter_rows():
        table.add_row(*map(_cell, row))
    console.print(table)
    print_more(console, rows.height, _SHOWN, "counts.csv has all")
    for each in counts.conditions.to_dicts():
        ends = "" if each["low"] is None else f" ({each['low']:.3f} to {each['high']:.3f} over {each['n_fovs']} FOVs)"
        print_line(console, f"{each['condition']}: {each['class']} {each['fraction']:.3f}{ends}")
    for name, reason in (*counts.failures.items(), *counts.problems.items()):
        print_line(console, f"! {name}: {reason}", style="yellow")


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
