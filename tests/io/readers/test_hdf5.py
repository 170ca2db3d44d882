"""What all HDF5 readers lean on: texts, and refusing what is too large, elsewhere, missing or of another kind."""

import struct
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.io.readers.base import OpenFile, as_column, check_rows, is_number
from locgraph.io.readers.hdf5 import (
    attribute,
    check_pieces,
    dataset,
    holds,
    is_hdf5,
    opened,
    read_whole,
)
from locgraph.io.readers.hdf5_texts import text_attribute, text_dataset


@contextmanager
def reading(path):
    """Give the HDF5 file, and the file that holds it."""
    with OpenFile(path) as file, opened(file) as hdf5:
        yield hdf5, file


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["numbers"] = np.arange(6.0).reshape(3, 2)
        file["group/inner"] = [1, 2]
        file["none"] = h5py.Empty("f")
        file["numbers"].attrs["text"] = "as it is"
        file["numbers"].attrs["bytes"] = np.bytes_("px")
        file["numbers"].attrs["long"] = np.arange(300.0)
        file["numbers"].attrs["none"] = h5py.Empty("f")
    return tmp_path / "a.h5"


@pytest.mark.parametrize("block", [0, 512, 1024])
def test_known_by_its_signature(tmp_path, block):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=block) as file:
        file["x"] = [1.0]

    with OpenFile(tmp_path / "a.mat") as file:
        assert is_hdf5(file)
        assert holds(file, lambda hdf5: "x" in hdf5)
        assert not holds(file, lambda hdf5: "y" in hdf5)


def test_other_files(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"x,y\n1,2\n")

    with OpenFile(tmp_path / "a.h5") as file:
        assert not is_hdf5(file)
        assert not holds(file, lambda hdf5: True)


def test_datasets_and_attributes(path):
    with reading(path) as (hdf5, file):
        assert dataset(hdf5, "numbers").shape == (3, 2)
        assert dataset(hdf5, "group/inner").shape == (2,)
        assert dataset(hdf5, "group") is None
        assert dataset(hdf5, "none") is None
        assert dataset(hdf5, "nowhere/at/all") is None
        assert attribute(hdf5["numbers"], "text", file) == "as it is"
        assert attribute(hdf5["numbers"], "bytes", file) == "px"
        assert attribute(hdf5["numbers"], "none", file) is None
        assert attribute(hdf5["numbers"], "nothing", file) is None
        with pytest.raises(ValueError, match=r"an attribute long of the shape \(300,\)"):
            attribute(hdf5["numbers"], "long", file)


def test_values_in_another_file_are_refused(path, tmp_path):
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["linked"] = h5py.ExternalLink("a.h5", "/numbers")
        layout = h5py.VirtualLayout((3, 2), "f8")
        layout[:] = h5py.VirtualSource(path, "numbers", (3, 2))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("external", (3,), "f8", external=[(tmp_path / "raw.bin", 0, h5py.h5f.UNLIMITED)])

    for name in ("linked", "virtual", "external"):
        message = rf"b\.h5: .*the values of {name} are kept in another file"
        with pytest.raises(DataError, match=message), reading(tmp_path / "b.h5") as (hdf5, _):
            dataset(hdf5, name)


def test_read_whole(path):
    with reading(path) as (hdf5, file):
        assert read_whole(hdf5["numbers"], file.size).tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10**15,), r"a table of 1000000000000000 rows in a file of \d+ bytes"),
        ((400, 400), r"\(400, 400\) values where a column was to be"),
    ],
)
def test_absurd_sizes_take_no_memory(tmp_path, shape, message):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", shape, "f8", chunks=tuple(min(side, 100) for side in shape))

    message = rf"a\.h5: expected a whole HDF5 file; .*{message}"
    with pytest.raises(DataError, match=message), reading(tmp_path / "a.h5") as (hdf5, file):
        read_whole(hdf5["x"], file.size)


def test_pieces_of_what_can_be(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("small", data=np.arange(300), chunks=(100,), compression="gzip")
        file.create_dataset("large", (300,), "f8", chunks=(10_000_000,), maxshape=(None,))

    with reading(path) as (hdf5, file):
        check_pieces(hdf5["small"], file.size)
        assert read_whole(hdf5["small"], file.size).tolist() == list(range(300))
        with pytest.raises(ValueError, match="pieces of 80000000 bytes"):
            check_pieces(hdf5["large"], file.size)
        with pytest.raises(ValueError, match="a piece that is larger than the 50 bytes of the file"):
            check_pieces(hdf5["small"], 50)


def test_values_that_were_never_written_are_not_taken_for_zeros(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("whole", (300,), "f8")
        file.create_dataset("pieces", (300,), "f8", chunks=(100,))[:200] = 1

    with reading(path) as (hdf5, file):
        with pytest.raises(ValueError, match="0 bytes of values where 2400 were to be"):
            check_pieces(hdf5["whole"], file.size)
        with pytest.raises(ValueError, match="2 pieces of values where 3 were to be"):
            check_pieces(hdf5["pieces"], file.size)


TREE = b"TREE\x01\x00\x01\x00" + b"\xff" * 16
"""Start of the list of the only piece: its size, its place and more follow, and the place where the list ends."""


@pytest.mark.parametrize(
    ("at", "place", "message"), [(8, 50, "no piece of values at"), (24, 1000, "Can't get storage size of chunk")]
)
def test_a_piece_that_hdf5_cannot_find_is_not_taken_for_zeros(tmp_path, at, place, message):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(1.0, 101.0)[None], chunks=(1, 100), compression="gzip")
    content = bytearray(path.read_bytes())
    start = content.index(TREE) + len(TREE) + at
    content[start : start + 8] = place.to_bytes(8, "little")
    path.write_bytes(bytes(content))

    with h5py.File(path) as file:
        assert not file["x"][()].any()  # no error
    with pytest.raises(DataError, match=message), reading(path) as (hdf5, file):
        read_whole(hdf5["x"], file.size)


def test_compressed_bytes_are_not_taken_for_numbers(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        values = file.create_dataset("x", (100,), "f8", chunks=(100,), compression="gzip", shuffle=True)
        values.id.write_direct_chunk((0,), bytes(80), filter_mask=2)

    with reading(path) as (hdf5, file), pytest.raises(ValueError, match="a piece of 80 bytes where 800 were to be"):
        check_pieces(hdf5["x"], file.size)


def test_not_more_rows_than_bytes():
    check_rows(10, 10)
    check_rows(11, 10, free=11)
    with pytest.raises(ValueError, match="11 rows in a file of 10 bytes"):
        check_rows(11, 10)


@pytest.mark.parametrize(
    ("found", "expected"),
    [(">f4", "f4"), (">i2", "i2"), ("f2", "f4"), ("longdouble", "f8"), ("?", "u1"), (">u8", "u8")],
)
def test_columns_are_of_types_that_a_table_holds(found, expected):
    column = as_column(np.array([0, 1], found))

    assert column.dtype == np.dtype(expected)
    assert column.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("dtype", "number"), [("f4", True), ("?", True), (">u2", True), ("S3", False), ("c8", False), (("f4", 3), False)]
)
def test_numbers(dtype, number):
    assert is_number(np.dtype(dtype)) is number


LONG = "µm and more, " * 500


@pytest.fixture(params=[{}, {"libver": "latest"}, {"userblock_size": 512}], ids=["first", "latest", "block"])
def texts(request, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", **request.param) as file:
        file["other_unit"] = [1.0]
        file["other_unit"].attrs["other"] = "another text"
        file["meta"] = LONG
        file["meta"].attrs["xy_unit"] = "px"
        file["meta"].attrs["long"] = LONG
        file["values"] = np.arange(1000)
    return tmp_path / "a.h5"


def test_texts_agree_with_the_library(texts):
    with reading(texts) as (hdf5, file):
        assert text_dataset(hdf5["meta"], file) == LONG == hdf5["meta"].asstr()[()]
        for name in ("xy_unit", "long"):
            assert text_attribute(hdf5, name, file) == hdf5["meta"].attrs[name]


def test_no_such_attribute(texts):
    with pytest.raises(DataError, match="no text in the attribute nothing"), reading(texts) as (hdf5, file):
        text_attribute(hdf5, "nothing", file)


def test_no_text_was_written(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("meta", (), h5py.string_dtype())
    with pytest.raises(DataError, match="no text"), reading(tmp_path / "a.h5") as (hdf5, file):
        text_dataset(hdf5["meta"], file)


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

    with pytest.raises(DataError, match=message), reading(path) as (hdf5, file):
        text_dataset(hdf5["meta"], file)


@pytest.mark.parametrize("size", [0, 255, 1 << 40])
def test_damaged_heaps(tmp_path, size):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["other"] = "the first text"
        file["meta"] = "the second text"
    # the first object of the heap now has another size: the second is not where it was
    damaged(path, path.read_bytes().index(b"GCOL") + 24, struct.pack("<Q", size))

    with pytest.raises(DataError, match="no text 2 of 15 bytes in the heap"), reading(path) as (hdf5, file):
        text_dataset(hdf5["meta"], file)
