"""Chapter on chance and the number of FOVs, as `locgraph trust` left it: sentences and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from locgraph.analysis.checks.check import Check
from locgraph.errors import DataError
from locgraph.run_folder import CHANCE, LEARNING_CURVE, TRUST
from locgraph.show.report.parts import INFO, MISSING, WARNING, Note, Part, Picture, Pictures, Section
from locgraph.show.report.pictures import figure_uri
from locgraph.show.report.source import Source

_WIDTH: Final = 1000
_PICTURES: Final = {
    CHANCE: "Accuracy with true and with permuted labels",
    LEARNING_CURVE: "Accuracy against the number of training FOVs",
}
_LEAD: Final = (
    "What simple classifiers reach on the same folds, with labels as they are and permuted, and with fewer training "
    "FOVs; the network too, where it was trained for it."
)


def evidence_sections(source: Source) -> tuple[Section, ...]:
    """Return the chapter; none where neither check was made."""
    parts = tuple(part for name in _PICTURES for part in _parts(source, name))
    return (Section("evidence", "Above chance? How many FOVs?", _LEAD, parts),) if parts else ()


def _parts(source: Source, name: str) -> Iterator[Part]:
    path = source.folder / TRUST / name
    try:
        check = Check.read(path)
        if check is None:
            return
        yield from (Note(sentence, INFO) for sentence in check.sentences)
        yield from (Note(f"{warning}.", WARNING) for warning in check.warnings)
        uri = figure_uri(path.with_suffix(".png"), _WIDTH, colours=64)
        yield Pictures((Picture(uri, _PICTURES[name]),))
    except (DataError, OSError) as error:
        yield Note(f"A part of the result cannot be read: {error}", MISSING)
