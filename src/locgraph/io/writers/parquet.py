"""Writer of parquet in nm and frames, with the names of classes and objects as text."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from locgraph import __version__, schema
from locgraph.io.converted import META_FIRST_FRAME, META_SOURCE_METADATA
from locgraph.io.writers.base import Part
from locgraph.provenance import whole_file


class ParquetWriter:
    """Writes canonical columns with units, `row` in the table of the FOV, and names of classes and objects."""

    suffix = ".parquet"
    has_pixels = False
    requires: tuple[str, ...] = ()

    def __call__(self, path: Path, part: Part) -> None:
        """Write a file; see `Writer`."""
        table = part.table.with_columns(
            _named(schema.OBJECT, part.object_names),
            _named(schema.PREDICTED_CLASS, part.class_names),
        )
        units = {name: schema.LOCALISATION_COLUMNS[name].unit for name in table.columns if _is_canonical(name)}
        metadata = {
            schema.META_DIMENSIONS: str(3 if schema.Z in table.columns else 2),
            schema.META_UNITS: json.dumps(units),
            schema.META_RECIPE: json.dumps(dict(part.provenance), ensure_ascii=False),
            schema.META_VERSION: __version__,
            META_FIRST_FRAME: str(part.source.first_frame),
            META_SOURCE_METADATA: json.dumps(dict(part.source.metadata), ensure_ascii=False),
        }
        with whole_file(path) as temporary:
            table.write_parquet(temporary, metadata=metadata)


def _is_canonical(name: str) -> bool:
    return name in schema.LOCALISATION_COLUMNS


def _named(column: str, names: tuple[str, ...]) -> pl.Expr:
    """Return indices as names; null for -1."""
    return pl.col(column).replace_strict(
        pl.Series(range(len(names)), dtype=pl.Int32), pl.Series(names, dtype=pl.String), default=None
    )
