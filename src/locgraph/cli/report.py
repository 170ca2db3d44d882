"""``locgraph report``: a run or a sweep as one HTML page that needs nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from locgraph.analysis.runs import find_families
from locgraph.api.prepare import find_tables
from locgraph.cli.run_folder import METRICS, RUN
from locgraph.errors import ConfigError, DataError
from locgraph.show.report.absent import Absent
from locgraph.show.report.files import read_json
from locgraph.show.report.page import Options, write_report
from locgraph.show.report.source import Places, read_source

log = logging.getLogger(__name__)

NAME = "report.html"
_ANALYSIS, _ANALYSIS_FILE = "analysis", "analysis.json"
_MEGABYTE = 1_000_000


def run(cfg: DictConfig) -> list[Path]:
    """Writes the report of a run or of each sweep below a folder.

    Returns:
        The pages: one for each set of settings that differs in more than the fold.

    Raises:
        LocgraphError: The folder holds no run with predictions, or a setting cannot work.
    """
    folder = _folder(cfg)
    options = _options(cfg)
    found = _runs(folder)
    if len(found) > 1 and cfg.output is not None:
        raise ConfigError(
            f"output={cfg.output}: {folder} holds {len(found)} sweeps of different settings, which get a page each; "
            "leave output out, or report one of them"
        )
    written = []
    for target, (runs, n_folds) in found.items():
        path = target / NAME if cfg.output is None else Path(str(cfg.output)).resolve()
        source = read_source(target, runs, n_folds, _places(cfg, target, runs))
        write_report(path, source, options, datetime.now().astimezone())
        log.info("%s (%.1f MB)", path, path.stat().st_size / _MEGABYTE)
        written.append(path)
    return written


def _folder(cfg: DictConfig) -> Path:
    given = None if OmegaConf.is_missing(cfg, "folder") else cfg.folder
    if given is None or not str(given).strip():
        raise ConfigError(
            "folder: expected the folder of a run or sweep; found none. Call it as: locgraph report FOLDER"
        )
    return Path(str(given)).resolve()


def _options(cfg: DictConfig) -> Options:
    names = ("max_megabytes", "wrong", "right", "most_fovs", "umap", "seed")
    return Options(**{name: cfg[name] for name in names})


def _runs(folder: Path) -> dict[Path, tuple[list[Path], int]]:
    """Folder of each page -> its runs and the number of folds."""
    if not folder.is_dir():
        raise DataError(f"folder={folder}: expected the folder of a run or sweep; found none there")
    if (folder / RUN).is_file():
        return {folder: ([folder], int(read_json(folder / RUN).get("n_folds") or 1))}
    found = find_families(folder)
    if not found:
        raise DataError(
            f"folder={folder}: no run found in it or below; expected {RUN} and {METRICS}, as train and a sweep write "
            "them"
        )
    if len(found) == 1:
        return {folder: (list(found[0].folders), found[0].n_folds)}
    return {folder / "summaries" / each.name: (list(each.folders), each.n_folds) for each in found}


def _places(cfg: DictConfig, target: Path, runs: Sequence[Path]) -> Places:
    return Places(
        tables=_tables(cfg, runs),
        explanations=_given_folders(cfg, "explanations"),
        analysis=_analysis(cfg, target, runs),
    )


def _given_folders(cfg: DictConfig, name: str) -> tuple[Path, ...]:
    """The folders of a setting that may name one or several.

    Raises:
        DataError: One of them is not there.
    """
    value = cfg[name]
    given = [] if value is None else list(value) if isinstance(value, ListConfig) else [value]
    folders = tuple(Path(str(one)).resolve() for one in given)
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{name}={folder}: expected a folder; found none there")
    return folders


def _analysis(cfg: DictConfig, target: Path, runs: Sequence[Path]) -> Path | Absent:
    given = _given_folders(cfg, "analysed")
    if len(given) > 1:
        raise ConfigError(f"analysed: expected one folder; found {len(given)}")
    candidates = given or (target / _ANALYSIS, *(run / _ANALYSIS for run in runs[:1]))
    found = next((folder for folder in candidates if given or (folder / _ANALYSIS_FILE).is_file()), None)
    reason = (
        f"No analysis was found in {candidates[0]}: run locgraph analyse, and give its folder with analysed=FOLDER."
    )
    return found or Absent(reason)


def _tables(cfg: DictConfig, runs: Sequence[Path]) -> Path | Absent:
    """The prepared tables: as given, as the runs say, or where their configuration put them."""
    given = _given_folders(cfg, "tables")
    if len(given) > 1:
        raise ConfigError(f"tables: expected one folder; found {len(given)}")
    if given:
        return find_tables(runs, given[0])
    try:
        return find_tables(runs)
    except DataError as error:
        return Absent(f"{error}.")
