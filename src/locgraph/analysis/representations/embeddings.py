"""Embeddings on disk: one vector for each unit, a field of view (FOV) or a cluster, with the table that it is from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.data.folds import TEST, TRAIN, VALIDATION
from locgraph.errors import DataError
from locgraph.run_folder import EMBEDDINGS, EMBEDDINGS_RECORD, RunFolder, read_record

_SHOWN = 5


@dataclass(frozen=True)
class Embeddings:
    """Vectors of units, sorted by FOV and cluster.

    Attributes:
        name: Of the representation.
        folder: Where they were read.
        keys: ``fov_id``, and ``cluster_id`` where the unit is a cluster.
        vectors: (N, L) float64; no NaN.
        labels: (N,) class names, None where unknown.
        splits: (N,) side of the fold that the encoder was trained on; empty for units that it did not know.
        record: Content of ``embeddings.json``: tables, unit, model and more.
        notes: What was filled in.
    """

    name: str
    folder: Path
    keys: pl.DataFrame
    vectors: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    record: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """``fov`` or ``cluster``."""
        return schema.CLUSTER if schema.CLUSTER_ID in self.keys.columns else schema.FOV

    @property
    def fovs(self) -> np.ndarray:
        """FOV (N,) of each unit."""
        return self.keys[schema.FOV_ID].to_numpy().astype(str)

    def take(self, rows: np.ndarray) -> Embeddings:
        """Return some of the units."""
        return replace(
            self,
            keys=self.keys[rows],
            vectors=self.vectors[rows],
            labels=self.labels[rows],
            splits=self.splits[rows],
        )

    def sides(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return rows that the encoder has met and rows that it has not; None where it has not met any, or all."""
        met, new = np.isin(self.splits, [TRAIN, VALIDATION]), self.splits == TEST
        return (np.flatnonzero(met), np.flatnonzero(new)) if met.any() and new.any() else None


def read_embeddings(folder: Path, name: str) -> Embeddings:
    """Read the embeddings of a run, or of a folder that ``locgraph embed`` wrote.

    Args:
        folder: Holds ``embeddings.parquet``.
        name: Of the representation.

    Raises:
        DataError: There are none, a unit is there twice or without a vector, or a vector is infinite.
    """
    table = RunFolder(folder).table(EMBEDDINGS)
    return embeddings_of(table, name, folder, read_record(folder / EMBEDDINGS_RECORD))


def embeddings_of(table: pl.DataFrame, name: str, folder: Path, record: dict[str, Any]) -> Embeddings:
    """Return the embeddings that a table holds; see `read_embeddings`."""
    columns = [column for column in table.columns if column.startswith(schema.VECTOR_PREFIX)]
    keys = [column for column in (schema.FOV_ID, schema.CLUSTER_ID) if column in table.columns]
    if not columns or schema.FOV_ID not in keys or table.is_empty():
        raise DataError(
            f"{folder / EMBEDDINGS}: expected rows with {schema.FOV_ID} and {schema.VECTOR_PREFIX}0, ..., found "
            f"{table.height} rows with {', '.join(table.columns[:8])}"
        )
    table = table.sort(keys)
    twice = table.filter(pl.struct(keys).is_duplicated())[schema.FOV_ID].unique().sort()
    if len(twice):
        raise DataError(
            f"{folder / EMBEDDINGS}: expected each unit once, found several of {', '.join(twice.head(_SHOWN))}"
        )
    values = table.select(pl.col(column).cast(pl.Float64) for column in columns).to_numpy().astype(np.float64)
    vectors, notes = _filled(values, table[schema.FOV_ID].to_list(), folder)
    labels = table[schema.LABEL] if schema.LABEL in table.columns else pl.Series([None] * table.height, dtype=pl.String)
    splits = table[schema.SPLIT].cast(pl.String).fill_null("") if schema.SPLIT in table.columns else None
    return Embeddings(
        name=name,
        folder=folder,
        keys=table.select(keys),
        vectors=vectors,
        labels=np.array(labels.to_list(), dtype=object),
        splits=np.full(table.height, "") if splits is None else np.array(splits.to_list(), dtype=str),
        record=record,
        notes=notes,
    )


def _filled(values: np.ndarray, fov_ids: list[str], folder: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return vectors without gaps: a missing value counts as the mean of its column."""
    infinite, missing = np.isinf(values), np.isnan(values)
    for rows, what in ((infinite.any(axis=1), "infinite values"), (missing.all(axis=1), "no value at all")):
        if rows.any():
            first = [fov_ids[row] for row in np.flatnonzero(rows)[:_SHOWN]]
            raise DataError(
                f"{folder / EMBEDDINGS}: expected finite vectors, found {what} in {int(rows.sum())} units, such as "
                f"{', '.join(first)}; embed them again, or leave them out"
            )
    if not missing.any():
        return values, ()
    empty = missing.all(axis=0)
    means = np.divide(np.where(missing, 0.0, values).sum(axis=0), np.maximum((~missing).sum(axis=0), 1))
    filled = np.where(missing, means, values)[:, ~empty]
    return filled, (
        f"{int(missing.sum())} of {values.size} values are missing and count as the mean of their column"
        + (f"; {int(empty.sum())} columns have no value and are left out" if empty.any() else ""),
    )


def align_units(several: list[Embeddings]) -> list[Embeddings]:
    """Return representations of the same units, each with the classes that any of them knows.

    Raises:
        DataError: They have different units, which are named, or classes.
    """
    first = several[0]
    for other in several[1:]:
        if other.unit != first.unit:
            raise DataError(
                f"expected the same units in all representations, found {first.unit}s in {first.name} "
                f"({first.folder}) and {other.unit}s in {other.name} ({other.folder})"
            )
        if other.keys.equals(first.keys):
            continue
        keys = first.keys.columns
        only = first.keys.join(other.keys, on=keys, how="anti"), other.keys.join(first.keys, on=keys, how="anti")
        texts = [
            f"{part.height} are in {each.name} ({each.folder}) alone, such as {_name(part)}"
            for part, each in zip(only, (first, other), strict=True)
            if part.height
        ]
        raise DataError(f"expected the same units in all representations: {'; '.join(texts)}")
    labels, source = first.labels.copy(), [first.name] * len(first.labels)
    for other in several[1:]:
        for row, (known, own) in enumerate(zip(labels, other.labels, strict=True)):
            if known is None and own is not None:
                labels[row], source[row] = own, other.name
            elif own is not None and own != known:
                raise DataError(
                    f"expected the same classes in all representations, found {known!r} in {source[row]} and {own!r} "
                    f"in {other.name} for {_name(first.keys[row : row + 1])}"
                )
    return [replace(each, labels=labels) for each in several]


def _name(keys: pl.DataFrame) -> str:
    return ", ".join("/".join(map(str, row)) for row in keys.head(_SHOWN).rows())
