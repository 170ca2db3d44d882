"""``locgraph summarise``: the folds of a sweep in one table, with the missing and failed ones named."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.markdown import Markdown

from locgraph.api.studies import summarise_sweeps
from locgraph.cli.console import TextConsole


def run(cfg: DictConfig) -> list[Path]:
    """Summarise every run below a folder.

    Returns:
        Folders that hold a summary: one for each set of settings that differs in more than the fold.

    Raises:
        LocgraphError: The folder holds no run, or its runs do not fit together.
    """
    return summarise_folder(Path(cfg.folder), show=True)


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
