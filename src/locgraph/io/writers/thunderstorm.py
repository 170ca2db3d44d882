"""Writer of the CSV of ThunderSTORM (Ovesny et al. 2014, 10.1093/bioinformatics/btu202).

Names and units after its own exports and ``export_thunderstorm`` in picasso/io.py of jungmannlab/picasso: a quoted
header, lengths in nm, frames from 1, ``sigma`` in 2D and ``sigma1`` with ``sigma2`` in 3D, ``uncertainty_xy``. Its
reader takes numbers alone, so that classes and objects are numbers, whose names stand in a JSON file beside the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.io.volumes.settings import MEASURES
from locgraph.io.writers.base import OBJECT_COLUMNS, Part, frames_of
from locgraph.provenance import whole_file, write_json

_COLUMNS: Final = {
    schema.X: "x [nm]",
    schema.Y: "y [nm]",
    schema.Z: "z [nm]",
    schema.SIGMA: "sigma [nm]",
    schema.PHOTONS: "intensity [photon]",
    schema.BACKGROUND: "offset [photon]",
    schema.PRECISION: "uncertainty_xy [nm]",
    schema.PRECISION_Z: "uncertainty_z [nm]",
    schema.N_FRAMES: "detections",
}
_AS_THEY_ARE: Final = (
    *(schema.CHANNEL, schema.SIGMA_VARIANCE, schema.P_VALUE),
    *(schema.PICK, schema.SOURCE_CLUSTER, schema.LOC_LABEL, schema.SITE),
    *MEASURES,
)
"""Columns that ThunderSTORM has no name for."""
_SIGMAS_3D: Final = ("sigma1 [nm]", "sigma2 [nm]")


class ThunderStormWriter:
    """Writes localisations as ThunderSTORM does; see the module."""

    suffix = ".csv"
    has_pixels = False
    requires: tuple[str, ...] = ()

    def __call__(self, path: Path, part: Part) -> None:
        """Write the JSON, then the CSV; see `Writer`."""
        table = _table(part)
        names = {"Classes": list(part.class_names), "Objects": list(part.object_names)}
        write_json(path.with_suffix(".json"), {**part.provenance, **names})
        with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as handle:
            handle.write(",".join(f'"{name}"' for name in table.columns) + "\n")
            handle.write(table.write_csv(include_header=False))


def _table(part: Part) -> pl.DataFrame:
    table = part.table
    columns: list[pl.Expr | pl.Series] = [
        pl.int_range(1, table.height + 1, dtype=pl.Int64).alias("id"),
        pl.Series("frame", frames_of(table, part.source) + 1),
    ]
    for name, written in _COLUMNS.items():
        if name not in table.columns:
            continue
        is_3d_width = name == schema.SIGMA and schema.Z in table.columns
        columns += [pl.col(name).alias(each) for each in (_SIGMAS_3D if is_3d_width else (written,))]
    columns += [pl.col(name) for name in (*_AS_THEY_ARE, *OBJECT_COLUMNS) if name in table.columns]
    return table.select(columns)
