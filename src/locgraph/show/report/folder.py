"""From the folder of a run or sweep to its report: which runs belong together, and where the rest is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from locgraph.analysis.runs import find_families
from locgraph.errors import ConfigError, DataError
from locgraph.run_folder import (
    ANALYSIS,
    ANALYSIS_RECORD,
    CLUSTERS,
    METRICS,
    REPORT,
    RUN,
    SUMMARIES,
    RunFolder,
)
from locgraph.show.report.page import Options, write_report
from locgraph.show.report.source import Absent, Places, read_source

FindTables = Callable[[Sequence[Path]], Path]
"""Returns the folder of the prepared tables of runs; raises a `DataError` where there is none."""


def recorded_tables(runs: Sequence[Path]) -> Path:
    """Return the folder of the prepared tables that runs recorded.

    Raises:
        DataError: None is recorded, or it is not there any more.
    """
    for run in runs:
        recorded = RunFolder(run).metrics().get("tables")
        if isinstance(recorded, str) and (Path(recorded) / CLUSTERS).is_dir():
            return Path(recorded)
    raise DataError(f"{runs[0]}: expected the prepared tables of this run; found none. Give their folder with tables")


def report_folder(
    folder: Path,
    output: Path | None = None,
    options: Options | None = None,
    *,
    tables: Path | None = None,
    explanations: Sequence[Path] = (),
    analysed: Path | None = None,
    find_tables: FindTables = recorded_tables,
) -> list[Path]:
    """Write the report of a run, or of each sweep below a folder.

    Args:
        folder: Folder of a run, or of a sweep with one run for each fold.
        output: The HTML file; None writes ``report.html`` into the folder.
        options: Settings of the report; None takes their defaults.
        tables: Folder of the prepared tables; None looks where the runs left them.
        explanations: Folders of explanations; those in the run folders where there are none.
        analysed: Folder of an analysis; None looks in the folder and in its first run.
        find_tables: Finds the prepared tables where ``tables`` is None.

    Returns:
        The pages: one for each set of settings that differs in more than the fold.

    Raises:
        LocgraphError: The folder holds no run with predictions, or an argument cannot work.
    """
    for name, path in (("tables", tables), *(("explanations", path) for path in explanations), ("analysed", analysed)):
        if path is not None and not path.is_dir():
            raise DataError(f"expected a folder; found none at {path}", setting=name)
    sweeps = _sweeps(folder)
    if len(sweeps) > 1 and output is not None:
        raise ConfigError(
            f"{folder} holds {len(sweeps)} sweeps of different settings, which get a page each; leave out {output}, or "
            "report one of them",
            setting="output",
        )
    pages = []
    for target, (runs, n_folds) in sweeps.items():
        page = output or target / REPORT
        places = Places(tables or _known(find_tables, runs), tuple(explanations), analysed or _analysis(target, runs))
        write_report(
            page, read_source(target, runs, n_folds, places), options or Options(), datetime.now().astimezone()
        )
        pages.append(page)
    return pages


def _sweeps(folder: Path) -> dict[Path, tuple[Sequence[Path], int]]:
    """Return folder of each page -> its runs and the number of folds."""
    if not folder.is_dir():
        raise DataError(f"expected the folder of a run or sweep; found none at {folder}", setting="folder")
    if (folder / RUN).is_file():
        return {folder: ([folder], int(RunFolder(folder).record().get("n_folds") or 1))}
    families = find_families(folder)
    if not families:
        raise DataError(
            f"no run found in {folder} or below; expected {RUN} and {METRICS}, as training writes them",
            setting="folder",
        )
    if len(families) == 1:
        return {folder: (families[0].folders, families[0].n_folds)}
    return {folder / SUMMARIES / family.name: (family.folders, family.n_folds) for family in families}


def _known(find_tables: FindTables, runs: Sequence[Path]) -> Path | Absent:
    try:
        return find_tables(runs)
    except DataError as error:
        return Absent(f"{error}.")


def _analysis(target: Path, runs: Sequence[Path]) -> Path | Absent:
    candidates = (target / ANALYSIS, *(run / ANALYSIS for run in runs[:1]))
    reason = (
        f"No analysis was found in {candidates[0]}: run locgraph analyse, and give its folder with analysed=FOLDER."
    )
    return next((folder for folder in candidates if (folder / ANALYSIS_RECORD).is_file()), None) or Absent(reason)
