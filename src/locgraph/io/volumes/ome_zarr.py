"""Label volumes in OME-Zarr (0.4 and 0.5) or plain Zarr; read by zarr-python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from locgraph.errors import DataError
from locgraph.io.volumes.volume import SPACE, VolumeFile, VolumeHeader, nm_per_unit

_MARKS = ("zarr.json", ".zgroup", ".zarray")
_MULTISCALES = "multiscales"


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a group or array of Zarr."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


class ZarrVolume(VolumeFile):
    """The first, largest array of a multiscale image of OME-Zarr, or an array of Zarr."""

    kind = "zarr"
    suffixes = (".zarr",)
    package: ClassVar[str | None] = "zarr"

    @classmethod
    def accepts(cls, path: Path, head: bytes) -> bool:
        """Return whether the folder is a group or array of Zarr."""
        return is_zarr(path)

    def read_header(self) -> VolumeHeader:
        """Return axes, shape and size of a voxel."""
        node, multiscale = self._image()
        if multiscale is None:
            n = len(node.shape)
            axes = SPACE[-n:] if n <= len(SPACE) else (*("q",) * (n - 2), "y", "x")
            return VolumeHeader(tuple(axes), tuple(node.shape), {}, {"format": "Zarr"})
        level = multiscale["datasets"][0]
        shape = tuple(node[level["path"]].shape)
        # axes of versions before 0.4 are letters alone, without units
        axes_of = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in multiscale.get("axes", [])]
        axes = tuple(str(axis["name"]).lower() for axis in axes_of) or tuple("tczyx"[-len(shape) :])
        scale = np.ones(len(shape))
        for part in (level, multiscale):
            for step in part.get("coordinateTransformations", []):
                if step.get("type") == "scale":
                    scale = scale * np.asarray(step["scale"], np.float64)
        factors = [nm_per_unit(axis.get("unit")) for axis in axes_of] or [None] * len(shape)
        pairs = zip(axes, scale, factors, strict=True)
        sizes = {axis: float(step) * factor for axis, step, factor in pairs if factor is not None and axis in SPACE}
        return VolumeHeader(axes, shape, sizes, {"format": "OME-Zarr"})

    def read(self) -> np.ndarray:
        """Return the whole array."""
        node, multiscale = self._image()
        return np.asarray((node if multiscale is None else node[multiscale["datasets"][0]["path"]])[...])

    def write(self, target: Path, relabel: Callable[[np.ndarray], np.ndarray]) -> None:
        """Write Zarr of the same version with the same attributes; all levels of a pyramid get the new labels."""
        import zarr

        node, multiscale = self._image()
        version = node.metadata.zarr_format
        if multiscale is None:
            _copy(node, relabel, store=target, zarr_format=version)
            return
        group = zarr.create_group(store=target, zarr_format=version, attributes=dict(node.attrs))
        for level in multiscale["datasets"]:
            _copy(node[level["path"]], relabel, store=group.store, name=level["path"], zarr_format=version)

    def _image(self) -> tuple[Any, Mapping[str, Any] | None]:
        """Return the group of an image with its metadata of OME, or an array and None."""
        import zarr

        node: Any = zarr.open(store=self.path, mode="r")
        if self.part is not None:
            name = self.part.strip("/")
            if isinstance(node, zarr.Array) or name not in node:
                raise DataError(f"{self.path}: expected a group or array {self.part}; found none", setting="table")
            node = node[name]
        if isinstance(node, zarr.Array):
            return node, None
        own = _multiscale(node)
        labels = node.get("labels")
        names = sorted(labels.group_keys()) if isinstance(labels, zarr.Group) else []
        if self.part is None and len(names) == 1:
            return self._of_group(labels[names[0]])
        if self.part is None and names:
            raise DataError(
                f"{self.path}: expected one label image; found {', '.join(f'labels/{name}' for name in names)}. "
                "Name one",
                setting="table",
            )
        if own is None:
            known = ", ".join(sorted([*node.group_keys(), *node.array_keys()])) or "nothing"
            raise DataError(
                f"{self.path}: expected an image of OME-Zarr (multiscales); found a group with {known}. Name the "
                "labels",
                setting="table",
            )
        return node, own

    def _of_group(self, group: Any) -> tuple[Any, Mapping[str, Any]]:
        multiscale = _multiscale(group)
        if multiscale is None:
            raise ValueError(f"no multiscales in {group.name}")
        return group, multiscale


def _multiscale(group: Any) -> Mapping[str, Any] | None:
    attributes = dict(group.attrs)
    images = attributes.get("ome", attributes).get(_MULTISCALES)
    return images[0] if images else None


def _copy(array: Any, relabel: Callable[[np.ndarray], np.ndarray], **place: Any) -> None:
    import zarr

    written = zarr.create_array(
        data=relabel(np.asarray(array[...])), chunks=array.chunks, attributes=dict(array.attrs), **place
    )
    if written.shape != array.shape:
        raise ValueError(f"an array of the shape {written.shape} in place of {array.shape}")
