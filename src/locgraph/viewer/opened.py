"""What the viewer shows: the FOVs of a file, folder, run or sweep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from locgraph.errors import DataError
from locgraph.io.columns import ColumnSource, FileColumns

T = TypeVar("T")

FILE, FOLDER, TABLES, GRAPHS = "file", "folder", "tables", "graphs"
RUN, SWEEP, EMBEDDED = "run", "sweep", "embeddings"
"""Kinds of what is opened."""

MAPS, CONFUSION, METRICS, EXPLANATIONS, LIVE = "maps", "confusion", "metrics", "explanations", "live"
"""What it may offer beside its FOVs."""

PROBLEM: Final = "problem"
"""Column of the table of FOVs: why a FOV cannot be shown; null for all others."""

NAMES: Final = {
    FILE: "file",
    FOLDER: "folder of raw files",
    TABLES: "prepared tables",
    GRAPHS: "graphs",
    RUN: "run",
    SWEEP: "sweep",
    EMBEDDED: "embeddings",
}
"""The kinds in words."""


@dataclass(frozen=True)
class OpeningSettings:
    """How sources are read.

    Attributes:
        cache: Folder for what is computed once of a FOV, as its levels of detail.
        columns: Columns of raw files.
        max_refused_fraction: Largest part of the rows of a raw file, 0 to 1, that may be refused.
        tables: Prepared tables of a run, where they were moved; None for where the run left them.
        explanations: Folders of explanations; empty for those in the run.
    """

    cache: Path
    columns: ColumnSource = field(default_factory=FileColumns)
    max_refused_fraction: float = 0.05
    tables: Path | None = None
    explanations: Sequence[Path] = ()


class Opened(ABC):
    """FOVs that the viewer shows, with what else is known of them.

    Attributes:
        title: Name that is shown.
        kind: One of `NAMES`.
        notes: What could not be read, or what the user should know, in sentences.
        live: The training epoch by epoch, a `Live` of the module of this name; None where there was none.
    """

    title: str
    kind: str
    notes: tuple[str, ...] = ()
    live: Any = None

    @property
    def offers(self) -> frozenset[str]:
        """What there is beside FOVs: some of ``maps``, ``confusion``, ``metrics``, ``explanations``, ``live``."""
        return frozenset()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order in which they have colours; none where it is not known."""
        return ()

    @abstractmethod
    def fovs(self) -> pl.DataFrame:
        """Return one row for each FOV, ``fov_id`` first; reads no localisations.

        A column ``problem`` holds the reason of FOVs that cannot be shown.
        """

    @abstractmethod
    def scene(self, index: int) -> Any:
        """Return the localisations of one FOV, ready to be drawn.

        Args:
            index: Row of `fovs`.

        Raises:
            DataError: It cannot be read, or is gone.
        """

    def is_quick(self, index: int) -> bool:
        """Return whether a FOV is read in a moment, so that it can be opened for its picture in a list alone."""
        return True


def pick(things: Sequence[T], index: int, what: str) -> T:
    """Return one of several things by the number that a page gives.

    Raises:
        NotThereError: There is no such number.
    """
    if not things:
        raise NotThereError(f"expected a {what}; there is none here")
    if not 0 <= index < len(things):
        raise NotThereError(f"expected a {what} from 0 to {len(things) - 1}; found {index}. Load the page again")
    return things[index]


class NotThereError(DataError):
    """What a page asks for does not exist, or not any more."""
