"""Chapter on what else than shape could explain the result, as the checks in the folder ``trust`` left it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from locgraph.analysis.checks.check import Check
from locgraph.errors import DataError
from locgraph.run_folder import CHANCE, CONFOUNDERS, LABELS, LEARNING_CURVE, MATCHED, TRUST
from locgraph.show.report.parts import MISSING, WARNING, Facts, Note, Part, Picture, Pictures, Section, Table
from locgraph.show.report.pictures import figure_uri
from locgraph.show.report.source import Source
from locgraph.show.report.style import cell, many, plain

_WIDTH: Final = 1000
_MOST_ROWS: Final = 60
_TITLE: Final = "Could it be something else?"
_LEAD: Final = (
    "Whether chance, too few FOVs, the way of recording or wrong classes explain the result: each question in "
    "sentences, with a picture and a table."
)


@dataclass(frozen=True)
class _Question:
    """One check.

    Attributes:
        file: Its table in the folder ``trust``.
        words: What it asks.
        call: What makes it.
    """

    file: str
    words: str
    call: str


_QUESTIONS: Final = (
    _Question(CHANCE, "Are classes known above chance?", "study.chance()"),
    _Question(LEARNING_CURVE, "How many FOVs would it take?", "study.learning_curve()"),
    _Question(CONFOUNDERS, "Do count, density, precision or the batch name the class?", "study.confounders()"),
    _Question(MATCHED, "Does the network know FOVs of equal count, density and precision?", "study.matched()"),
    _Question(LABELS, "Do predictions contradict given classes?", "locgraph check-labels"),
)


def confounders_section(source: Source) -> Section:
    """Return the chapter; a check that was not made has a note that says how to make it."""
    folder = source.folder / TRUST
    parts = tuple(part for question in _QUESTIONS for part in _answer(folder, question))
    return Section("confounders", _TITLE, _LEAD, parts)


def _answer(folder: Path, question: _Question) -> Iterator[Part]:
    path = folder / question.file
    try:
        check = Check.read(path)
    except DataError as error:
        yield Note(f"{question.words} The result cannot be read: {error}", MISSING)
        return
    if check is None:
        yield Note(f"{question.words} Not asked: run locgraph trust on this folder, or {question.call}.", MISSING)
        return
    yield Facts(((question.words, " ".join(check.sentences)),))
    for warning in check.warnings:
        yield Note(f"Not known: {warning}", WARNING)
    picture = path.with_suffix(".png")
    if picture.is_file():
        try:
            yield Pictures((Picture(figure_uri(picture, _WIDTH, colours=64), question.words, question.words),))
        except OSError:
            yield Note(f"{picture} cannot be read.", MISSING)
    yield _table(check, question)


def _table(check: Check, question: _Question) -> Table:
    table = check.table.head(_MOST_ROWS)
    words = next((place for place, dtype in enumerate(table.dtypes) if dtype.is_numeric()), table.width)
    rows = tuple(tuple(cell(value) for value in row) for row in table.rows())
    more = f"The first {table.height} of " if check.table.height > table.height else ""
    caption = f"{more}{many(check.table.height, 'row')} of {question.file}."
    return Table(tuple(map(plain, table.columns)), rows, caption, max(words, 1), folded=question.words)
