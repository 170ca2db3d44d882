"""Reader of ``.smlm`` (Ouyang et al. 2018, 10.1038/nbt.4106): a ZIP archive with a manifest and binary tables.

After ``specification.md`` (version 0.2) of imodpasteur/smlm-file-format: rows are packed without gaps, little-endian
(as its implementations write them), and the offset of a column is added to its values. Lengths of the names of the
specification are in nm where they have no unit, as it says. Of several tables the first is read, as its plug-in for
ThunderSTORM does, and a note names the others; images are passed over.

Locan (``src/locan/constants.py`` and ``smlm_io.py`` of super-resolution/Locan) writes names of its own, ``position_x``
and so on, with units in an entry ``locdata_meta`` of the manifest: of these, lengths without a unit are left out, or
refused where they are positions.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.header import NOTE, Header, Layout, Sources
from locgraph.io.layouts import recognise
from locgraph.io.readers.base import OpenFile, Reader, as_column, check_rows, damaged
from locgraph.io.software import choose

MAGIC: Final = b"PK\x03\x04"
MANIFEST: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 16 << 20
"""A larger manifest is not read."""
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_VERSIONS: Final = ("0.2", "0.2.0")
_TYPES: Final = (
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float32", "float64"),
)
MAX_ROW_BYTES: Final = 1 << 20
"""A table with longer rows, which hold images, is not read."""
_BLOCK_BYTES: Final = 16 << 20
_UNITS: Final = {"pixel": "px", "pixels": "px", "pix": "px", "µm": "um", "μm": "um"}
_DESCRIPTION: Final = ("name", "description", "sample", "labeling", "gt_label", "gt_label_map")
"""Entries of the manifest that are kept: those of the specification that say what was imaged, and a label."""
_PHOTONS: Final = ("photon", "photons")

_COLUMNS: Final[Mapping[str, Sequence[Sources]]] = {
    schema.X: ("x",),
    schema.Y: ("y",),
    schema.Z: ("z",),
    schema.FRAME: ("frame",),
    schema.PHOTONS: ("intensity",),
    schema.PRECISION: (("x_precision", "y_precision"), "uncertainty_xy", "uncertainty"),
    schema.PRECISION_Z: ("z_precision", "uncertainty_z"),
    schema.SIGMA: ("sigma", ("sigma1", "sigma2")),
    schema.BACKGROUND: ("background", "offset"),
    schema.N_FRAMES: ("detections",),
    schema.CHANNEL: ("channel",),
    schema.SOURCE_CLUSTER: ("cluster",),
}
_OTHER_COLUMNS: Final[Mapping[str, Sequence[Sources]]] = {
    schema.X: ("position_x", "x_position"),
    schema.Y: ("position_y", "y_position"),
    schema.Z: ("position_z", "z_position"),
    schema.FRAME: ("frame",),
    schema.PHOTONS: ("intensity",),
    schema.PRECISION: (("uncertainty_x", "uncertainty_y"), "uncertainty", "uncertainty_x"),
    schema.PRECISION_Z: ("uncertainty_z",),
    schema.SIGMA: (("psf_sigma_x", "psf_sigma_y"), "psf_sigma"),
    schema.BACKGROUND: ("local_background",),
    schema.N_FRAMES: ("frames_number",),
    schema.CHANNEL: ("channel",),
    schema.SOURCE_CLUSTER: ("cluster_label",),
}
"""Names that others write, Locan among them."""
_DAMAGE: Final = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, IndexError),
    *(RuntimeError, OverflowError, MemoryError),
)


@dataclass(frozen=True)
class _Table:
    """One table of an archive.

    Attributes:
        entry: Its name in the archive.
        rows: Number of its rows.
        dtype: Columns as they are packed.
        units: Unit of each column, as written.
        offsets: What is added to the values of a column.
        metadata: Entries of the manifest, and a note on what is not read.
    """

    entry: str
    rows: int
    dtype: np.dtype[Any]
    units: Mapping[str, str]
    offsets: Mapping[str, float]
    metadata: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of single values."""
        return tuple(name for name in self.dtype.names or () if self.dtype[name].subdtype is None)


class SmlmReader(Reader):
    """Reads the first table of an archive.

    Before anything is inflated, a table must have the size that its manifest states, and not more rows than the
    archive has bytes; of an archive that grows beyond that, no more is inflated.
    """

    kind = "smlm"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is a ZIP archive: no other kind of archive is read."""
        return file.head.startswith(MAGIC)

    def read_header(self) -> Header:
        """Read the manifest only.

        Raises:
            DataError: The archive is damaged, or has no manifest or table that can be read.
        """
        return Header(self._table.names, self._table.metadata, _layout(self._table))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the columns of single values in blocks, in the units of the manifest, and its short entries."""
        chosen = [name for name in self._table.names if columns is None or name in columns]
        try:
            return pl.DataFrame(_read_rows(self.file, self._table, chosen)), self._table.metadata
        except _DAMAGE as error:
            raise _damaged(self.path, error) from error

    @cached_property
    def _table(self) -> _Table:
        return _read_manifest(self.file)


def _damaged(path: Path, error: BaseException) -> DataError:
    return damaged(path, f".smlm archive (ZIP with {MANIFEST} and its tables)", error)


def _read_manifest(file: OpenFile) -> _Table:
    try:
        with zipfile.ZipFile(file.handle) as archive:
            info = archive.getinfo(MANIFEST)
            if info.file_size > MAX_MANIFEST_BYTES:
                raise ValueError(f"a manifest of {info.file_size} bytes")
            _check_compression(info)
            with archive.open(info) as handle:
                manifest = json.loads(handle.read(MAX_MANIFEST_BYTES))
            if str(manifest["format_version"]) not in _VERSIONS:
                raise DataError(
                    f"{file.path}: expected a manifest of version {_VERSIONS[0]}; found "
                    f"{manifest['format_version']!r}. Export the file again with a present version"
                )
            table = _first_table(manifest, file)
            entry = archive.getinfo(table.entry)
            _check_compression(entry)
    except _DAMAGE as error:
        raise _damaged(file.path, error) from error
    expected = table.rows * table.dtype.itemsize
    if entry.file_size != expected:
        reason = ValueError(f"{table.entry} has {entry.file_size} bytes, its rows have {expected}")
        raise _damaged(file.path, reason)
    return table


def _check_compression(info: zipfile.ZipInfo) -> None:
    """Refuse what is compressed as no software writes ``.smlm``; LZMA asks for as much memory as a file states.

    Raises:
        ValueError: It is.
    """
    if info.compress_type not in _COMPRESSIONS:
        raise ValueError(f"{info.filename} is compressed in the way {info.compress_type} of ZIP")


def _first_table(manifest: Mapping[str, Any], file: OpenFile) -> _Table:
    tables = [entry for entry in manifest["files"] if entry["type"] == "table"]
    if not tables:
        raise DataError(f"{file.path}: expected a table of localisations in its {MANIFEST}; found none")
    first, more = tables[0], tables[1:]
    layout = manifest["formats"][first["format"]]
    if layout["mode"] != "binary":
        raise DataError(
            f"{file.path}: expected a binary table; found one of the mode {layout['mode']!r}. Take the text table "
            "out of the archive, and read it as such"
        )
    rows = int(first["rows"])
    if rows < 0:
        raise ValueError(f"a table of {rows} rows")
    check_rows(rows, file.size)
    dtype = _dtype(layout)
    units = dict(zip(dtype.names or (), map(str, layout.get("units") or ()), strict=False))
    units = _locan_units(manifest) | {name: unit for name, unit in units.items() if unit}
    offsets = {_plain(name): float(value) for name, value in (first.get("offset") or {}).items()}
    if not all(map(math.isfinite, offsets.values())):
        raise ValueError(f"offsets {offsets}")
    metadata = {name: _text(manifest[name]) for name in _DESCRIPTION if manifest.get(name)}
    if more:
        names = ", ".join(str(entry["name"]) for entry in more[:5])
        metadata[NOTE] = f"of {len(tables)} tables the first is read, {first['name']}; not read: {names}"
    return _Table(str(first["name"]), rows, dtype, units, offsets, metadata)


def _locan_units(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the units of columns that Locan writes: a list of entries with ``property`` and ``unit``."""
    entries = (manifest.get("locdata_meta") or {}).get("unit") or []
    return {str(entry["property"]): str(entry["unit"]) for entry in entries}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _plain(header: str) -> str:
    return header.removeprefix("_")  # marks headers that are not of the specification


def _dtype(layout: Mapping[str, Any]) -> np.dtype[Any]:
    """Return how a row is packed."""
    names = [_plain(str(header)) for header in layout["headers"]]
    shapes = [_shape(shape) for shape in layout["shape"]]
    unknown = sorted(set(map(str, layout["dtype"])) - set(_TYPES))
    if unknown:
        raise ValueError(f"columns of the type {', '.join(unknown)}")
    fields = [
        (name, np.dtype(dtype).newbyteorder("<"), shape)
        for name, dtype, shape in zip(names, layout["dtype"], shapes, strict=True)
    ]
    packed = np.dtype(fields)
    if not 0 < packed.itemsize <= MAX_ROW_BYTES:
        raise ValueError(f"rows of {packed.itemsize} bytes")
    return packed


def _shape(written: Any) -> tuple[int, ...]:
    """Return the shape of the values of a column; () of single ones."""
    shape = tuple(int(side) for side in (written if isinstance(written, list) else [written]))
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_ROW_BYTES:
        raise ValueError(f"values of the shape {shape}")
    return () if math.prod(shape) == 1 else shape


def _read_rows(file: OpenFile, table: _Table, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Inflate the rows in blocks, and keep the columns that are asked for."""
    columns = {name: np.empty(table.rows, as_column(np.empty(0, table.dtype[name])).dtype) for name in names}
    step = max(_BLOCK_BYTES // table.dtype.itemsize, 1)
    with zipfile.ZipFile(file.handle) as archive, archive.open(table.entry) as handle:
        for start in range(0, table.rows, step):
            count = min(step, table.rows - start)
            block = np.frombuffer(handle.read(count * table.dtype.itemsize), table.dtype)
            if len(block) < count:
                raise EOFError(f"{table.entry} ends after {start + len(block)} of {table.rows} rows")
            for name, values in columns.items():
                values[start : start + count] = block[name]
        handle.read(1)  # to come to the checksum at the end
    for name, offset in table.offsets.items():
        if name in columns and offset:
            columns[name] = columns[name].astype(np.float64) + offset
    return columns


def _layout(table: _Table) -> Layout | None:
    for columns in (_COLUMNS, _OTHER_COLUMNS):
        chosen = choose(table.names, columns)
        if {schema.X, schema.Y} <= chosen.keys():
            return _unit_layout(table, chosen, "nm" if columns is _COLUMNS else None)
    return recognise(table.names, table.metadata)


def _unit_layout(table: _Table, chosen: dict[str, Sources], default: str | None) -> Layout:
    """Return the layout of a table with x and y.

    Args:
        table: The table.
        chosen: Canonical name -> names in the table.
        default: Unit of lengths that have none; None where that is not known.
    """
    units: dict[str, str] = {}
    for name, source in list(chosen.items()):
        columns = (source,) if isinstance(source, str) else source
        written = ", ".join(sorted({table.units.get(column, "").strip() for column in columns}))
        unit = _UNITS.get(written, written)
        if schema.is_length(name) and (unit or default):
            units[name] = unit or str(default)
        elif schema.is_length(name):
            del chosen[name]
        elif name in (schema.PHOTONS, schema.BACKGROUND) and unit not in _PHOTONS:
            del chosen[name]  # counts of a camera, or of unknown unit
    absent = [name for name in (schema.X, schema.Y) if name not in chosen]
    trouble = f"expected the unit of {' and '.join(absent)} in its {MANIFEST}; found none. Give names and unit"
    return Layout(
        "the .smlm archive", chosen, units, pixel_size_from=f"its {MANIFEST}", trouble=trouble if absent else ""
    )
