"""``locgraph summarise``: the folds of a sweep in one table, with the missing and failed ones named."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console
from rich.markdown import Markdown

from locgraph.analysis.summary import Summary, read_sweep, write_summary
from locgraph.cli.run_folder import METRICS, RUN
from locgraph.errors import DataError
from locgraph.provenance import fingerprint
from locgraph.show.figures.bars import sweep_figure
from locgraph.show.figures.run import confusion_figure
from locgraph.show.figures.style import save_figure

_LONGEST_NAME = 80
_BARS, _CONFUSION = "summary.png", "confusion_matrix.png"
_FILES = ("summary.csv", "summary.md", _BARS, _CONFUSION, "summary.json")


def run(cfg: DictConfig) -> list[Path]:
    """Summarises every run below a folder.

    Returns:
        Folders that hold a summary: one for each set of settings that differs in more than the fold.

    Raises:
        LocgraphError: The folder holds no run, or its runs do not fit together.
    """
    return summarise_folder(Path(cfg.folder), show=True)


def summarise_folder(folder: Path, show: bool) -> list[Path]:
    """Writes one summary for each set of runs that differ in the fold alone.

    Args:
        folder: A sweep folder.
        show: Whether to print the tables.

    Returns:
        Where the summaries are: the sweep folder itself, or one sub-folder for each set where there are several.

    Raises:
        DataError: No run is found.
    """
    found = families(folder)
    if not found:
        raise DataError(
            f"folder={folder}: no run found below it; expected folders with {METRICS}, as a sweep writes them"
        )
    written = []
    for name, (runs, n_folds) in found.items():
        target = folder if len(found) == 1 else folder / "summaries" / name
        summary = read_sweep(runs, range(n_folds))
        write_summary(target, summary)
        draw(target, summary)
        written.append(target)
        if show:
            Console().print(Markdown((target / "summary.md").read_text(encoding="utf-8")))
    _remove_outdated(folder, written)
    return written


def _remove_outdated(folder: Path, written: list[Path]) -> None:
    """Removes summaries that stood elsewhere: the first jobs of a sweep cannot know what will differ."""
    for old in (folder, *sorted((folder / "summaries").glob("*"))):
        if old in written or not (old / "summary.json").is_file():
            continue
        for name in _FILES:
            (old / name).unlink(missing_ok=True)
        if old != folder and not any(old.iterdir()):
            old.rmdir()


def draw(folder: Path, summary: Summary) -> None:
    """Draws the accuracy of every fold beside the controls, and the pooled confusion matrix."""
    if not summary.class_names:
        return
    title = f"{summary.experiment}: {len(summary.expected_folds) - len(summary.missing)} folds"
    bars = sweep_figure(summary.folds(), summary.intervals(), "test accuracy", title)
    save_figure(bars, folder / _BARS)
    pooled = confusion_figure(summary.confusion, summary.class_names, f"{title}, pooled")
    save_figure(pooled, folder / _CONFUSION)


def families(folder: Path) -> dict[str, tuple[list[Path], int]]:
    """Runs that share all settings but the fold, by a name made of the settings that tell them from the others."""
    found: dict[str, list[tuple[Path, dict[str, Any]]]] = defaultdict(list)
    for path in sorted(folder.rglob(RUN)):
        content = json.loads(path.read_text(encoding="utf-8"))
        found[content["family"]].append((path.parent, content))
    overrides = {family: set(runs[0][1]["overrides"]) for family, runs in found.items()}
    shared = set.intersection(*overrides.values()) if overrides else set()
    names = {family: family_name(own - shared) for family, own in overrides.items()}
    # settings can also differ in what no command line says, such as a file of the user
    often = Counter(names.values())
    names = {family: name if often[name] == 1 else f"{name}-{family}" for family, name in names.items()}
    return {names[family]: ([run for run, _ in runs], int(runs[0][1]["n_folds"])) for family, runs in found.items()}


def family_name(overrides: Collection[str]) -> str:
    """Settings of the command line, without the fold, as the name of a folder."""
    kept = ",".join(sorted(text for text in overrides if not text.startswith("fold.index=")))
    name = re.sub(r"[^\w.=,+-]", "_", kept) or "all"
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-{fingerprint(kept)}"
