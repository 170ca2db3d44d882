"""The objects of one field of view (FOV) with what was predicted of them, and the rows of a file that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError

NO_GROUP: Final = -1
"""Group of a localisation in no object, or in an object without a class."""
NO_PROBABILITY: Final = 0.0
"""Probability of a localisation in no object: Picasso leaves out rows in which a number is missing (NaN)."""


@dataclass(frozen=True)
class ObjectGroups:
    """Objects of one FOV: their localisations, and what was predicted.

    Attributes:
        names: Name of each object (n), all different.
        predictions: Predicted class of each object (n); None where none is returned.
        probabilities: Probability of that class (n,) float64; NaN where it is not known.
        rows: Rows of the table of localisations (M,) int64, object after object; a row may be in several objects.
        offsets: First of them of each object, and M at the end (n + 1,) int64.
        class_names: All classes, in the order of their indices.
        scores: Score of each localisation within its object (M,) float64, in the order of ``rows``; None for none.

    Raises:
        DataError: Lengths differ, a name is there twice, or a predicted class is none of ``class_names``.
    """

    names: Sequence[str]
    predictions: Sequence[str | None]
    probabilities: np.ndarray
    rows: np.ndarray
    offsets: np.ndarray
    class_names: Sequence[str]
    scores: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, m = len(self.names), len(self.rows)
        lengths = (len(self.predictions), len(self.probabilities), len(self.offsets) - 1)
        if lengths != (n, n, n):
            raise DataError(
                f"expected a prediction, a probability and rows for each of {n} objects, found {lengths[0]}, "
                f"{lengths[1]} and {lengths[2]}"
            )
        ends = [0, m] if n else [0]
        if np.asarray(self.offsets)[[0, -1] if n else [0]].tolist() != ends or (np.diff(self.offsets) < 0).any():
            raise DataError(f"expected first rows of the objects that rise from 0 to {m}, found {self.offsets}")
        if self.scores is not None and len(self.scores) != m:
            raise DataError(f"expected a score for each of {m} rows of objects, found {len(self.scores)}")
        if len(set(self.names)) < n:
            raise DataError(f"expected objects of different names, found {n - len(set(self.names))} names again")
        unknown = sorted({name for name in self.predictions if name is not None} - set(self.class_names))
        if unknown:
            raise DataError(f"expected predicted classes among {list(self.class_names)}, found {unknown}")

    def __len__(self) -> int:
        return len(self.names)

    def class_indices(self) -> np.ndarray:
        """Return the index of the class of each object (n,) int32; -1 for none."""
        index = {name: number for number, name in enumerate(self.class_names)}
        return np.array([NO_GROUP if name is None else index[name] for name in self.predictions], dtype=np.int32)


def groups_of(objects: pl.DataFrame, class_names: Sequence[str]) -> ObjectGroups:
    """Return the groups of a table of objects, as the record of a FOV holds them.

    Args:
        objects: One row for each object: ``object``, its name; ``rows``, those of its localisations in the FOV after
            preprocessing; ``predicted_class``, null for none; ``probability``, null where it is not known. Rows are
            null for objects that were left out, which are none here.
        class_names: All classes, in the order of their indices.
    """
    used = objects.filter(pl.col(schema.ROWS).list.len() > 0)
    sizes = used[schema.ROWS].list.len().to_numpy()
    return ObjectGroups(
        names=tuple(used[schema.OBJECT]),
        predictions=tuple(used[schema.PREDICTED_CLASS]),
        probabilities=used[schema.PROBABILITY].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        rows=used[schema.ROWS].explode().cast(pl.Int64).to_numpy(),
        offsets=np.append(0, np.cumsum(sizes)).astype(np.int64),
        class_names=tuple(class_names),
    )


def no_objects() -> ObjectGroups:
    """Return the groups of a FOV without objects."""
    return ObjectGroups((), (), np.empty(0), np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64), ())


def assign(groups: ObjectGroups, n_localisations: int, *, keep_outside: bool) -> pl.DataFrame:
    """Return the rows to write: each localisation once for each object that it is in.

    Args:
        groups: The objects.
        n_localisations: Rows of the table of localisations.
        keep_outside: Whether localisations in no object are kept.

    Returns:
        One row for each row to write, sorted by ``row``, then by object: ``row`` in the table of localisations; number
        of the ``object`` and index of its ``predicted_class``, -1 for none; ``probability``, 0 where none; and, with
        scores, ``score``, 0 outside objects.

    Raises:
        DataError: An object names a row that the table does not have, or names a row twice.
    """
    rows = np.asarray(groups.rows, dtype=np.int64)
    if len(rows) and not 0 <= rows.min() <= rows.max() < n_localisations:
        raise DataError(
            f"expected rows of objects among 0 to {n_localisations - 1}, found {rows.min()} to {rows.max()}: objects "
            "and localisations are of different tables"
        )
    objects = np.repeat(np.arange(len(groups), dtype=np.int32), np.diff(groups.offsets))
    order = np.lexsort((objects, rows))
    rows, objects = rows[order], objects[order]
    if ((rows[1:] == rows[:-1]) & (objects[1:] == objects[:-1])).any():
        raise DataError("expected each localisation at most once in an object, found one that is there twice")
    table = pl.DataFrame(
        {
            schema.ROW: rows,
            schema.OBJECT: objects,
            schema.PREDICTED_CLASS: groups.class_indices()[objects],
            schema.PROBABILITY: _without_nan(groups.probabilities)[objects],
        }
    )
    if groups.scores is not None:
        table = table.with_columns(pl.Series(schema.SCORE, _without_nan(groups.scores)[order]))
    if not keep_outside:
        return table
    inside = np.zeros(n_localisations, dtype=np.bool_)
    inside[rows] = True
    outside = pl.DataFrame({schema.ROW: np.flatnonzero(~inside)}).with_columns(
        pl.lit(NO_GROUP, pl.Int32).alias(schema.OBJECT),
        pl.lit(NO_GROUP, pl.Int32).alias(schema.PREDICTED_CLASS),
        pl.lit(NO_PROBABILITY).alias(schema.PROBABILITY),
        *([pl.lit(0.0).alias(schema.SCORE)] if groups.scores is not None else []),
    )
    return pl.concat([table, outside]).sort(schema.ROW, maintain_order=True)


def count_rows(groups: ObjectGroups, n_localisations: int) -> dict[str, int]:
    """Return how localisations and objects lie to each other.

    Returns:
        Number of ``objects``, of ``objects_without_class``, of ``localisations``, of those ``in_no_object`` and
        ``in_several_objects``, and the rows that are there again because of the latter (``repeated``).
    """
    times = np.bincount(np.asarray(groups.rows, dtype=np.int64), minlength=n_localisations)
    return {
        "objects": len(groups),
        "objects_without_class": sum(name is None for name in groups.predictions),
        "localisations": n_localisations,
        "in_no_object": int((times == 0).sum()),
        "in_several_objects": int((times > 1).sum()),
        "repeated": int(np.maximum(times - 1, 0).sum()),
    }


def _without_nan(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.asarray(values, dtype=np.float64), nan=NO_PROBABILITY)
