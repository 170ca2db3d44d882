"""``locgraph summarise``: the folds of a sweep in one table, with the missing and failed ones named."""

from __future__ import annotations

import copy
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.markdown import Markdown

from locgraph.api.config import Settings
from locgraph.api.studies.studies import find_repeated, find_sweeps, summarise_sweeps
from locgraph.cli.console import TextConsole


def run(cfg: DictConfig) -> list[Path]:
    """Summarise every run below a folder.

    Returns:
        Folders that hold a summary: one for each set of settings that differs in more than the fold.

    Raises:
        LocgraphError: The folder holds no run, or its runs do not fit together.
    """
    folder = Path(cfg.folder)
    written = summarise_folder(folder, show=True)
    track_sweeps(cfg, folder)
    return written


def track_sweeps(cfg: DictConfig, folder: Path) -> None:
    """Send the summary of each sweep below a folder to the loggers, where some are chosen; they write into the folder.

    Raises:
        LocgraphError: A logger cannot be made of its settings.
    """
    if not cfg.get("logger"):
        return
    from locgraph.api.training.tracking import track_summary  # torch, which a summary does not need

    settings = logger_settings(cfg, folder)
    for study in (*find_sweeps(folder), *find_repeated(folder)):
        track_summary(settings, study)


def logger_settings(cfg: DictConfig, folder: Path) -> Settings:
    """Return ``logger`` and ``tags``, with ``paths.run_dir`` as a folder."""
    placed = copy.deepcopy(cfg)
    OmegaConf.update(placed, "paths.run_dir", str(folder))
    return {name: OmegaConf.to_container(placed[name], resolve=True) for name in ("logger", "tags")}


def summarise_folder(folder: Path, show: bool) -> list[Path]:
    """Write one summary for each set of runs that differ in the fold alone.

    Args:
        folder: A sweep folder.
        show: Whether to print the tables.

    Returns:
        Where the summaries are: the sweep folder itself, or one sub-folder for each set where there are several.

    Raises:
        DataError: There is no run.
    """
    texts = summarise_sweeps(folder)
    for text in texts if show else ():
        TextConsole().print(Markdown(text.read_text(encoding="utf-8")))
    return [text.parent for text in texts]
