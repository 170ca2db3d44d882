"""Reader of the HDF5 of Picasso (Schnitzbauer et al. 2017, 10.1038/nprot.2017.024) with the YAML beside it.

Columns and units after ``docs/table01.csv`` and ``docs/files.rst`` of jungmannlab/picasso: x, y, their precision and
the widths are in camera pixels, z and its precision in nm. The size of a pixel stands in the YAML of the same name, or,
where there is none, in ``/metadata`` (from Picasso 0.11); the last of several entries counts, as in Picasso. Some
versions, and scripts after them, write ``/locs`` as a DataFrame of pandas (jungmannlab/picasso, pull request 698).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.header import Header, Layout, Sources
from locgraph.io.known.programs import NOT_OF_MOLECULES, PICASSO, PICASSO_IN_NM, PICASSO_MOLECULES
from locgraph.io.readers.base import OpenFile, Reader, is_number
from locgraph.io.readers.hdf5 import dataset, holds, opened, read_fields
from locgraph.io.readers.hdf5_frames import frame_columns, read_frame
from locgraph.io.readers.hdf5_texts import text_dataset
from locgraph.io.software import choose

if TYPE_CHECKING:
    import h5py

_TABLE: Final = "locs"
_EMBEDDED: Final = "metadata"
_PIXEL_SIZE: Final = "Pixelsize"
_LONGEST_VALUE: Final = 200  # longer ones are records of a microscope or of a simulation, which nobody looks up here

_DEEPEST: Final = 100  # a YAML parser takes ever longer, the deeper it is


class PicassoReader(Reader):
    """Reads tables of localisations, and molecular maps with a molecule for each row."""

    kind = "picasso"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is HDF5 with a table of named columns at ``/locs``, or a DataFrame of pandas."""
        return holds(file, lambda hdf5: _table(hdf5) is not None or {"x", "y"} <= frame_columns(hdf5, _TABLE).keys())

    def companions(self) -> tuple[Path, ...]:
        """Return the YAML beside the file, where it is there: it holds the size of a pixel."""
        sidecar = self.path.with_suffix(".yaml")
        return (sidecar,) if sidecar.is_file() else ()

    def read_header(self) -> Header:
        """Read the names of the columns, and the YAML.

        Raises:
            DataError: The file is damaged, or the YAML cannot be read.
        """
        with opened(self.file) as hdf5:
            names = tuple(frame_columns(hdf5, _TABLE)) or _names(_required_table(hdf5))
        metadata = self._metadata()
        return Header(names, metadata, _layout(names, metadata, self.path))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the table in blocks, in the units of the file, and short entries of its metadata."""
        with opened(self.file) as hdf5:
            frame = frame_columns(hdf5, _TABLE)
            if frame:
                chosen = {name: place for name, place in frame.items() if columns is None or name in columns}
                return read_frame(hdf5, chosen, self.file.size), dict(self.header.metadata)
            source = _required_table(hdf5)
            fields = {name: (name,) for name in _names(source) if columns is None or name in columns}
            table = read_fields(source, fields, self.file.size)
        return table, dict(self.header.metadata)

    def _metadata(self) -> dict[str, str]:
        for sidecar in self.companions():
            return _yaml_entries(sidecar)
        text = embedded_text(self.file)
        return {} if text is None else _json_entries(text, self.path)


def _table(hdf5: h5py.File) -> h5py.Dataset | None:
    table = dataset(hdf5, _TABLE)
    return table if table is not None and table.dtype.names and len(table.shape) == 1 else None


def _required_table(hdf5: h5py.File) -> h5py.Dataset:
    table = _table(hdf5)
    if table is None:
        raise ValueError(f"no table /{_TABLE}")
    return table


def _names(table: h5py.Dataset) -> tuple[str, ...]:
    return tuple(name for name in table.dtype.names if is_number(table.dtype[name]))


def _layout(names: Sequence[str], metadata: Mapping[str, str], path: Path) -> Layout:
    chosen: dict[str, Sources] = {schema.X: "x", schema.Y: "y", **choose(names, PICASSO)}
    software = "Picasso"
    if PICASSO_MOLECULES.issubset(names):
        software = "Picasso (molecular map)"
        chosen = {name: source for name, source in chosen.items() if name not in NOT_OF_MOLECULES}
        chosen |= choose(names, {schema.N_FRAMES: ("n",)})
    units = {name: "nm" if name in PICASSO_IN_NM else "px" for name in chosen if schema.is_length(name)}
    sidecar = path.with_suffix(".yaml").name
    return Layout(software, chosen, units, _pixel_size(metadata, path), f"{sidecar} ({_PIXEL_SIZE})")


def _pixel_size(metadata: Mapping[str, str], path: Path) -> float | None:
    written = metadata.get(_PIXEL_SIZE)
    try:
        return None if written is None else float(written)
    except ValueError:
        raise DataError(
            f"{path}: expected {_PIXEL_SIZE} in its metadata as the side of a camera pixel in nm; found {written!r}. "
            f"Mend it in {path.with_suffix('.yaml').name}"
        ) from None


def embedded_text(file: OpenFile) -> str | None:
    """Return the JSON text in ``/metadata``; None where there is none."""
    with opened(file) as hdf5:
        values = dataset(hdf5, _EMBEDDED)
        is_text = values is not None and values.shape == () and values.dtype.kind == "O"
        return text_dataset(values, file) if is_text else None


def _json_entries(text: str, path: Path) -> dict[str, str]:
    """Return the entries of a list of JSON objects, the last of several with one name."""
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: expected JSON in its /{_EMBEDDED}; found other text ({error}). Save the file again in Picasso, "
            f"or put its metadata beside it as {path.with_suffix('.yaml').name}"
        ) from error
    entries: dict[str, str] = {}
    for part in parts if isinstance(parts, list) else ():
        for key, value in part.items() if isinstance(part, dict) else ():
            if isinstance(value, str | int | float) and _is_kept(key, str(value)):
                entries[key] = str(value)
    return entries


def _is_kept(key: str, value: str) -> bool:
    return len(value) <= _LONGEST_VALUE or key == schema.META_LABEL_MAP


def _yaml_entries(sidecar: Path) -> dict[str, str]:
    """Return the entries at the top of each document of a YAML file, the last of several with one name.

    Nothing in the file is made into an object: neither what Picasso writes with tags of Python, nor what others might.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _top_entries(yaml.parse(sidecar.read_bytes(), Loader=loader))
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{sidecar}: expected YAML with the metadata of the Picasso file beside it; found otherwise "
            f"({' '.join(str(error).split())}). Save the localisations again in Picasso, or mend the file"
        ) from error


def _top_entries(events: Any) -> dict[str, str]:
    from yaml import events as kinds

    entries: dict[str, str] = {}
    depth, key, is_mapping = 0, None, False
    for event in events:
        if isinstance(event, kinds.CollectionEndEvent):
            depth -= 1
            continue
        value = event.value if isinstance(event, kinds.ScalarEvent) else None
        if depth == 0:
            key, is_mapping = None, isinstance(event, kinds.MappingStartEvent)
        elif depth == 1 and is_mapping and key is None:
            key = value or ""
        elif depth == 1 and is_mapping:
            if value is not None and _is_kept(str(key), value):
                entries[str(key)] = value
            key = None
        depth += isinstance(event, kinds.CollectionStartEvent)
        if depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} lists within each other")
    return entries
