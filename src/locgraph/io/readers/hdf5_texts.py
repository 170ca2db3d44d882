"""Texts of any length in HDF5, read without the HDF5 library, which on a damaged one asks for gigabytes or never ends.

After the HDF5 file format specification, "III.E. Global Heap", where such texts are kept, and "IV.A.2.m. The Attribute
Message", which points there. Every size is checked before it is used.
"""

from __future__ import annotations

import itertools
import mmap
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from locgraph.io.readers.base import OpenFile

if TYPE_CHECKING:
    import h5py

LONGEST_ATTRIBUTE: Final = 256
"""Attributes of more values, or of longer ones, are those of a damaged file."""

_POINTER: Final = struct.Struct("<IQI")
"""What stands for a text: its length, the address of its heap, its number there."""
_HEAP: Final = b"GCOL\x01"
_OBJECT: Final = struct.Struct("<HHIQ")
"""What an object in a heap starts with: number, references, nothing, size; as long as what a heap starts with."""
_SIZES: Final = struct.Struct("<HHH")
"""Sizes of name, type and shape of an attribute."""


def text_dataset(values: h5py.Dataset, file: OpenFile) -> str:
    """Return the text of a dataset that holds a single one.

    Raises:
        ValueError: It cannot be found.
    """
    position = values.id.get_offset()
    if position is None:
        raise ValueError(f"no text in {values.name}")
    return _text(file.content, position, values.file.userblock_size)


def text_attributes(values: h5py.Dataset, name: str, file: OpenFile) -> tuple[str, ...]:
    """Return the texts of an attribute that holds a list of them.

    Where others of the same name are in the file, the first of this length counts.

    Raises:
        ValueError: It cannot be found.
    """
    about = values.attrs.get_id(name) if name in values.attrs else None
    if about is None or len(about.shape or ()) != 1 or about.shape[0] > LONGEST_ATTRIBUTE:
        raise ValueError(f"no list of texts in the attribute {name}")
    if about.dtype.kind == "S" and about.dtype.itemsize <= LONGEST_ATTRIBUTE:
        return tuple(text.decode(errors="replace") for text in values.attrs[name])
    count = about.shape[0]
    for place in _attribute_places(file.content, name):
        if place.shape == (count,):
            pointers = range(place.position, place.position + count * _POINTER.size, _POINTER.size)
            return tuple(_text(file.content, pointer, values.file.userblock_size) for pointer in pointers)
    raise ValueError(f"no {count} texts in the attribute {name}")


def text_attribute(hdf5: h5py.File, name: str, file: OpenFile) -> str:
    """Return the text of the first attribute of this name in a file.

    Raises:
        ValueError: It cannot be found.
    """
    for place in _attribute_places(file.content, name):
        return _text(file.content, place.position, hdf5.userblock_size)
    raise ValueError(f"no text in the attribute {name}")


class _Place(NamedTuple):
    """Position of the value of an attribute, and its shape."""

    position: int
    shape: tuple[int, ...]


def _attribute_places(content: mmap.mmap, name: str) -> Iterator[_Place]:
    """Yield where the attributes of this name have their values."""
    ended = name.encode() + b"\0"
    start = content.find(ended)
    while start >= 0:
        place = _value_place(content, start, len(ended))
        if place is not None:
            yield place
        start = content.find(ended, start + 1)


def _value_place(content: mmap.mmap, start: int, length: int) -> _Place | None:
    """Return the place of the value of the attribute whose name starts at ``start``; None where there is none."""
    for version, head, step in ((1, 8, 8), (2, 8, 1), (3, 9, 1)):  # only the first fills up to multiples of eight
        if start < head or content[start - head] != version:
            continue
        sizes = _SIZES.unpack_from(content, start - head + 2)
        if sizes[0] == length:
            ends = [*itertools.accumulate(size + -size % step for size in sizes)]
            return _Place(start + ends[2], _shape(content, start + ends[1]))
    return None


def _shape(content: mmap.mmap, start: int) -> tuple[int, ...]:
    """Return the sides that the shape of an attribute has ("IV.A.2.b. The Dataspace Message")."""
    version, sides = content[start], content[start + 1]
    start += 8 if version == 1 else 4
    return struct.unpack_from(f"<{sides}Q", content, start) if start + 8 * sides <= len(content) else ()


def _text(content: mmap.mmap, position: int, base: int) -> str:
    """Return the text that the pointer at ``position`` stands for."""
    if position + _POINTER.size > len(content):
        raise ValueError(f"no text at {position}")
    length, address, wanted = _POINTER.unpack_from(content, position)
    for number, value in _objects(content, base + address):
        if number == wanted and len(value) >= length:
            return value[:length].decode(errors="replace")
    raise ValueError(f"no text {wanted} of {length} bytes in the heap at {address}")


def _objects(content: mmap.mmap, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and value of each object of the heap at ``start``."""
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
