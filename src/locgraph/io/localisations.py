"""Localisations of one field of view (FOV), and the rows that were refused."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from locgraph import schema

_REASON = "_reason"


@dataclass(frozen=True, repr=False)
class Localisations:
    """The localisations of one FOV.

    Attributes:
        table: Canonical columns (see ``schema.LOCALISATION_COLUMNS``): lengths in nm, frames from 0. One row for each
            localisation kept, in the order of the file.
        dimensions: 2, or 3 where the table holds ``z``.
        refused: Reason -> number of rows refused for it; each row counts once.
        metadata: Metadata of the source file.
        notes: Remarks on how it was read.
        first_frame: What the file calls frame 0; None without frames.
        path: The source file; None where there is none.
    """

    table: pl.DataFrame
    dimensions: int
    refused: dict[str, int]
    metadata: dict[str, str]
    notes: tuple[str, ...] = ()
    first_frame: int | None = None
    path: Path | None = None

    @property
    def fov_id(self) -> str | None:
        """Name of the FOV: that of its file, without suffix."""
        return None if self.path is None else self.path.stem

    @property
    def units(self) -> dict[str, str]:
        """Column -> unit."""
        return {name: schema.LOCALISATION_COLUMNS[name].unit for name in self.table.columns}

    def __len__(self) -> int:
        return self.table.height

    def __repr__(self) -> str:
        origin = "" if self.path is None else f" of {self.fov_id} ({self.path})"
        columns = ", ".join(name if unit == "1" else f"{name} [{unit}]" for name, unit in self.units.items())
        refused = sum(self.refused.values())
        return f"Localisations{origin}: {len(self):,} in {self.dimensions}D; {columns}; {refused:,} rows refused"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.table._repr_html_()}"


def refuse_rows(table: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Take out the rows that cannot be localisations.

    Refused are: a value that is missing, not a number or infinite, or no whole number where one is due, in any column;
    a negative number of photons, precision or width. A row that fails twice counts for the first column, in the order
    of the table.

    Args:
        table: Canonical columns.

    Returns:
        The rows kept, in their order, and reason -> number of rows refused.
    """
    if all(map(_is_good, table.get_columns())):  # most tables, in far less time than finding out what is wrong
        return table, {}
    checks = [check for name in table.columns for check in _checks(name, table.schema[name])]
    # the first reason that holds: each row counts once, so the counts add up to the rows refused
    reason = pl.coalesce(pl.when(bad).then(pl.lit(text)) for bad, text in checks)
    marked = table.with_columns(reason.alias(_REASON))
    counts = dict(marked.filter(pl.col(_REASON).is_not_null()).group_by(_REASON, maintain_order=True).len().iter_rows())
    order = [text for _, text in checks]
    kept = marked.filter(pl.col(_REASON).is_null()).drop(_REASON)
    return kept, {text: counts[text] for text in order if text in counts}


def from_frame_0(table: pl.DataFrame) -> tuple[pl.DataFrame, int | None]:
    """Call the first frame 0.

    Returns:
        The table, and what the first frame was called; None without frames.
    """
    first = table[schema.FRAME].min() if schema.FRAME in table.columns else None
    if not isinstance(first, int):
        return table, None
    return (table.with_columns(pl.col(schema.FRAME) - first) if first else table), first


def without_flat_z(table: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Leave out a z that is 0 everywhere, as software writes it for images of a plane.

    Returns:
        The table, and a note on it.
    """
    if schema.Z not in table.columns or table.is_empty() or table[schema.Z].ne(0).any():
        return table, ()
    return table.drop(schema.Z), ("z is 0 everywhere: read in 2D",)


def _is_good(column: pl.Series) -> bool:
    """Return whether no value of a column would be refused."""
    if column.null_count():
        return False
    if column.dtype.is_float() and not np.isfinite(column.to_numpy()).all():
        return False
    return column.name not in schema.NOT_NEGATIVE or not (column < 0).any()


def _checks(name: str, dtype: pl.DataType) -> list[tuple[pl.Expr, str]]:
    """Return the conditions that refuse a row because of one column, each with its reason."""
    column = pl.col(name)
    bad = column.is_null()
    if dtype.is_float():
        bad = bad | column.is_nan() | column.is_infinite()
    checks = [(bad, f"{name} is missing or not a {'whole' if dtype.is_integer() else 'finite'} number")]
    if name in schema.NOT_NEGATIVE:
        checks.append((column < 0, f"{name} is negative"))
    return checks
