"""Label volumes in TIFF, with the metadata of ImageJ or OME; read by tifffile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import numpy as np

from locgraph.errors import DataError
from locgraph.io.volumes.volume import VolumeFile, VolumeHeader, nm_per_unit

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_IMAGEJ_BYTES = 1 << 32
_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_OF_PIXELS = ("PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ")


class TiffVolume(VolumeFile):
    """TIFF: the size of a voxel is that of ImageJ or OME. Dots per inch of a plain file are for printers: no size."""

    kind = "tiff"
    suffixes = (".tif", ".tiff")
    package: ClassVar[str | None] = "tifffile"

    @classmethod
    def accepts(cls, path: Path, head: bytes) -> bool:
        """Return whether the file has the mark of TIFF or BigTIFF."""
        return head.startswith(_MAGIC)

    def read_header(self) -> VolumeHeader:
        """Return axes, shape and size of a voxel."""
        with _opened(self.path) as tiff:
            series = self._series(tiff)
            names = {"i": "q", "s": "q"} if series.axes[-1:] == "X" else {"i": "q"}
            axes = tuple(names.get(axis, axis) for axis in series.axes.lower())
            voxel_nm, kind = {}, "TIFF"
            if tiff.is_ome and tiff.ome_metadata:
                voxel_nm, kind = _ome_sizes(tiff.ome_metadata, self._number), "OME-TIFF"
            elif tiff.is_imagej:
                voxel_nm, kind = _imagej_sizes(tiff), "ImageJ TIFF"
            return VolumeHeader(axes, tuple(series.shape), voxel_nm, {"format": kind})

    def read(self) -> np.ndarray:
        """Return the whole array."""
        with _opened(self.path) as tiff:
            try:
                return np.asarray(self._series(tiff).asarray())
            except (ValueError, KeyError) as error:
                if "imagecodecs" not in str(error):
                    raise
                raise DataError(
                    f"{self.path}: expected TIFF without compression or with zlib; found {error}. Install it (pip "
                    "install imagecodecs), or save the file with another compression"
                ) from error

    def write(self, target: Path, relabel: Callable[[np.ndarray], np.ndarray]) -> None:
        """Write TIFF with the metadata of this one: of ImageJ where its types allow, of OME, or plain."""
        import tifffile

        values = relabel(self.read())
        with _opened(self.path) as tiff:
            series, page = self._series(tiff), tiff.pages.first
            options: dict[str, Any] = {
                "photometric": "minisblack",
                "compression": None if page.compression == 1 else "zlib",
            }
            if tiff.is_imagej and values.dtype.name in _IMAGEJ_TYPES and values.nbytes < _IMAGEJ_BYTES:
                kept = {
                    name: value for name, value in (tiff.imagej_metadata or {}).items() if name in ("spacing", "unit")
                }
                options |= {"imagej": True, "metadata": {"axes": series.axes} | kept} | _resolution(page)
                options["compression"] = None
            elif tiff.is_ome or tiff.is_imagej:
                sizes = self.read_header().voxel_nm
                metadata: dict[str, Any] = {"axes": series.axes}
                for axis, size in sizes.items():
                    metadata |= {f"PhysicalSize{axis.upper()}": size, f"PhysicalSize{axis.upper()}Unit": "nm"}
                options |= {"ome": True, "metadata": metadata}
            else:
                options |= {"metadata": None} | _resolution(page)
        tifffile.imwrite(target, values, **options)

    @property
    def _number(self) -> int:
        return int(self.part) if self.part is not None and self.part.isdecimal() else 0

    def _series(self, tiff: Any) -> Any:
        known = len(tiff.series)
        if (known != 1 and self.part is None) or (self.part is not None and not self.part.isdecimal()):
            raise DataError(
                f"{self.path}: expected one image, or the number of one of {known}, from 0; found "
                f"{self.part or known}. Name it",
                setting="table",
            )
        if self._number >= known:
            raise DataError(f"{self.path}: expected an image from 0 to {known - 1}, found {self.part}", setting="table")
        return tiff.series[self._number]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a TIFF; what tifffile logs of a damaged one is not shown, as the error that follows tells it."""
    import tifffile

    log = logging.getLogger("tifffile")
    log.addFilter(_hide)
    try:
        with tifffile.TiffFile(path) as tiff:
            yield tiff
    finally:
        log.removeFilter(_hide)


def _hide(record: logging.LogRecord) -> bool:
    return False


def _resolution(page: Any) -> dict[str, Any]:
    tags = page.tags
    if "XResolution" not in tags or "YResolution" not in tags:
        return {}
    unit = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else 1
    return {"resolution": (tags["XResolution"].value, tags["YResolution"].value), "resolutionunit": int(unit)}


def _imagej_sizes(tiff: Any) -> dict[str, float]:
    """Return the sizes that ImageJ states: pixels per unit in the tags of TIFF, the unit and z in its own text."""
    metadata, tags = tiff.imagej_metadata or {}, tiff.pages.first.tags
    factor = nm_per_unit(metadata.get("unit"))
    if factor is None:
        return {}
    sizes = {}
    for axis, name in (("y", "YResolution"), ("x", "XResolution")):
        if name in tags and tags[name].value[0]:
            sizes[axis] = tags[name].value[1] / tags[name].value[0] * factor
    if "spacing" in metadata:
        sizes["z"] = abs(float(metadata["spacing"])) * (nm_per_unit(metadata.get("zunit")) or factor)
    return sizes


def _ome_sizes(text: str, number: int) -> dict[str, float]:
    """Return the sizes of an image that OME states; micrometres are its unit where none is given."""
    pixels = [each for each in ElementTree.fromstring(text).iter() if each.tag.rpartition("}")[2] == "Pixels"]
    if number >= len(pixels):
        return {}
    sizes = {}
    for name in _OF_PIXELS:
        factor = nm_per_unit(pixels[number].get(f"{name}Unit", "um"))
        if name in pixels[number].attrib and factor is not None:
            sizes[name[-1].lower()] = float(pixels[number].attrib[name]) * factor
    return sizes
