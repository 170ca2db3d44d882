"""``locgraph analyse``: statistics, maps, simple classifiers and figures from the tables, without the network."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from locgraph.api.config import plain
from locgraph.api.studies.studies import find_studies, summarise_sweeps
from locgraph.cli.analysis_console import print_analysis
from locgraph.errors import ConfigError
from locgraph.run_folder import ANALYSIS, SUMMARY


def run(cfg: DictConfig) -> list[Path]:
    """Analyse a run, a sweep, or tables.

    Returns:
        Folders that hold an analysis: one for each set of settings that differs in more than the fold.

    Raises:
        LocgraphError: The folder holds nothing to analyse, or a setting cannot work.
    """
    settings = plain(cfg.analysis)
    folder, output, tables = (_path(cfg, name) for name in ("folder", "output", "tables"))
    if folder is None:
        raise ConfigError(
            "expected that of a run, of a sweep, or of prepared tables; found none. Call it as: locgraph analyse "
            "FOLDER",
            setting="folder",
        )
    studies = find_studies(folder)
    if len(studies) > 1 and output is not None:
        raise ConfigError(
            f"{folder} holds {len(studies)} sweeps of different settings, which get an analysis each; leave it out, or "
            "analyse one of them",
            setting="output",
        )
    folders = []
    for study in studies:
        target = output or study.folder / ANALYSIS
        analysis = study.analyse(settings, folder=target, tables=tables)
        print_analysis(analysis, target)
        folders.append(target)
    if len(studies) > 1 and (folder / SUMMARY).is_file():
        summarise_sweeps(folder)  # that over seeds has the classifiers too
    return folders


def _path(cfg: DictConfig, name: str) -> Path | None:
    if OmegaConf.is_missing(cfg, name) or cfg[name] is None or not str(cfg[name]).strip():
        return None
    return Path(str(cfg[name])).resolve()
