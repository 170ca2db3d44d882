"""Units that are grouped: FOVs, objects or clusters in rows, what was measured of them in columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.grouping.columns import CASE, PATIENT
from locgraph.errors import DataError


@dataclass(frozen=True)
class Units:
    """N units.

    Attributes:
        unit: ``fov`` (an object is a FOV of its own) or ``cluster``.
        keys: ``fov_id``, for clusters ``cluster_id``, ``label``, ``patient``, ``parent_fov`` (N rows).
        values: Float64 columns (N rows); null where there is no value.
        units: Column -> unit, in the order of the columns.
        scales: Column -> scale that its feature states, one of `schema.SCALES`; absent where it states none.
        blocks: Column -> block, see `locgraph.analysis.grouping.blocks`.
        places: Positions (N, D) float64 nm within ``fields``; None where they are not known.
        fields: FOV in which ``places`` are, (N,) text; None without them.
        notes: What is missing or left out, one sentence each.
    """

    unit: str
    keys: pl.DataFrame
    values: pl.DataFrame
    units: Mapping[str, str]
    scales: Mapping[str, str]
    blocks: Mapping[str, str]
    places: np.ndarray | None = None
    fields: np.ndarray | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.keys.height != self.values.height:
            raise DataError(f"expected values of {self.keys.height} units, found {self.values.height}")
        columns = [schema.FOV_ID, *([schema.CLUSTER_ID] if self.unit == schema.CLUSTER else [])]
        twice = self.keys.filter(self.keys.select(columns).is_duplicated())
        if twice.height:
            raise DataError(f"expected each unit once, found {twice.row(0, named=True)[schema.FOV_ID]} again")

    def __len__(self) -> int:
        return self.keys.height

    @property
    def words(self) -> str:
        """What the units are called."""
        if self.unit == schema.FOV:
            return "objects" if self.keys[schema.PARENT_FOV].null_count() < len(self) else "FOVs"
        return "clusters"

    def cases(self) -> pl.DataFrame:
        """Return the keys with ``case``: what is independent of the other units.

        Units of one patient are alike for other reasons than their class; where no patient is known, objects of one
        FOV are, and clusters of one FOV.
        """
        whose = [("patient", PATIENT), ("FOV", schema.PARENT_FOV), ("FOV", schema.FOV_ID)]
        named = [pl.when(pl.col(name).is_not_null()).then(pl.format(f"{kind} {{}}", name)) for kind, name in whose]
        return self.keys.with_columns(pl.coalesce(named).alias(CASE))


def make_units(
    unit: str,
    keys: pl.DataFrame,
    values: pl.DataFrame,
    units: Mapping[str, str],
    scales: Mapping[str, str],
    blocks: Mapping[str, str],
    notes: tuple[str, ...] = (),
    place_columns: tuple[str, ...] = (),
) -> Units:
    """Return units whose columns are Float64 without NaN and infinity, and whose keys are complete.

    Args:
        unit: ``fov`` or ``cluster``.
        keys: ``fov_id`` and ``cluster_id``, those of label, patient and parent that are known, and ``place_columns``.
        values: The columns (N rows).
        units: Column -> unit.
        scales: Column -> scale.
        blocks: Column -> block.
        notes: What is missing.
        place_columns: Columns of ``keys`` with positions in nm within the parent, or else the FOV.
    """
    known = {schema.LABEL: pl.String, PATIENT: pl.String, schema.PARENT_FOV: pl.String}
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in known.items() if name not in keys.columns]
    keys = keys.with_columns(absent)
    finite = [
        pl.when(pl.col(name).cast(pl.Float64).is_finite()).then(pl.col(name).cast(pl.Float64)).alias(name)
        for name in units
    ]
    places = fields = None
    if place_columns and all(keys[name].null_count() == 0 for name in place_columns):
        places = keys.select(place_columns).to_numpy().astype(np.float64)
        fields = keys.select(pl.coalesce(schema.PARENT_FOV, schema.FOV_ID)).to_series().to_numpy()
    columns = [schema.FOV_ID, *([schema.CLUSTER_ID] if unit == schema.CLUSTER else []), *known]
    return Units(unit, keys.select(columns), values.select(finite), units, scales, blocks, places, fields, notes)
