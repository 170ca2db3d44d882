"""Label volumes in NRRD; read by pynrrd."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from locgraph.errors import DataError
from locgraph.io.volumes.volume import SPACE, VolumeFile, VolumeHeader, nm_per_unit

_MAGIC = b"NRRD000"
_OTHERS = {"time": "t"}


class NrrdVolume(VolumeFile):
    """NRRD with the data in the same file: sizes of ``space directions`` or ``spacings``, units of their own fields."""

    kind = "nrrd"
    suffixes = (".nrrd",)
    package: ClassVar[str | None] = "nrrd"

    @classmethod
    def accepts(cls, path: Path, head: bytes) -> bool:
        """Return whether the file has the mark of NRRD."""
        return head.startswith(_MAGIC)

    def read_header(self) -> VolumeHeader:
        """Return axes, shape and size of a voxel. The file names the fastest axis first: x, y, z."""
        import nrrd

        header = nrrd.read_header(str(self.path))
        if "data file" in header or "datafile" in header:
            raise DataError(
                f"{self.path}: expected NRRD with its data in the same file; found a header alone. Join them"
            )
        kinds = [str(kind).lower() for kind in header.get("kinds", ["domain"] * int(header["dimension"]))]
        left = iter(SPACE[::-1])
        axes = [_OTHERS.get(kind) or (next(left, "q") if kind in ("domain", "space") else "c") for kind in kinds]
        shape = tuple(int(size) for size in header["sizes"])
        spacing = _spacings(header, len(axes))
        sizes = {axis: size for axis, size in zip(axes, spacing, strict=True) if axis in SPACE and size is not None}
        return VolumeHeader(tuple(axes[::-1]), shape[::-1], sizes, {"format": "NRRD"})

    def read(self) -> np.ndarray:
        """Return the whole array, the slowest axis first."""
        import nrrd

        return np.asarray(nrrd.read(str(self.path), index_order="C")[0])

    def write(self, target: Path, relabel: Callable[[np.ndarray], np.ndarray]) -> None:
        """Write NRRD with the fields of this one."""
        import nrrd

        values, header = nrrd.read(str(self.path), index_order="C")
        kept = {name: value for name, value in header.items() if name not in ("type", "sizes", "dimension", "endian")}
        nrrd.write(str(target), relabel(values), kept, index_order="C")


def _spacings(header: Mapping[str, Any], n_axes: int) -> list[float | None]:
    """Return the size of a voxel along each axis in nm, the fastest first; None where no unit of length is stated."""
    directions = header.get("space directions")
    if directions is not None:
        rows = [None if row is None or np.isnan(row).any() else float(np.linalg.norm(row)) for row in directions]
        units = [nm_per_unit(unit) for unit in header.get("space units", [])]
        same = units[0] if units and len(set(units)) == 1 else None
        return [None if row is None or same is None else row * same for row in rows]
    steps = header.get("spacings", [np.nan] * n_axes)
    factors = [nm_per_unit(unit) for unit in header.get("units", [None] * n_axes)]
    return [
        None if factor is None or np.isnan(step) else float(step) * factor
        for step, factor in zip(steps, factors, strict=True)
    ]
