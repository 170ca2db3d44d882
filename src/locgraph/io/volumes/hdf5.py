"""Label volumes in HDF5."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from locgraph.errors import DataError
from locgraph.io.volumes.volume import SPACE, VolumeFile, VolumeHeader, nm_per_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ELEMENT_SIZE = "element_size_um"
"""Size of a voxel as the HDF5 plugin of ImageJ and ilastik write it: z, y, x in micrometres."""
_SIZES = ("voxel_size", "resolution")
"""Sizes along the axes of the array, as funlib writes them; taken where ``units`` stands beside them."""
_MOST_AXES = 5


class Hdf5Volume(VolumeFile):
    """A dataset of HDF5 with two to five axes."""

    kind = "hdf5"
    suffixes = (".h5", ".hdf5", ".hdf")

    @classmethod
    def accepts(cls, path: Path, head: bytes) -> bool:
        """Return whether the file has the signature of HDF5."""
        return any(head[start:].startswith(_SIGNATURE) for start in (0, 512, 1024, 2048))

    def read_header(self) -> VolumeHeader:
        """Return axes, shape and size of a voxel."""
        with self._dataset() as dataset:
            axes = _axes(dataset)
            return VolumeHeader(axes, tuple(dataset.shape), _sizes(dataset, axes), {"format": f"HDF5 {dataset.name}"})

    def read(self) -> np.ndarray:
        """Return the whole array."""
        with self._dataset() as dataset:
            return np.asarray(dataset[()])

    def write(self, target: Path, relabel: Callable[[np.ndarray], np.ndarray]) -> None:
        """Write HDF5 with the dataset under the same name and with the same attributes, and nothing else."""
        import h5py

        with self._dataset() as dataset, h5py.File(target, "w") as file:
            values = relabel(dataset[()])
            compression = dataset.compression if dataset.compression in ("gzip", "lzf") else None
            written = file.create_dataset(dataset.name, data=values, chunks=dataset.chunks, compression=compression)
            for name, value in dataset.attrs.items():
                written.attrs[name] = value

    @contextmanager
    def _dataset(self) -> Iterator[h5py.Dataset]:
        import h5py

        with h5py.File(self.path, "r") as file:
            if self.part is not None:
                name = self.part.replace(".", "/") if self.part not in file else self.part
                if not isinstance(file.get(name), h5py.Dataset):
                    raise DataError(
                        f"{self.path}: expected a dataset {self.part}; found {', '.join(_volumes(file)) or 'none'}",
                        setting="table",
                    )
                yield file[name]
                return
            names = _volumes(file)
            if len(names) != 1:
                raise DataError(
                    f"{self.path}: expected one array of numbers with 2 to {_MOST_AXES} axes; found "
                    f"{', '.join(names) or 'none'}. Name the labels",
                    setting="table",
                )
            yield file[names[0]]


def _volumes(file: h5py.File) -> list[str]:
    """Return the paths of the datasets that may be volumes."""
    import h5py

    names: list[str] = []

    def visit(name: str, each: Any) -> None:
        if isinstance(each, h5py.Dataset) and each.dtype.kind in "iufb" and 2 <= len(each.shape or ()) <= _MOST_AXES:
            names.append(f"/{name}")

    file.visititems(visit)
    return names


def _axes(dataset: h5py.Dataset) -> tuple[str, ...]:
    """Return the names of the axes: those of ilastik or funlib, else z, y, x or y, x."""
    n = len(dataset.shape)
    if "axistags" in dataset.attrs:
        names = [str(axis["key"]).lower() for axis in json.loads(_text(dataset.attrs["axistags"]))["axes"]]
    elif "axis_names" in dataset.attrs:
        names = [_text(name).strip("^").lower() for name in dataset.attrs["axis_names"]]
    else:
        names = list(SPACE[-n:]) if n <= len(SPACE) else ["q"] * (n - 2) + ["y", "x"]
    if len(names) != n:
        raise ValueError(f"{len(names)} names for {n} axes")
    return tuple(names)


def _sizes(dataset: h5py.Dataset, axes: tuple[str, ...]) -> dict[str, float]:
    attributes = dataset.attrs
    if _ELEMENT_SIZE in attributes:
        steps = np.ravel(attributes[_ELEMENT_SIZE])
        return {axis: float(step) * 1e3 for axis, step in zip(SPACE[-len(steps) :], steps, strict=True)}
    name = next((name for name in _SIZES if name in attributes), None)
    if name is None or "units" not in attributes:
        return {}
    steps = np.ravel(attributes[name])
    units = attributes["units"]
    units = [units] * len(steps) if isinstance(units, (str, bytes)) else list(np.ravel(units))
    factors = [nm_per_unit(_text(unit)) for unit in units]
    spatial = axes if len(steps) == len(axes) else tuple(axis for axis in axes if axis in SPACE)
    pairs = zip(spatial, steps, factors, strict=True)
    return {axis: float(step) * factor for axis, step, factor in pairs if factor is not None and axis in SPACE}


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
