"""MAT-files of level 5, as scipy writes them and as they must not be."""

import struct
import zlib

import numpy as np
import pytest
import scipy.io

from locgraph.errors import DataError
from locgraph.io.readers.base import OpenFile
from locgraph.io.readers.matlab import is_mat5, variables

RNG = np.random.default_rng(0)
CONTENT = {
    "table": {
        "x": RNG.random((7, 1)),
        "frame": np.arange(7, dtype=np.uint8),
        "nested": {"deep": RNG.random((2, 3, 4)).astype(np.float32)},
        "text": "as it is",
        "cells": np.array([[1.0, "two"]], dtype=object),
        "nothing": np.zeros((0, 0)),
        "a": np.array([True, False]),
    },
    "single": np.int16([[1, -2], [3, 4]]),
    "complex": np.array([1 + 2j]),
}


def read(path, inflate=True):
    """Return the variables of a file."""
    with OpenFile(path) as file:
        assert is_mat5(file)
        return variables(file, inflate)


@pytest.fixture(params=[False, True], ids=["plain", "compressed"])
def path(tmp_path, request):
    scipy.io.savemat(tmp_path / "a.mat", CONTENT, do_compression=request.param)
    return tmp_path / "a.mat"


def test_agrees_with_what_was_written(path):
    matrices = read(path)

    assert list(matrices) == ["table", "single", "complex"]
    assert matrices["single"].numbers().tolist() == [[1, -2], [3, 4]]
    assert matrices["single"].shape == (2, 2)
    assert matrices["single"].fields() == {}
    table = matrices["table"].fields()
    assert list(table) == list(CONTENT["table"])
    assert np.array_equal(table["x"].numbers(), CONTENT["table"]["x"])
    assert table["frame"].numbers().tolist() == [list(range(7))]
    deep = table["nested"].fields()["deep"].numbers()
    assert np.array_equal(deep, CONTENT["table"]["nested"]["deep"])
    assert table["a"].numbers().tolist() == [[1, 0]]
    assert table["nothing"].numbers().shape == (0, 0)
    numbers = {name for name, field in table.items() if field.is_number}
    assert numbers == {"x", "frame", "nothing", "a"}
    assert not matrices["complex"].is_number


def test_names_without_content(path):
    matrices = read(path, inflate=False)

    assert {name: matrix.shape for name, matrix in matrices.items()} == {
        "table": (1, 1),
        "single": (2, 2),
        "complex": (1, 1),
    }


def element(order, kind, content):
    return struct.pack(f"{order}II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(order, name, shape, kind, numbers, stored):
    flags = element(order, 6, struct.pack(f"{order}II", kind, 0))
    sizes = element(order, 5, struct.pack(f"{order}{len(shape)}i", *shape))
    return element(
        order, 14, flags + sizes + element(order, 1, name) + element(order, stored, np.asarray(numbers).tobytes())
    )


def test_big_endian(tmp_path):
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    # doubles that fit are stored as small numbers: type 3 is int16
    numbers = matrix(">", b"xy", (3, 2), 6, np.array([1, 2, 3, -4, 5, 6], ">i2"), 3)
    (tmp_path / "a.mat").write_bytes(header + numbers)

    assert read(tmp_path / "a.mat")["xy"].numbers().tolist() == [[1, -4], [2, 5], [3, 6]]


def test_other_files(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")

    with OpenFile(tmp_path / "a.mat") as file:
        assert not is_mat5(file)


def test_an_element_of_another_type_is_not_passed_over(path):
    content = bytearray(path.read_bytes())
    content[128] = 0xAB  # the first one; what it holds would be missing without a word
    path.write_bytes(bytes(content))

    for inflate in (True, False):
        with pytest.raises(DataError, match=r"a\.mat: .*an element of type 171 where a variable was to be"):
            read(path, inflate)


@pytest.mark.parametrize("shape", [(1 << 30, 1 << 30), (3,), (-1, 2)])
def test_sizes_that_do_not_fit(tmp_path, shape):
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    (tmp_path / "a.mat").write_bytes(header + matrix("<", b"x", shape, 6, np.zeros(2), 9))

    with pytest.raises(DataError, match=r"a\.mat: expected a whole MAT-file"):
        read(tmp_path / "a.mat")["x"].numbers()


def test_what_would_grow_beyond_measure_is_not_inflated(tmp_path):
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    compressed = zlib.compress(struct.pack("<II", 14, 0xFFFFFFF0) + bytes(1 << 20))
    (tmp_path / "a.mat").write_bytes(header + struct.pack("<II", 15, len(compressed)) + compressed)

    with pytest.raises(DataError, match=r"a\.mat: .*would grow to 4294967280, more than 200 times as many"):
        read(tmp_path / "a.mat")
