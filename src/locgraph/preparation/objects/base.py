"""The contract of finders: localisations of a field of view (FOV) to objects, each a set of its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph.errors import ConfigError, DataError
from locgraph.settings import check_whole

OUTSIDE: Final = "localisations in no object"
SHARED: Final = "localisations in several objects"
"""Entries of the counts of a FOV that objects were looked for in."""


@dataclass(frozen=True)
class ObjectRows:
    """Objects of one FOV. An object may share localisations with others, as overlapping tiles do.

    Attributes:
        names: Name of each object (O,), unique in the FOV, without a slash.
        rows: Rows (R,) int64 of the localisations, object after object, ascending within each.
        offsets: (O + 1,) int64: object i has the rows ``offsets[i]`` to ``offsets[i + 1]``.
        left_out: Object that is not used -> why.
        counts: What happened to the localisations, in words -> number.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    offsets: np.ndarray
    left_out: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name and the rows (n,) int64 of each object."""
        for index, name in enumerate(self.names):
            yield name, self.rows[self.offsets[index] : self.offsets[index + 1]]

    @property
    def sizes(self) -> np.ndarray:
        """Number of localisations of each object (O,) int64."""
        return np.diff(self.offsets)

    @classmethod
    def from_labels(cls, labels: np.ndarray, names: Sequence[str] | None = None) -> ObjectRows:
        """Return the objects of labels (N,) int64 of localisations: those below 0 are in none.

        Args:
            labels: Object of each localisation.
            names: Names of the objects 0, 1, ...; None takes the labels themselves, which may have gaps.
        """
        order = np.argsort(labels, kind="stable")
        rows = order[np.searchsorted(labels[order], 0) :]
        present, first = np.unique(labels[rows], return_index=True)
        chosen = map(str, present.tolist()) if names is None else (names[label] for label in present.tolist())
        return cls(tuple(chosen), rows, np.append(first, len(rows)).astype(np.int64))

    def keep(self, good: np.ndarray, reasons: Mapping[str, str]) -> ObjectRows:
        """Return the objects for which ``good`` (O,) bool holds; ``reasons`` gives those of the others."""
        kept = np.repeat(good, self.sizes)
        offsets = np.append(0, np.cumsum(self.sizes[good])).astype(np.int64)
        names = tuple(name for name, is_good in zip(self.names, good.tolist(), strict=True) if is_good)
        return replace(self, names=names, rows=self.rows[kept], offsets=offsets, left_out={**self.left_out, **reasons})


class ObjectFinder(ABC):
    """Divides a FOV into objects. A finder implements `assign`; size limits are the same for all.

    Args:
        min_localisations: An object with fewer is left out, and counted.
        max_localisations: An object with more is left out, and counted; None leaves out none.

    Attributes:
        needs: Columns that the localisations must have.
        has_places: Whether it is a result where objects lie; not so where a grid puts them.
        tables: Files that are read for it beside the raw files, which are no FOVs.

    Raises:
        ConfigError: A limit is out of range.
    """

    needs: tuple[str, ...] = ()
    has_places: bool = True
    tables: tuple[Path, ...] = ()

    def __init__(self, min_localisations: int = 1, max_localisations: int | None = None) -> None:
        self.min_localisations = check_whole("min_localisations", min_localisations, at_least=1)
        if max_localisations is not None:
            check_whole("max_localisations", max_localisations, at_least=1)
            if max_localisations < min_localisations:
                raise ConfigError(
                    f"expected at least min_localisations, {min_localisations}, found {max_localisations}",
                    setting="max_localisations",
                )
        self.max_localisations = max_localisations

    def check_fovs(self, fov_ids: Sequence[str]) -> None:
        """Check what is read beside the raw files, once for all FOVs, before the first is divided.

        Args:
            fov_ids: Names of all FOVs.

        Raises:
            LocgraphError: Nothing could be done with it.
        """
        del fov_ids  # most read nothing

    def content(self, fov_id: str) -> str | None:
        """Return the digest of what is read beside the raw file: its objects are found again when this changes.

        Raises:
            DataError: It cannot be read.
        """
        return None

    @abstractmethod
    def assign(self, table: pl.DataFrame, dimensions: int, fov_id: str) -> ObjectRows:
        """Return the objects of one FOV.

        Args:
            table: Its localisations after preprocessing, in nm.
            dimensions: 2 or 3.
            fov_id: Its name, which tables of regions refer to.

        Raises:
            DataError: The FOV lacks what the finder needs.
        """

    def __call__(self, table: pl.DataFrame, dimensions: int, fov_id: str) -> ObjectRows:
        """Return the objects of one FOV that are within the limits, the others with reasons, and all counts.

        Raises:
            DataError: A column is missing, or the FOV lacks what the finder needs.
        """
        absent = [name for name in self.needs if name not in table.columns]
        if absent:
            raise DataError(
                f"expected the columns {absent} for {type(self).__name__}, found {table.columns}; name them in "
                "columns.names, or choose other objects",
                setting="objects",
            )
        objects = self.assign(table, dimensions, fov_id)
        reasons = {
            name: self._size_reason(size)
            for name, size in zip(objects.names, objects.sizes.tolist(), strict=True)
            if self._size_reason(size)
        }
        if reasons:
            objects = objects.keep(np.array([name not in reasons for name in objects.names]), reasons)
        return replace(objects, counts={**objects.counts, **_count_rows(objects.rows, table.height)})

    def _size_reason(self, size: int) -> str:
        if size < self.min_localisations:
            return f"fewer than {self.min_localisations} localisations"
        if self.max_localisations is not None and size > self.max_localisations:
            return f"more than {self.max_localisations} localisations"
        return ""


def _count_rows(rows: np.ndarray, n_localisations: int) -> dict[str, int]:
    times = np.bincount(rows, minlength=n_localisations)
    counts = {OUTSIDE: int((times == 0).sum())}
    return counts | ({SHARED: int((times > 1).sum())} if (times > 1).any() else {})


def count_reasons(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """Return reason -> names of the objects left out for it, the most frequent reason first."""
    by_reason: dict[str, list[str]] = {reason: [] for reason, _ in Counter(left_out.values()).most_common()}
    for name, reason in left_out.items():
        by_reason[reason].append(name)
    return by_reason
