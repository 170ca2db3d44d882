"""The formats of label volumes, and the one that a file has."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from locgraph.errors import DataError
from locgraph.io.volumes.hdf5 import Hdf5Volume
from locgraph.io.volumes.nrrd_file import NrrdVolume
from locgraph.io.volumes.ome_zarr import ZarrVolume, is_zarr
from locgraph.io.volumes.tiff import TiffVolume
from locgraph.io.volumes.volume import VolumeFile, need

FORMATS: Final[tuple[type[VolumeFile], ...]] = (TiffVolume, ZarrVolume, Hdf5Volume, NrrdVolume)
VOLUME_SUFFIXES: Final = tuple(suffix for volume in FORMATS for suffix in volume.suffixes)
"""Files with these are meant to be label volumes, where label volumes are read."""

_HEAD_BYTES: Final = 4096

__all__ = ["FORMATS", "VOLUME_SUFFIXES", "is_zarr", "open_volume"]


def open_volume(path: Path, part: str | None = None) -> VolumeFile:
    """Return the volume of a file or folder, by its content.

    Raises:
        DataError: There is none, it cannot be opened, or it is of no format that is known.
        MissingPackageError: What reads its format is not installed.
    """
    head = b""
    if path.is_file():
        try:
            with path.open("rb") as handle:
                head = handle.read(_HEAD_BYTES)
        except OSError as error:
            raise DataError(
                f"{path}: expected a file that can be read; found {error.strerror}. Check who may read it"
            ) from error
    elif not path.is_dir():
        raise DataError(f"{path}: expected a file; found none. Check the path")
    for volume in FORMATS:
        if volume.accepts(path, head):
            if volume.package is not None:
                need(volume.package)
            return volume(path, part)
    raise DataError(
        f"{path}: expected a label volume (TIFF, OME-Zarr, HDF5 or NRRD); found none of them. Localisations are read "
        "with columns=auto"
    )
