"""Chapter with the tables and figures of ``locgraph analyse``, as far as they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from locgraph.run_folder import ANALYSIS_RECORD, read_record
from locgraph.show.report.parts import INFO, MISSING, WARNING, Note, Part, Picture, Pictures, Section, Table
from locgraph.show.report.pictures import figure_uri
from locgraph.show.report.source import Absent, Source, read_csv
from locgraph.show.report.style import cell, listed, many, one_line, plain

TABLES: Final = {
    "feature_tests": "Do features differ between the classes?",
    "localisation_tests": "Do localisations differ between the classes?",
    "classifiers": "Simple classifiers on the same folds",
    "importance": "Features that a classifier needs",
    "clustering": "Do clusters of FOVs agree with the classes?",
    "correlations": "Features that are correlated",
    "representatives": "FOVs nearest to and farthest from the centre of their class",
    "misclassified": "FOVs that the network predicts wrongly",
}
"""Tables of an analysis, in the order in which they are shown, with their titles."""

_MOST_ROWS: Final = 40
_FIGURE_WIDTH: Final = 1000
_LEAD = "Statistics of the features of clusters, without the network."


def analysis_section(source: Source, max_bytes: int) -> Section:
    """Return the chapter with tables and figures of the folder of an analysis.

    Args:
        source: Content of the report.
        max_bytes: Size of all figures together; those that would make the page too large are named.
    """
    title = "Features and statistics"
    folder = source.places.analysis
    if isinstance(folder, Absent):
        note = Note(f"Feature plots and tests cannot be shown. {folder.reason}", MISSING)
        return Section("features", title, _LEAD, (note,))
    parts: list[Part] = [
        Note(one_line(str(words)), WARNING) for words in read_record(folder / ANALYSIS_RECORD).get("warnings", [])
    ]
    figures, notes = _figures(folder, max_bytes)
    parts += figures
    missing = []
    for name, words in TABLES.items():
        table = read_csv(folder / f"{name}.csv")
        if isinstance(table, Absent):
            missing.append(table.reason if (folder / f"{name}.csv").is_file() else f"{name}.csv")
        else:
            parts.append(_table(name, words, table))
    if missing:
        notes.append(f"Not in {folder}: {listed(missing, 20)}.")
    parts += [Note(note, MISSING) for note in notes]
    parts.append(Note(f"Whole tables and figures as PNG and SVG are in {folder}.", INFO))
    return Section("features", title, _LEAD, tuple(parts))


def _table(name: str, title: str, table: pl.DataFrame) -> Table:
    rows = tuple(tuple(cell(value) for value in row) for row in table.head(_MOST_ROWS).rows())
    words = next((place for place, dtype in enumerate(table.dtypes) if dtype != pl.String), len(table.dtypes))
    shown = (
        f"The first {len(rows)} of {many(table.height, 'row')}"
        if table.height > len(rows)
        else many(table.height, "row")
    )
    caption = f"{shown} of {name}.csv."
    return Table(tuple(map(plain, table.columns)), rows, caption, max(words, 1), folded=title)


def _figures(folder: Path, max_bytes: int) -> tuple[list[Part], list[str]]:
    paths = sorted(folder.rglob("*.png"))
    pictures, left_out, size = [], [], 0
    for path in paths:
        try:
            uri = figure_uri(path, _FIGURE_WIDTH, colours=64)
        except OSError:
            left_out.append(f"{path.name} (cannot be read)")
            continue
        if size + len(uri) > max_bytes:
            left_out.append(path.name)
            continue
        size += len(uri)
        pictures.append(Picture(uri, f"Figure {plain(path.stem)} of the analysis", plain(path.stem)))
    notes = [f"Left out, since the page would be too large: {listed(left_out)}."] if left_out else []
    if not paths:
        notes.append(f"There is no figure in {folder}.")
    return ([Pictures(tuple(pictures))] if pictures else []), notes
