"""MAT-files of MATLAB 5 to 7.2: numbers and structures, as far as microscopes write them.

After "MAT-File Format" of MathWorks (level 5). ``scipy.io.loadmat`` ends the process with a segmentation fault on some
damaged files, and asks for as much memory as others state: here every size is checked against what is there before it
is used.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.io.readers.base import OpenFile, damaged

MAGIC: Final = b"MATLAB 5.0 MAT-file"
_HEADER_BYTES: Final = 128
_ORDERS: Final = {b"IM": "<", b"MI": ">"}

_MATRIX, _COMPRESSED = 14, 15
_NUMBERS: Final = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Types of stored numbers."""
_STRUCTURE: Final = 2
_NUMERIC: Final = range(6, 16)
"""Classes of arrays of numbers, of which the last real ones are int64 and uint64."""

_COMPLEX: Final = 0x0800
_NAME_BYTES: Final = 512
"""How much of a compressed variable is inflated to know its name."""
MAX_RATIO: Final = 200
FREE_BYTES: Final = 256 << 20
"""A compressed variable above ``FREE_BYTES`` that would grow more than ``MAX_RATIO`` times is not inflated."""

_DAMAGE: Final = (
    *(ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError, RuntimeError),
    *(struct.error, zlib.error),
)


@dataclass(frozen=True)
class Matrix:
    """One array or structure.

    Attributes:
        where: What to call the file in errors.
        kind: Its class, as the format numbers them; 0 for complex numbers.
        shape: Its size along each dimension.
        body: Its content, not yet taken apart.
        order: Byte order, ``<`` or ``>``.
    """

    where: str
    kind: int
    shape: tuple[int, ...]
    body: memoryview
    order: str

    @property
    def is_number(self) -> bool:
        """Whether it is an array of numbers."""
        return self.kind in _NUMERIC

    @property
    def is_structure(self) -> bool:
        """Whether it is a structure, or an array of them."""
        return self.kind == _STRUCTURE

    @property
    def size(self) -> int:
        """Number of its elements."""
        return math.prod(self.shape)

    def fields(self) -> dict[str, Matrix]:
        """Return the fields of a single structure; none of anything else.

        Raises:
            DataError: The file is damaged.
        """
        return self.elements()[0] if self.is_structure and self.size == 1 else {}

    def elements(self) -> list[dict[str, Matrix]]:
        """Return the fields of each element of an array of structures, without those that are empty.

        Raises:
            DataError: The file is damaged.
        """
        try:
            return self._elements()
        except (*_DAMAGE, StopIteration) as error:
            raise damaged(self.where, "MAT-file", error) from error

    def _elements(self) -> list[dict[str, Matrix]]:
        parts = _elements(self.body, self.order)
        length = int(_numbers(*next(parts), self.order)[0])
        _, raw = next(parts)
        names = [
            bytes(raw[start : start + length]).split(b"\0", 1)[0].decode("latin-1")
            for start in range(0, len(raw), length)
        ]
        values = list(parts)
        if len(values) != len(names) * self.size:
            raise ValueError(f"{len(values)} values of {len(names)} fields of {self.size} structures")
        return [
            {
                name: _matrix(content, self.order, self.where)[1]
                for name, (kind, content) in zip(names, values[start : start + len(names)], strict=True)
                if kind == _MATRIX and len(content)
            }
            for start in range(0, len(values), max(len(names), 1))
        ]

    def numbers(self) -> np.ndarray:
        """Return the real numbers of an array, in its shape.

        Raises:
            DataError: The file is damaged, or this is no array of numbers.
        """
        try:
            kind, content = next(_elements(self.body, self.order))
            return _numbers(kind, content, self.order).reshape(self.shape, order="F")
        except (*_DAMAGE, StopIteration) as error:
            raise damaged(self.where, "MAT-file", error) from error


def is_mat5(file: OpenFile) -> bool:
    """Return whether ``file`` starts as a MAT-file of MATLAB 5 to 7.2 does."""
    return file.head.startswith(MAGIC)


def variables(file: OpenFile, inflate: bool = True) -> dict[str, Matrix]:
    """Return the variables of a file, compressed ones inflated.

    Args:
        file: A MAT-file of MATLAB 5 to 7.2.
        inflate: Whether their content is needed; else only names, kinds and sizes are, and nothing is large.

    Raises:
        DataError: The file is truncated or damaged, or would grow beyond measure.
    """
    where = str(file.path)
    try:
        content = memoryview(file.content)
        order = _ORDERS[bytes(content[_HEADER_BYTES - 2 : _HEADER_BYTES])]
        matrices = {}
        for kind, element in _elements(content[_HEADER_BYTES:], order):
            if kind == _COMPRESSED:
                element = _inflated(element, order, inflate)
            elif kind != _MATRIX:
                raise ValueError(f"an element of type {kind} where a variable was to be")
            elif not inflate:
                element = element[:_NAME_BYTES]
            name, matrix = _matrix(element, order, where)
            matrices[name] = matrix
    except _DAMAGE as error:
        raise damaged(where, "MAT-file", error) from error
    return matrices


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield the type and content of each element that ``content`` consists of."""
    position = 0
    while position < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, position)
        start = position + 8
        if kind >> 16:  # short: both in the first four bytes, the content in the other four
            kind, size, start = kind & 0xFFFF, kind >> 16, position + 4
            end = position + 8
        else:
            # all but compressed elements are filled up to a multiple of eight bytes
            end = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > min(len(content), end):
            raise ValueError(f"an element of {size} bytes where {len(content) - start} are left")
        yield kind, content[start : start + size]
        position = end


def _inflated(element: memoryview, order: str, whole: bool) -> memoryview:
    """Return the matrix in a compressed element, or its start."""
    start = zlib.decompressobj().decompress(element, _NAME_BYTES)
    kind, size = struct.unpack_from(f"{order}II", start)
    if kind != _MATRIX:
        raise ValueError(f"an element of type {kind} where a matrix was to be")
    if not whole:
        return memoryview(start)[8:]
    if size > FREE_BYTES and size > MAX_RATIO * len(element):
        raise ValueError(f"{len(element)} bytes that would grow to {size}, more than {MAX_RATIO} times as many")
    inflater = zlib.decompressobj()
    content = inflater.decompress(element, 8 + size + 1)  # one more, to come to the checksum at the end
    if len(content) != 8 + size or not inflater.eof:
        raise ValueError(f"{len(content)} bytes inflated where {8 + size} were to be")
    return memoryview(content)[8:]


def _matrix(content: memoryview, order: str, where: str) -> tuple[str, Matrix]:
    """Name and matrix: flags, sizes and name come first, then the body."""
    heads = []
    position = 0
    for _ in range(3):
        kind, part = next(_elements(content[position:], order), (0, memoryview(b"")))
        heads.append((kind, part))
        position += 8 if _is_short(content[position:], order) else 8 + len(part) + (-len(part) % 8)
    flags = int(_numbers(*heads[0], order)[0])
    shape = tuple(int(size) for size in _numbers(*heads[1], order))
    if any(size < 0 for size in shape):
        raise ValueError(f"an array of the size {shape}")
    name = bytes(heads[2][1]).decode("latin-1")
    return name, Matrix(where, 0 if flags & _COMPLEX else flags & 0xFF, shape, content[position:], order)


def _is_short(content: memoryview, order: str) -> bool:
    return bool(struct.unpack_from(f"{order}I", content)[0] >> 16)


def _numbers(kind: int, content: memoryview, order: str) -> np.ndarray:
    return np.frombuffer(content, np.dtype(f"{order}{_NUMBERS[kind]}"))
