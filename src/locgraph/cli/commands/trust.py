"""``locgraph trust FOLDER``: all checks of a finished run or sweep that need no training."""

from __future__ import annotations

import time
from pathlib import Path

from omegaconf import DictConfig

from locgraph.api.config import plain
from locgraph.api.studies.studies import find_studies
from locgraph.cli.console import TextConsole, path_setting, print_line
from locgraph.errors import LocgraphError
from locgraph.run_folder import TRUST
from locgraph.storage import locked


def run(cfg: DictConfig) -> list[Path]:
    """Check calibration, chance, confounders and labels of a run, or of each sweep below a folder, and print sentences.

    Returns:
        The folders with tables and pictures.

    Raises:
        LocgraphError: The folder holds no run, a setting cannot work, or no check can be made.
    """
    folder = path_setting(cfg, "folder", "locgraph trust FOLDER")
    settings, console = plain(cfg), TextConsole()
    tables = None if settings["tables"] is None else Path(str(settings["tables"])).resolve()
    folders = []
    for study in find_studies(folder):
        started = time.perf_counter()
        with locked(study.folder / TRUST, "folder"):
            results = study.trust(settings["skip"], tables=tables)
        if all(isinstance(result, LocgraphError) for result in results.values()):
            raise next(result for result in results.values() if isinstance(result, LocgraphError))
        for name, result in results.items():
            print_line(console, name.replace("_", " "), style="bold")
            if isinstance(result, LocgraphError):
                print_line(console, f"! {result}", style="yellow")
                continue
            for sentence in result.sentences:
                print_line(console, sentence)
            for warning in result.warnings:
                print_line(console, f"! {warning}", style="yellow")
        folders.append(study.folder / TRUST)
        print_line(console, f"trust: {folders[-1]} ({time.perf_counter() - started:.0f} s)")
    return folders
