"""Texts of any length in HDF5, found as its library finds them, and refused where it would not end."""

import struct

import h5py
import numpy as np
import pytest

from locgraph.io.readers.hdf5_text import text_attribute, text_dataset

LONG = "µm and more, " * 500


@pytest.fixture(params=[{}, {"libver": "latest"}, {"userblock_size": 512}], ids=["first", "latest", "block"])
def path(request, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", **request.param) as file:
        file["other_unit"] = [1.0]
        file["other_unit"].attrs["other"] = "another text"
        file["meta"] = LONG
        file["meta"].attrs["xy_unit"] = "px"
        file["meta"].attrs["long"] = LONG
        file["values"] = np.arange(1000)
    return tmp_path / "a.h5"


def test_agrees_with_the_library(path):
    with h5py.File(path) as file:
        assert text_dataset(file["meta"]) == LONG == file["meta"].asstr()[()]
        for name in ("xy_unit", "long"):
            assert text_attribute(file, name) == file["meta"].attrs[name]


def test_no_such_attribute(path):
    with h5py.File(path) as file, pytest.raises(ValueError, match="no text in the attribute nothing"):
        text_attribute(file, "nothing")


def test_nothing_written(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        empty = file.create_dataset("meta", (), h5py.string_dtype())
        with pytest.raises(ValueError, match="no text in /meta"):
            text_dataset(empty)


def damaged(path, position, value):
    content = bytearray(path.read_bytes())
    content[position : position + len(value)] = value
    path.write_bytes(bytes(content))


def pointer(path):
    with h5py.File(path) as file:
        return file["meta"].id.get_offset()


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (0, struct.pack("<I", 1 << 31), "no text 1 of 2147483648 bytes in the heap"),
        (4, struct.pack("<Q", 1 << 40), "no heap of texts at 1099511627776"),
        (4, struct.pack("<Q", 8), "no heap of texts at 8"),
        (12, struct.pack("<I", 99), "no text 99 of"),
    ],
)
def test_damaged_pointers(tmp_path, offset, value, message):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["meta"] = LONG
    damaged(path, pointer(path) + offset, value)

    with h5py.File(path) as file, pytest.raises(ValueError, match=message):
        text_dataset(file["meta"])


@pytest.mark.parametrize("size", [0, 255, 1 << 40])
def test_damaged_heaps(tmp_path, size):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["other"] = "the first text"
        file["meta"] = "the second text"
    # the first object of the heap now has another size: the second is not where it was
    damaged(path, path.read_bytes().index(b"GCOL") + 24, struct.pack("<Q", size))

    with h5py.File(path) as file, pytest.raises(ValueError, match="no text 2 of 15 bytes in the heap"):
        text_dataset(file["meta"])
