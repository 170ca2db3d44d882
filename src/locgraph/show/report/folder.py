"""From the folders of runs to their report, with the prepared tables, explanations and analysis beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from locgraph.errors import DataError
from locgraph.run_folder import (
    ANALYSIS,
    ANALYSIS_RECORD,
    CLUSTERS,
    EMBEDDINGS_RECORD,
    REPORT,
    RunFolder,
    read_record,
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
        recorded = tables_record(run)
        if recorded is not None and (recorded / CLUSTERS).is_dir():
            return recorded
    raise DataError(f"{runs[0]}: expected the prepared tables of this run; found none. Give their folder with tables")


def tables_record(run: Path) -> Path | None:
    """Return the folder of the prepared tables that a run, or what embeds data, recorded; None where it did not.

    It may not be there any more.
    """
    folder = RunFolder(run)
    records = (folder.metrics(), folder.record(), read_record(run / EMBEDDINGS_RECORD))
    recorded = next((tables for record in records if (tables := record.get("tables"))), None)
    return Path(recorded) if isinstance(recorded, str) else None


def report_runs(
    folder: Path,
    runs: Sequence[Path],
    n_folds: int,
    output: Path | None = None,
    options: Options | None = None,
    *,
    tables: Path | None = None,
    explanations: Sequence[Path] = (),
    analysed: Path | None = None,
    find_tables: FindTables = recorded_tables,
) -> Path:
    """Write the report of a run or a sweep.

    Args:
        folder: Folder of the run or sweep.
        runs: Folders of runs that differ in the fold alone; the folder itself for a single run.
        n_folds: Number of folds of the split.
        output: The HTML file; None writes ``report.html`` into the folder.
        options: Settings of the report; None takes their defaults.
        tables: Folder of the prepared tables; None looks where the runs left them.
        explanations: Folders of explanations; those in the run folders where there are none.
        analysed: Folder of an analysis; None looks in the folder and in its first run.
        find_tables: Finds the prepared tables where ``tables`` is None.

    Returns:
        The page.

    Raises:
        LocgraphError: No run has predictions, or an argument cannot work.
    """
    for name, path in (("tables", tables), *(("explanations", path) for path in explanations), ("analysed", analysed)):
        if path is not None and not path.is_dir():
            raise DataError(f"expected a folder; found none at {path}", setting=name)
    places = Places(tables or _known(find_tables, runs), tuple(explanations), analysed or _analysis(folder, runs))
    page = output or folder / REPORT
    source = read_source(folder, runs, n_folds, places)
    write_report(page, source, options or Options(), datetime.now().astimezone())
    return page


def _known(find_tables: FindTables, runs: Sequence[Path]) -> Path | Absent:
    try:
        return find_tables(runs)
    except DataError as error:
        return Absent(f"{error}.")


def _analysis(folder: Path, runs: Sequence[Path]) -> Path | Absent:
    candidates = (folder / ANALYSIS, *(run / ANALYSIS for run in runs[:1]))
    reason = (
        f"No analysis was found in {candidates[0]}: run locgraph analyse, and give its folder with analysed=FOLDER."
    )
    return next((path for path in candidates if (path / ANALYSIS_RECORD).is_file()), None) or Absent(reason)
