"""Chapter on perturbed test FOVs, as `locgraph stress` left it: sentences, picture and scores."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.run_folder import STRESS_PICTURE, STRESS_RECORD, STRESS_TABLE, TRUST, RunFolder, read_record
from locgraph.show.report.parts import INFO, MISSING, WARNING, Note, Part, Picture, Pictures, Section, Table
from locgraph.show.report.pictures import figure_uri
from locgraph.show.report.source import Source
from locgraph.show.report.style import count, interval_text, number, plain

_WIDTH: Final = 1200
_LEAD: Final = (
    "Accuracy and calibration on test FOVs whose raw localisations were changed, or that were clustered otherwise, "
    "beside forests on pair distances that saw the same FOVs."
)


def robustness_sections(source: Source) -> tuple[Section, ...]:
    """Return the chapter; none where ``locgraph stress`` was not run."""
    folder = source.folder / TRUST
    if not (folder / STRESS_RECORD).is_file():
        return ()
    record = read_record(folder / STRESS_RECORD)
    parts: list[Part] = [Note(str(sentence), INFO) for sentence in record.get("sentences", {}).values()]
    parts += [Note(f"{note}.", WARNING) for note in record.get("notes", ())]
    try:
        uri = figure_uri(folder / STRESS_PICTURE, _WIDTH, colours=64)
        parts.append(Pictures((Picture(uri, "Accuracy and calibration error against the severity of perturbations"),)))
        parts.append(_scores(RunFolder(folder).table(STRESS_TABLE)))
    except (DataError, OSError) as error:
        parts.append(Note(f"A part of the result cannot be read: {error}", MISSING))
    return (Section("robustness", "Robustness", _LEAD, tuple(parts)),)


def _scores(table: pl.DataFrame) -> Table:
    rows = tuple(
        (
            str(row[schema.PERTURBATION]),
            plain(str(row[schema.METHOD])),
            f"{row[schema.SEVERITY]:g}{' (as it is)' if row[schema.NEUTRAL] else ''}",
            count(row[schema.N_FOVS]),
            "" if row["accuracy"] is None else number(row["accuracy"]),
            "" if row["accuracy"] is None else interval_text(row["accuracy_low"], row["accuracy_high"]),
            "" if row["ece"] is None else number(row["ece"]),
            "" if row["nll"] is None else number(row["nll"]),
            "" if row[schema.UNLIKE] is None else number(row[schema.UNLIKE]),
        )
        for row in table.to_dicts()
    )
    header = ("perturbation", "method", "severity", "FOVs", "accuracy", "95 % interval", "ECE", "NLL", "marked unlike")
    return Table(header, rows, "Units of the severities are in the sentences above.", words=2, folded="All scores")
