"""Statements that come from files of other programs, and how they join a table of annotations."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from locgraph.errors import DataError
from locgraph.io.annotations.table import append_annotations, check_row, read_history, standing, undo
from locgraph.io.regions.read import is_named
from locgraph.provenance import file_digest
from locgraph.schema import annotation as columns

_NAMES: Final = uuid.UUID("6f0c2b62-4f2e-5f0e-9c2a-3f1d5a1b7c11")
_UUID_DIGITS: Final = 32

FINGERPRINT, SHA256 = "fingerprint", "sha256"
"""Names of digests of the raw file in the data of a task: locgraph's own, and one that others may write."""

STRANGER: Final = "a FOV that the raw folder does not hold"
OTHER_DATA: Final = "what was annotated is another file than the one in the raw folder"


@dataclass
class LeftOut:
    """What of a file was not taken.

    Attributes:
        reasons: Reason -> where, once for each thing left out.
    """

    reasons: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, where: str) -> None:
        """Count one thing."""
        self.reasons.setdefault(reason, []).append(where)

    def sentences(self) -> list[str]:
        """Return a line for each reason, with the number and the first place."""
        return [f"{len(places)} left out: {reason} (such as {places[0]})" for reason, places in self.reasons.items()]


@dataclass(frozen=True)
class Merged:
    """What an import did to a table of annotations.

    Attributes:
        added: Rows that are new.
        changed: Rows that replace others, which were taken back.
        unchanged: Rows that were there already.
        taken_back: Rows that were there, and were taken back since: they stay so.
        alone: Standing statements of the same annotators on the same FOVs that a complete file lacks; they stay.
    """

    added: int
    changed: int
    unchanged: int
    taken_back: int
    alone: int


class EarlierRows:
    """The rows of a table of annotations, to find those that came from the same place before.

    Args:
        path: The table; one that does not exist yet is empty.

    Raises:
        DataError: It is no table of annotations.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        rows = read_history(path) if path.exists() else None
        self._ids = set() if rows is None else set(rows[columns.ANNOTATION_ID])
        self.standing: dict[str, dict[str, Any]] = {}
        if rows is not None:
            self.standing = {row[columns.ANNOTATION_ID]: row for row in standing(rows).to_dicts()}

    def latest(self, name: str) -> str | None:
        """Return the id of the newest row that came from a place; None where none did."""
        newest, number = None, 0
        while (own := revision(name, number)) in self._ids:
            newest, number = own, number + 1
        return newest

    def next_id(self, name: str) -> str:
        """Return the id of the next row that comes from a place."""
        number = 0
        while (own := revision(name, number)) in self._ids:
            number += 1
        return own


def source_id(*parts: object) -> str:
    """Return the id (32 hexadecimal digits) of what stands at one place of a file: itself where it is one already."""
    last = str(parts[-1]) if parts else ""
    if len(parts) == 1 and len(last) == _UUID_DIGITS and set(last) <= set("0123456789abcdef"):
        return last
    return uuid.uuid5(_NAMES, "\n".join(map(str, parts))).hex


def revision(name: str, number: int) -> str:
    """Return the id of a row that came from a place: ``name`` itself at first, another one after each change."""
    return name if number == 0 else uuid.uuid5(_NAMES, f"{name}\n{number}").hex


class RawFovs:
    """The raw files that statements can be about.

    Args:
        paths: FOV -> its file; None where they are not known, and every FOV is taken.
    """

    def __init__(self, paths: Mapping[str, Path] | None = None) -> None:
        self._paths = paths
        self._digests: dict[str, str] = {}

    def find(self, name: str) -> str | None:
        """Return the FOV that a file means by a name, with or without a suffix; None where there is none."""
        if self._paths is None or name in self._paths:
            return name
        return next((fov_id for fov_id in self._paths if is_named(name, fov_id)), None)

    def digest(self, fov_id: str) -> str | None:
        """Return the digest of the file of a FOV; None where it is not known."""
        if self._paths is None:
            return None
        if fov_id not in self._digests:
            self._digests[fov_id] = file_digest(self._paths[fov_id])
        return self._digests[fov_id]

    def differs(self, fov_id: str, stated: Mapping[str, Any]) -> bool:
        """Return whether a digest that is stated, ``fingerprint`` or ``sha256``, is that of another file."""
        if self._paths is None:
            return False
        own, sha256 = stated.get(FINGERPRINT), stated.get(SHA256)
        if own is not None and own != self.digest(fov_id):
            return True
        return sha256 is not None and sha256 != _sha256(self._paths[fov_id])


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@dataclass
class ImportedRows:
    """Statements of a file, sorted out against those that a table has.

    Attributes:
        history: The table.
        fovs: The raw files, where they are known.
        complete: Whether the file holds all that its annotators state of its FOVs, as tasks of Label Studio do.
        left_out: What of the file was not taken.
    """

    history: EarlierRows
    fovs: RawFovs = field(default_factory=RawFovs)
    complete: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)
    _new: list[dict[str, Any]] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("added", "changed", "unchanged", "back"), 0))
    _ids: set[str] = field(default_factory=set)
    _places: set[str] = field(default_factory=set)
    _owners: set[tuple[str, str]] = field(default_factory=set)

    def known(self, name: str) -> Mapping[str, Any] | None:
        """Return the standing row that came from a place."""
        latest = self.history.latest(name)
        return None if latest is None else self.history.standing.get(latest)

    def add(self, name: str, row: dict[str, Any], *, same: bool) -> None:
        """Add what stands at one place of the file.

        Args:
            name: Id of the place, from `source_id`.
            row: The statement; its id is set here.
            same: Whether the standing row of the place, if there is one, states the same.
        """
        try:
            row = check_row(row, row[columns.FOV_ID])
        except DataError as error:
            self.left_out.add(str(error), row[columns.FOV_ID])
            return
        latest = self.history.latest(name)
        self._owners.add((row[columns.FOV_ID], row[columns.ANNOTATOR]))
        if name in self._places:
            self.left_out.add("it stands in the files twice", row[columns.FOV_ID])
            return
        self._places.add(name)
        if latest is None:
            self._append(row, name, "added")
            return
        old = self.history.standing.get(latest)
        self._ids.add(latest)
        if old is None:
            self._counts["back"] += 1
        elif same:
            self._counts["unchanged"] += 1
        else:
            if old[columns.ANNOTATOR] == row[columns.ANNOTATOR]:
                self._new.append(undo(old))
            self._append(row, self.history.next_id(name), "changed")

    def _append(self, row: dict[str, Any], own: str, count: str) -> None:
        self._ids.add(own)
        self._new.append(row | {columns.ANNOTATION_ID: own})
        self._counts[count] += 1

    def write(self) -> Merged:
        """Append to the table what is new, and return what was done.

        Raises:
            LocgraphError: A row makes no sense, or the table cannot be written.
        """
        if self._new:
            append_annotations(self.history.path, self._new)
        alone = sum(
            self.complete and (row[columns.FOV_ID], row[columns.ANNOTATOR]) in self._owners and name not in self._ids
            for name, row in self.history.standing.items()
        )
        counts = self._counts
        return Merged(counts["added"], counts["changed"], counts["unchanged"], counts["back"], alone)
