"""Reader of MAT-files of MATLAB 5 to 7.2 of no known software: columns by their path, such as ``locs.x``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np

from locgraph.io.header import path_key
from locgraph.io.readers.arrays import DEEPEST, ArraysReader, Column, matrix_columns
from locgraph.io.readers.base import OpenFile
from locgraph.io.readers.matlab import Matrix, is_mat5, variables


class MatReader(ArraysReader):
    """Reads variables, and fields of structures and of arrays of structures."""

    kind = "mat"
    separator: ClassVar[str] = "."

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is a MAT-file that is not HDF5."""
        return is_mat5(file)

    @cached_property
    def _arrays(self) -> dict[str, list[Matrix]]:
        """Path -> array of numbers, or one number for each structure of an array of them."""
        return dict(_walk("", variables(self.file), 0))

    def find_columns(self, part: str) -> Mapping[str, Column] | None:
        """Return the columns of a variable, or of a structure."""
        columns: dict[str, Column] = {}
        is_there, start = not part, path_key(part)
        for path, matrices in self._arrays.items():
            if start and path != start and not path.startswith(f"{start}."):
                continue
            is_there = True
            rest = path[len(start) + 1 :] if start else path
            shape = matrices[0].shape if len(matrices) == 1 else (len(matrices),)
            columns |= matrix_columns(rest, shape, ".", _loader(path, matrices))
        return columns if is_there else None

    def list_parts(self) -> Mapping[str, str]:
        """Return path -> shape."""
        parts = {}
        for path, matrices in self._arrays.items():
            sides = matrices[0].shape if len(matrices) == 1 else (len(matrices),)
            parts[path] = " x ".join(map(str, sides))
        return parts


def _walk(start: str, named: Mapping[str, Matrix], depth: int) -> Iterator[tuple[str, list[Matrix]]]:
    for name, matrix in named.items():
        if matrix.is_number:
            yield f"{start}{name}", [matrix]
        elif matrix.is_structure and depth < DEEPEST:
            yield from _walk_structure(f"{start}{name}.", matrix, depth + 1)


def _walk_structure(start: str, matrix: Matrix, depth: int) -> Iterator[tuple[str, list[Matrix]]]:
    elements = matrix.elements()
    if len(elements) == 1:
        yield from _walk(start, elements[0], depth)
        return
    for name in elements[0] if elements else ():
        values = [element.get(name) for element in elements]
        numbers = [value for value in values if value is not None and value.is_number and value.size == 1]
        if len(numbers) == len(elements):
            yield f"{start}{name}", numbers


def _loader(path: str, matrices: list[Matrix]) -> Callable[[], np.ndarray]:
    if len(matrices) == 1:
        return matrices[0].numbers
    return lambda: np.array([matrix.numbers().item() for matrix in matrices])
