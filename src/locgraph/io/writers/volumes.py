"""Label volumes with other labels, such as the number of a group, in the format of their source."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from locgraph.errors import DataError
from locgraph.io.volumes.formats import open_volume
from locgraph.io.volumes.reader import guarded, select_volume
from locgraph.io.volumes.settings import VolumeSettings
from locgraph.io.volumes.volume import Selection
from locgraph.provenance import whole_file
from locgraph.storage import write_failure

_WIDER: Final = {"u": ("uint8", "uint16", "uint32", "uint64"), "i": ("int8", "int16", "int32", "int64")}
_EXACT: Final = {"float16": 2**11, "float32": 2**24, "float64": 2**53}


def write_relabelled(
    source: Path, groups: Mapping[int, int], target: Path, settings: VolumeSettings | None = None
) -> Path:
    """Write a label volume in which each object has the number of its group.

    Format, shape, size of a voxel and metadata are those of the source, and so is the type of the labels, or a wider
    one of its kind where a number does not fit. Objects that are in no group become background. Of a file with several
    channels or times, the chosen volume is written at its place, and the others are background.

    Args:
        source: The label volume, a file or folder.
        groups: Label -> number of its group, at least 1: 0 is background.
        target: File or folder to write; one that exists is replaced.
        settings: Those that the source was read with; None for the defaults.

    Returns:
        ``target``.

    Raises:
        DataError: The source cannot be read, or is the target; or a group is below 1.
        StorageError: The target cannot be written.
    """
    settings = settings or VolumeSettings()
    if target.resolve() == source.resolve():
        raise DataError(f"{target}: expected another file than the source to write to; found the source. Rename it")
    wrong = sorted({group for group in groups.values() if int(group) != group or group < 1})
    if wrong:
        raise DataError(
            f"{source}: expected groups numbered from 1, as 0 is background; found {', '.join(map(str, wrong[:5]))}"
        )
    volume = open_volume(source, settings.table)
    selection = select_volume(volume, settings)
    keys = np.array(sorted(groups), np.int64)
    new = np.array([groups[key] for key in keys.tolist()], np.int64)

    def relabel(values: np.ndarray) -> np.ndarray:
        return _relabel(values, selection, keys, new, source)

    if source.is_dir():
        _write_folder(target, lambda folder: guarded(source, lambda: volume.write(folder, relabel)))
    else:
        with whole_file(target) as temporary:
            guarded(source, lambda: volume.write(temporary, relabel))
    return target


def _relabel(values: np.ndarray, selection: Selection, keys: np.ndarray, new: np.ndarray, source: Path) -> np.ndarray:
    """Return the array with new labels in the selected part, and background in all else."""
    dtype = _wide_enough(values.dtype, int(new.max(initial=0)))
    own = values[selection.index]
    result = np.zeros(values.shape, dtype)
    part = result[selection.index]
    for plane in range(len(own)):  # plane by plane: memory
        labels = own[plane].astype(np.int64)
        places = np.clip(np.searchsorted(keys, labels), 0, max(len(keys) - 1, 0))
        if len(keys):
            part[plane] = np.where(keys[places] == labels, new[places], 0)
    return result


def _wide_enough(dtype: np.dtype, highest: int) -> np.dtype:
    """Return the type, or the next wider one of its kind that holds a number; whole ones for what is true or false."""
    if dtype.kind == "f":
        return dtype if highest <= _EXACT.get(dtype.name, 0) else np.dtype(np.float64)
    kind = dtype.kind if dtype.kind in _WIDER else "u"
    sizes = [np.dtype(name) for name in _WIDER[kind]]
    least = 1 if dtype.kind not in _WIDER else dtype.itemsize
    return next(each for each in sizes if each.itemsize >= least and np.iinfo(each).max >= highest).newbyteorder(
        dtype.byteorder
    )


def _write_folder(target: Path, write: Callable[[Path], None]) -> None:
    """Write a folder under a temporary name beside the target, which then takes its place."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise write_failure(error, target) from error
    try:
        write(place / target.name)
        if target.exists():
            target.rename(place / "before")
        (place / target.name).rename(target)
    finally:
        shutil.rmtree(place, ignore_errors=True)
