"""What the formats of label volumes share: their contract, axes, sizes of voxels, and checks of labels."""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from locgraph.errors import DataError, MissingPackageError

SPACE: Final = ("z", "y", "x")
MOST_VOXELS: Final = 1 << 33
"""Of one file: 8 GiB for each byte of a voxel."""

_STACK: Final = "q"
"""An axis that the file does not name: z where the user gives three sizes of a voxel."""

_UNITS_NM: Final = {
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1.0),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), 1e3),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e7),
    **dict.fromkeys(("m", "meter", "metre"), 1e9),
    **dict.fromkeys(("å", "angstrom", "ångström"), 0.1),
}


def nm_per_unit(unit: Any) -> float | None:
    """Return the nanometres of a unit of length as files write it; None where it is none, such as ``pixel``."""
    text = str(unit or "").strip().strip('"').replace("\\u00B5", "u").lower()
    return _UNITS_NM.get(text.replace("\u00b5", "u").replace("\u03bc", "u"))


@dataclass(frozen=True)
class VolumeHeader:
    """What a file states of its volume.

    Attributes:
        axes: Names of the axes of the array: ``x``, ``y``, ``z``, ``c`` (channel), ``t`` (time), ``q`` (not known).
        shape: Its shape.
        voxel_nm: Axis -> size of a voxel in nm, of those that the file states in a unit of length.
        metadata: Further metadata as text.
    """

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    voxel_nm: Mapping[str, float]
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """The part of an array that is the volume.

    Attributes:
        index: What to take along each axis: all, or one channel or time.
        axes: Names of the axes that are left, in the order of the array.
        voxel_nm: Size of a voxel along each of (z,) y, x (D,) nm.
        notes: Remarks on what was chosen.
    """

    index: tuple[slice | int, ...]
    axes: tuple[str, ...]
    voxel_nm: tuple[float, ...]
    notes: tuple[str, ...] = ()

    def take(self, values: np.ndarray) -> np.ndarray:
        """Return the volume (Z, Y, X) or (Y, X) of the whole array."""
        order = [self.axes.index(axis) for axis in SPACE if axis in self.axes]
        return values[self.index].transpose(order)


class VolumeFile(ABC):
    """A volume on disk, in one format.

    Args:
        path: The file or folder.
        part: Path of the array within it; None where it holds one alone.

    Attributes:
        kind: Name of the format, in one word.
        suffixes: Suffixes of such files.
        package: What reads it; None where it is always installed.
    """

    kind: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    package: ClassVar[str | None] = None

    def __init__(self, path: Path, part: str | None = None) -> None:
        self.path = path
        self.part = part

    @classmethod
    @abstractmethod
    def accepts(cls, path: Path, head: bytes) -> bool:
        """Return whether a file that begins with ``head``, or a folder, is of this format."""

    @abstractmethod
    def read_header(self) -> VolumeHeader:
        """Return axes, shape and size of a voxel. What the library raises for a damaged file may pass."""

    @abstractmethod
    def read(self) -> np.ndarray:
        """Return the whole array, in the order of the axes of the header."""

    @abstractmethod
    def write(self, target: Path, relabel: Callable[[np.ndarray], np.ndarray]) -> None:
        """Write the array with other labels and the metadata of this file.

        Args:
            target: The file to write, or a folder that does not exist.
            relabel: Array with the axes of the header -> new labels, of the same shape.
        """


def need(package: str) -> None:
    """Check that a package of the extra ``volumes`` is installed.

    Raises:
        MissingPackageError: It is not.
    """
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f"label volumes need the package {package}, which is not installed: pip install 'locgraph[volumes]'"
        ) from error


def select(
    header: VolumeHeader, where: str, voxel_nm: Sequence[float] | None, channel: int | None, timepoint: int | None
) -> Selection:
    """Return the part of an array that is the volume, and the size of its voxels.

    Args:
        header: What the file states.
        where: What to call the file in errors.
        voxel_nm: Size of a voxel along z, y, x, or y, x, as the user gives it; None takes that of the file.
        channel: Channel to take; None where there is one alone.
        timepoint: The same of the times.

    Raises:
        DataError: The size of a voxel is not known, axes are no volume, or there are several channels or times.
    """
    axes = header.axes
    if axes.count(_STACK) == 1 and "z" not in axes and voxel_nm is not None and len(voxel_nm) == len(SPACE):
        axes = tuple("z" if axis == _STACK else axis for axis in axes)
    shape = dict(zip(axes, header.shape, strict=True))
    described = " ".join(f"{axis}={size}" for axis, size in shape.items())
    if not {"y", "x"} <= shape.keys() or len(shape) < len(axes):
        raise DataError(
            f"{where}: expected axes y, x and perhaps z, found {' '.join(axes)} of the shape {header.shape}"
        )
    if math.prod(header.shape) > MOST_VOXELS:
        raise DataError(f"{where}: expected at most {MOST_VOXELS:,} voxels; found {described}. Cut it into blocks")
    chosen = {"c": ("channel", channel), "t": ("timepoint", timepoint)}
    index: dict[str, slice | int] = {}
    for axis, size in shape.items():
        if axis in SPACE and (axis != "z" or size > 1):
            index[axis] = slice(None)
        elif axis in chosen:
            index[axis] = _one_of(*chosen[axis], size, where, described)
        elif size == 1:
            index[axis] = 0
        else:
            raise DataError(
                f"{where}: expected a volume with the axes z, y, x or y, x, found {described} with an axis that has no "
                "name. If it is z, give the size of a voxel along z, y and x, such as [300,100,100]",
                setting="voxel_nm",
            )
    left = tuple(axis for axis in axes if isinstance(index[axis], slice))
    space = [axis for axis in SPACE if axis in left]
    sizes, notes = _voxel_sizes(header, space, voxel_nm, where)
    return Selection(tuple(index[axis] for axis in axes), left, sizes, notes)


def _one_of(name: str, given: int | None, size: int, where: str, described: str) -> int:
    if given is None and size > 1:
        raise DataError(
            f"{where}: expected one {name}, found {size} ({described}). Choose one, from 0: each is its own volume",
            setting=name,
        )
    if given is not None and not 0 <= given < size:
        raise DataError(f"{where}: expected a {name} from 0 to {size - 1}, found {given}", setting=name)
    return given or 0


def _voxel_sizes(
    header: VolumeHeader, space: Sequence[str], given: Sequence[float] | None, where: str
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    example = "[z,y,x]" if len(space) == len(SPACE) else "[y,x]"
    if given is not None:
        sizes = tuple(given)
        if len(sizes) != len(space):
            sizes = sizes[1:] if "z" in header.axes and len(sizes) == len(SPACE) else sizes
        if len(sizes) != len(space):
            raise DataError(
                f"{where}: expected the size of a voxel along {', '.join(space)}; found {len(sizes)} numbers",
                setting="voxel_nm",
            )
        stated = {axis: header.voxel_nm[axis] for axis in space if axis in header.voxel_nm}
        differ = any(
            abs(stated[axis] - size) > 1e-6 * size for axis, size in zip(space, sizes, strict=True) if axis in stated
        )
        text = ", ".join(f"{axis} {size:g}" for axis, size in stated.items())
        return sizes, ((f"voxel_nm is set to {list(sizes)}; the file states {text} nm",) if differ else ())
    absent = [axis for axis in space if not 0 < header.voxel_nm.get(axis, 0.0) < float("inf")]
    if absent:
        raise DataError(
            f"{where}: expected the size of a voxel along {', '.join(space)} in a unit of length in the metadata of "
            f"the file; found none along {', '.join(absent)}. It is never guessed: give it in nm as {example}",
            setting="voxel_nm",
        )
    return tuple(float(header.voxel_nm[axis]) for axis in space), ()


def whole_labels(values: np.ndarray, where: str) -> np.ndarray:
    """Return labels as integers: of the type of the file, or int64 where it holds whole numbers as fractions.

    Raises:
        DataError: A label is negative, not finite or no whole number, too large, or there is none but background.
    """
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype.kind not in "iuf":
        raise DataError(f"{where}: expected labels that are whole numbers; found values of the type {values.dtype}")
    if values.dtype.kind == "f":
        whole = values.astype(np.int64) if np.isfinite(values).all() and np.abs(values).max(initial=0) < 2**53 else None
        if whole is None or (whole != values).any():
            raise DataError(
                f"{where}: expected labels that are whole numbers; found fractions or values that are not finite, as "
                "an image of intensities holds. Label its objects first"
            )
        values = whole
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high >= 2**63:
        raise DataError(
            f"{where}: expected labels from 0, which is background; found {low if low < 0 else high}. Number the "
            "objects from 1"
        )
    if high == 0:
        raise DataError(f"{where}: expected labelled objects; found background (0) alone. Take it out of the folder")
    return values
