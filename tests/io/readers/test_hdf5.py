"""What all HDF5 readers lean on: opening, refusing what would be too large or elsewhere, telling unknown files."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.io.file_columns import FileColumns
from locgraph.io.read import find_reader, read_header, read_localisations
from locgraph.io.readers.hdf5 import (
    UnknownHdf5Reader,
    as_column,
    attribute,
    check_pieces,
    check_rows,
    dataset,
    holds,
    is_hdf5,
    is_number,
    opened,
    read_whole,
)


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

    assert is_hdf5(tmp_path / "a.mat")
    assert holds(tmp_path / "a.mat", lambda file: "x" in file)
    assert not holds(tmp_path / "a.mat", lambda file: "y" in file)


def test_other_files(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"x,y\n1,2\n")

    assert not is_hdf5(tmp_path / "a.h5")
    assert not holds(tmp_path / "a.h5", lambda file: True)


def test_datasets_and_attributes(path):
    with opened(path) as file:
        assert dataset(file, "numbers").shape == (3, 2)
        assert dataset(file, "group/inner").shape == (2,)
        assert dataset(file, "group") is None
        assert dataset(file, "none") is None
        assert dataset(file, "nowhere/at/all") is None
        assert attribute(file["numbers"], "text") == "as it is"
        assert attribute(file["numbers"], "bytes") == "px"
        assert attribute(file["numbers"], "none") is None
        assert attribute(file["numbers"], "nothing") is None
        with pytest.raises(ValueError, match=r"an attribute long of the shape \(300,\)"):
            attribute(file["numbers"], "long")


def test_values_in_another_file_are_refused(path, tmp_path):
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["linked"] = h5py.ExternalLink("a.h5", "/numbers")
        layout = h5py.VirtualLayout((3, 2), "f8")
        layout[:] = h5py.VirtualSource(path, "numbers", (3, 2))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("external", (3,), "f8", external=[(tmp_path / "raw.bin", 0, h5py.h5f.UNLIMITED)])

    for name in ("linked", "virtual", "external"):
        message = rf"b\.h5: .*the values of {name} are kept in another file"
        with pytest.raises(DataError, match=message), opened(tmp_path / "b.h5") as file:
            dataset(file, name)


def test_read_whole(path):
    with opened(path) as file:
        assert read_whole(file["numbers"], path).tolist() == [[0, 1], [2, 3], [4, 5]]


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
    with pytest.raises(DataError, match=message), opened(tmp_path / "a.h5") as file:
        read_whole(file["x"], tmp_path / "a.h5")


def test_pieces_of_what_can_be(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("small", data=np.arange(300), chunks=(100,), compression="gzip")
        file.create_dataset("large", (300,), "f8", chunks=(10_000_000,), maxshape=(None,))

    with opened(path) as file:
        check_pieces(file["small"], path)
        assert read_whole(file["small"], path).tolist() == list(range(300))
        with pytest.raises(ValueError, match="pieces of 80000000 bytes"):
            check_pieces(file["large"], path)
        (tmp_path / "b").write_bytes(bytes(50))
        with pytest.raises(ValueError, match="a piece that is larger than the 50 bytes of the file"):
            check_pieces(file["small"], tmp_path / "b")


def test_values_that_were_never_written_are_not_taken_for_zeros(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("whole", (300,), "f8")
        file.create_dataset("pieces", (300,), "f8", chunks=(100,))[:200] = 1

    with opened(path) as file:
        with pytest.raises(ValueError, match="0 bytes of values where 2400 were to be"):
            check_pieces(file["whole"], path)
        with pytest.raises(ValueError, match="2 pieces of values where 3 were to be"):
            check_pieces(file["pieces"], path)


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
    with pytest.raises(DataError, match=message), opened(path) as file:
        read_whole(file["x"], path)


def test_compressed_bytes_are_not_taken_for_numbers(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        values = file.create_dataset("x", (100,), "f8", chunks=(100,), compression="gzip", shuffle=True)
        values.id.write_direct_chunk((0,), bytes(80), filter_mask=2)

    with opened(path) as file, pytest.raises(ValueError, match="a piece of 80 bytes where 800 were to be"):
        check_pieces(file["x"], path)


def test_as_many_rows_as_bytes(tmp_path):
    (tmp_path / "a").write_bytes(bytes(10))

    check_rows(10, tmp_path / "a")
    check_rows(11, tmp_path / "a", free=11)
    with pytest.raises(ValueError, match="11 rows in a file of 10 bytes"):
        check_rows(11, tmp_path / "a")


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


def test_unknown_content_is_listed(path):
    reader = find_reader(path)

    assert isinstance(reader, UnknownHdf5Reader)
    for read in (reader.read_header, reader.read_table):
        with pytest.raises(
            DataError,
            match=r"a\.h5: expected HDF5 of Picasso \(a table /locs\), DECODE \(/data/xyz\) or SMAP \(/saveloc/loc\); "
            r"found /group, /none, /numbers\. Export",
        ):
            read(path)


def test_nothing_in_it(tmp_path):
    h5py.File(tmp_path / "a.h5", "w").close()

    with pytest.raises(DataError, match="found nothing in it"):
        read_header(tmp_path / "a.h5", FileColumns())


def test_other_files_are_read_without_loading_hdf5():
    code = "import sys, locgraph.io.read; print(sorted({'h5py', 'scipy', 'yaml'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("part", [0.01, 0.5, 0.9])
def test_truncated(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])

    with pytest.raises(DataError, match=r"a\.h5: expected a whole HDF5 file; found one that is truncated or damaged"):
        read_localisations(path, FileColumns(), 1.0)
