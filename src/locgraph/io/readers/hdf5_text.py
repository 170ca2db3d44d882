"""Reads texts of any length from HDF5 without its library, which on a damaged one asks for gigabytes or never ends.

After the HDF5 file format specification: "III.E. Global Heap", where such texts are kept, and "IV.A.2.m. The Attribute
Message", which points there. Every size is checked before it is used.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import h5py

_POINTER: Final = struct.Struct("<IQI")
"""What stands for a text: its length, the address of its heap, its number there."""
_HEAP: Final = b"GCOL\x01"
_OBJECT: Final = struct.Struct("<HHIQ")
"""What an object in a heap starts with: number, references, nothing, size; as long as what a heap starts with."""
_SIZES: Final = struct.Struct("<HHH")
"""Sizes of name, type and shape of an attribute."""


def text_dataset(found: h5py.Dataset) -> str:
    """The text of a dataset that holds a single one.

    Raises:
        ValueError: It cannot be found.
    """
    position = found.id.get_offset()
    if position is None:
        raise ValueError(f"no text in {found.name}")
    with _content(found.file) as content:
        return _text(content, position, found.file.userblock_size)


def text_attribute(file: h5py.File, name: str) -> str:
    """The text of the first attribute of this name in ``file``.

    Raises:
        ValueError: It cannot be found.
    """
    ended = name.encode() + b"\0"
    with _content(file) as content:
        start = content.find(ended)
        while start >= 0:
            position = _value_position(content, start, len(ended))
            if position is not None:
                return _text(content, position, file.userblock_size)
            start = content.find(ended, start + 1)
    raise ValueError(f"no text in the attribute {name}")


@contextmanager
def _content(file: h5py.File) -> Iterator[mmap.mmap]:
    with Path(file.filename).open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _value_position(content: mmap.mmap, start: int, length: int) -> int | None:
    """Where the value of the attribute is whose name starts at ``start``; None where no attribute is around it."""
    for version, head, step in ((1, 8, 8), (2, 8, 1), (3, 9, 1)):  # only the first fills up to multiples of eight
        if start < head or content[start - head] != version:
            continue
        sizes = _SIZES.unpack_from(content, start - head + 2)
        if sizes[0] == length:
            return start + sum(size + -size % step for size in sizes)
    return None


def _text(content: mmap.mmap, position: int, base: int) -> str:
    """The text that the pointer at ``position`` stands for."""
    if position + _POINTER.size > len(content):
        raise ValueError(f"no text at {position}")
    length, address, wanted = _POINTER.unpack_from(content, position)
    for number, value in _objects(content, base + address):
        if number == wanted and len(value) >= length:
            return value[:length].decode(errors="replace")
    raise ValueError(f"no text {wanted} of {length} bytes in the heap at {address}")


def _objects(content: mmap.mmap, start: int) -> Iterator[tuple[int, bytes]]:
    """Number and value of each object of the heap at ``start``."""
    if content[start : start + len(_HEAP)] != _HEAP or start + _OBJECT.size > len(content):
        raise ValueError(f"no heap of texts at {start}")
    end = start + _OBJECT.unpack_from(content, start)[3]
    position = start + _OBJECT.size
    while position + _OBJECT.size <= min(end, len(content)):
        number, _, _, size = _OBJECT.unpack_from(content, position)
        position += _OBJECT.size
        if number == 0 or position + size > min(end, len(content)):
            return  # what is left is free, or does not fit
        yield number, content[position : position + size]
        position += size + -size % 8
