"""Writer of the HDF5 of Picasso with the YAML beside it (Schnitzbauer et al. 2017, 10.1038/nprot.2017.024).

Columns, types and units after ``docs/table01.csv`` and ``docs/files.rst`` of jungmannlab/picasso 0.10: x, y, precision
and width in camera pixels as float32, z and its precision in nm, frames from 0 as uint32, groups as int32. Its reader
(``io.load_locs``, ``lib.ensure_sanity``) looks up Width, Height and Frames from the last document of the YAML to the
first, and leaves out, without a word, rows with NaN, outside Width and Height, or with a negative position, precision,
photons or width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.volumes.settings import MEASURES
from locgraph.io.writers.base import GROUP, Camera, Part, frames_of, in_pixels
from locgraph.provenance import whole_file

_TABLE: Final = "locs"
_LARGEST: Final = 2**31 - 1
_INPUT: Final = "group_input"  # what Picasso calls groups from before
_LENGTHS: Final = {schema.PRECISION: ("lpx", "lpy"), schema.SIGMA: ("sx", "sy")}
_SAME: Final = {
    schema.Z: ("z", "f4"),
    schema.PRECISION_Z: ("lpz", "f4"),
    schema.PHOTONS: ("photons", "f4"),
    schema.BACKGROUND: ("bg", "f4"),
    schema.N_FRAMES: ("len", "i4"),
    schema.CHANNEL: ("channel", "i4"),
    schema.PICK: (_INPUT, "i4"),
    **{name: (name, "f4") for name in (schema.SIGMA_VARIANCE, schema.P_VALUE, *MEASURES)},
    **{name: (name, "i4") for name in (schema.LOC_LABEL, schema.SITE)},
    GROUP: (GROUP, "i4"),
    schema.OBJECT: (schema.OBJECT, "i4"),
    schema.PREDICTED_CLASS: (schema.PREDICTED_CLASS, "i4"),
    schema.PROBABILITY: (schema.PROBABILITY, "f4"),
    schema.SCORE: (schema.SCORE, "f4"),
}
"""Canonical column -> name and type of what is written as it is."""


class PicassoWriter:
    """Writes localisations as Picasso does; see the module."""

    suffix = ".hdf5"
    has_pixels = True
    requires: tuple[str, ...] = (schema.PRECISION,)

    def __call__(self, path: Path, part: Part) -> None:
        """Write the YAML, then the HDF5; see `Writer`."""
        import h5py

        camera = _camera(part)
        with whole_file(path.with_suffix(".yaml")) as temporary:
            temporary.write_text(_yaml(part, camera), encoding="utf-8")
        with whole_file(path) as temporary, h5py.File(temporary, "w") as hdf5:
            hdf5.create_dataset(_TABLE, data=_records(part, camera))


def _camera(part: Part) -> Camera:
    if part.camera is None:
        raise ValueError("a writer of pixels needs a camera")
    return part.camera


def _records(part: Part, camera: Camera) -> np.ndarray:
    """Return the rows (N,) as records, sorted by frame, as programs of Picasso expect."""
    table = part.table
    frames = frames_of(table, part.source)
    columns: dict[str, np.ndarray] = {"frame": frames.astype("u4")}
    for axis, name in enumerate((schema.X, schema.Y)):
        columns[name] = in_pixels(table[name].to_numpy(), camera.pixel_size_nm, camera.shift[axis])
    for name, written in _LENGTHS.items():
        if name in table.columns:
            columns |= dict.fromkeys(written, in_pixels(table[name].to_numpy(), camera.pixel_size_nm))
    for name, (written_as, dtype) in _SAME.items():
        if name in table.columns:
            columns[written_as] = _as_type(table, name, dtype)
    if schema.SOURCE_CLUSTER in table.columns:
        written_as = schema.SOURCE_CLUSTER if _INPUT in columns else _INPUT
        columns[written_as] = _as_type(table, schema.SOURCE_CLUSTER, "i4")
    records = np.empty(table.height, dtype=[(name, values.dtype) for name, values in columns.items()])
    order = np.argsort(frames, kind="stable")
    for name, values in columns.items():
        records[name] = values[order]
    return records


def _as_type(table: pl.DataFrame, name: str, dtype: str) -> np.ndarray:
    """Return a column (N,) in the type of the format.

    Raises:
        DataError: It holds whole numbers that 32 bits do not.
    """
    values = table[name].to_numpy()
    if dtype == "i4" and len(values) and np.abs(values).max() > _LARGEST:
        raise DataError(
            f"expected whole numbers up to {_LARGEST} in the column {name}, found {np.abs(values).max()}; leave the "
            "column out, or export as parquet"
        )
    return values.astype(dtype)


def _yaml(part: Part, camera: Camera) -> str:
    """Return the documents of the source as they are, and one more."""
    import yaml

    stated: dict[str, Any] = {
        "Width": camera.width,
        "Height": camera.height,
        "Frames": camera.frames,
        "Pixelsize": camera.pixel_size_nm,
    }
    document: dict[str, Any] = {**part.provenance, **{name: stated[name] for name in camera.computed}}
    if camera.computed:
        document["Computed"] = f"{', '.join(camera.computed)}: not stated by the source, or too small for its rows"
    if any(camera.shift):
        document["Shift (pixels)"] = list(camera.shift)
    document["Classes"] = dict(enumerate(part.class_names))
    own = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    earlier = part.source.documents.rstrip()
    return f"{earlier}\n---\n{own}" if earlier else own
