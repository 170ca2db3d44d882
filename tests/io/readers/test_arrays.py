"""Plain HDF5 and MAT-files: columns by their path, and the part of a file that the user names."""

import shlex

import h5py
import numpy as np
import pytest
import scipy.io

from locgraph.api.config import plain
from locgraph.build import build
from locgraph.cli.commands.inspect_file import overrides
from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.inspection import inspect
from locgraph.io.read import open_reader, read, read_header
from locgraph.io.readers.arrays import MOST_COLUMNS

X, Y, FRAME = np.arange(5.0) * 100, np.arange(5.0) * 50 + 7, np.arange(5) + 3
RECORDS = np.zeros(5, [("X [nm]", "<f4"), ("y", ">f8"), ("more", [("frame", "<i4")]), ("v", "<f8", (2,)), ("s", "S3")])
RECORDS["X [nm]"], RECORDS["y"], RECORDS["more"]["frame"], RECORDS["v"][:, 1] = X, Y, FRAME, X / 50
TABLES = {
    "group of arrays": ("/data", {"x": "x", "y": "y", "frame": "sub/frame"}),
    "whole file": (None, {"x": "/data/x", "y": "data/y", "frame": "data.sub.frame"}),
    "records": ("/group/locs", {"x": "X [nm]", "y": "y", "frame": "more/frame"}),
    "records by whole paths": (None, {"x": "/group/locs/X [nm]", "y": "/group/locs/y", "frame": "data/sub/frame"}),
    "matrix": ("matrix", {"x": "column_1", "y": "column_2", "frame": "column_3"}),
    "matrix by position": ("matrix", {"x": 1, "y": 2, "frame": 3}),
    "rows and columns": (None, {"x": "row", "y": "column", "frame": "data/sub/frame"}),
}


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file["data/x"], file["data/y"], file["data/sub/frame"] = X, Y, FRAME
        file["group/locs"] = RECORDS
        file.create_dataset("matrix", data=np.stack([X, Y, FRAME], axis=1), chunks=(2, 3), compression="gzip")
        file["row"], file["column"] = X[None], Y[:, None]
        file["image"], file["wide"] = np.zeros((5, MOST_COLUMNS + 1)), np.zeros((3, 30))
        file["text"], file["other"] = "as it is", np.arange(3.0)
        file["link"], file["elsewhere"] = h5py.SoftLink("/data"), h5py.ExternalLink("b.h5", "/data")
        file["data/again"] = file["data"]  # turns in a circle
    return path


def write_mat(path, compressed):
    elements = np.array(list(zip(X, Y, FRAME, strict=True)), [(name, object) for name in ("x", "y", "frame")])
    structure = {"x": X, "y": Y[:, None], "frame": FRAME, "name": "cell 1", "sub": {"frame": FRAME}}
    content = {"a": {"b": structure}, "locs": elements, "matrix": np.stack([X, Y, FRAME], axis=1), "text": "t"}
    scipy.io.savemat(path, content | {"x": X, "y": Y, "one": 3.0}, do_compression=compressed)
    return path


def write_mat73(path):
    """As MATLAB writes it: a block of its own, sides in reverse order, references for arrays of structures."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in {"a/b/x": X[None], "a/b/y": Y[:, None], "a/b/frame": FRAME[None]}.items():
            file.create_dataset(name, data=values).attrs["MATLAB_class"] = np.bytes_("double")
        file["matrix"] = np.stack([X, Y, FRAME])
        file["a/b/name"] = np.frombuffer(b"cell ", "u1").astype("u2")[None]
        file["a/b/name"].attrs["MATLAB_class"] = np.bytes_("char")
        for name, values in {"x": X, "y": Y, "frame": FRAME}.items():
            references = file.create_dataset(f"locs/{name}", (1, 5), h5py.ref_dtype)
            for index, value in enumerate(values):
                file[f"#refs#/{name}{index}"] = [[value]]
                references[0, index] = file[f"#refs#/{name}{index}"].ref
        file["x"], file["y"] = X[None], Y[None]
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + path.read_bytes()[512:])
    return path


@pytest.fixture
def hdf5(tmp_path):
    return write_hdf5(tmp_path / "a.dat")


@pytest.fixture(params=["7", "6", "7.3"])
def mat(tmp_path, request):
    path = tmp_path / "a.mat"
    return write_mat73(path) if request.param == "7.3" else write_mat(path, request.param == "7")


def is_read(locs):
    return (locs.table["x"].to_list(), locs.table["y"].to_list(), locs.table["frame"].to_list()) == (
        X.tolist(),
        Y.tolist(),
        list(range(5)),
    )


@pytest.mark.parametrize(("table", "names"), TABLES.values(), ids=TABLES)
def test_hdf5(hdf5, table, names):
    assert is_read(read(hdf5, names=names, unit="nm", table=table, max_refused_fraction=0))


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("a.b", {"x": "x", "y": "y", "frame": "frame"}),
        ("/a/b", {"x": "x", "y": "y", "frame": "frame"}),
        (None, {"x": "a.b.x", "y": "/a/b/y", "frame": "a.b.frame"}),
        ("locs", {"x": "x", "y": "y", "frame": "frame"}),
        ("matrix", {"x": 1, "y": 2, "frame": 3}),
        (None, {"x": "x", "y": "y", "frame": "a.b.frame"}),
    ],
)
def test_mat(mat, table, names):
    assert is_read(read(mat, names=names, unit="nm", table=table, max_refused_fraction=0))


def test_arrays_within_records(hdf5):
    locs = read(hdf5, names={"x": "X [nm]", "y": "y", "precision": "v/column_2"}, unit="nm", table="group/locs")

    assert locs.table["precision"].to_list() == (X / 50).tolist()


def test_names_of_the_columns(hdf5):
    columns = ColumnMap({"x": "X [nm]", "y": "y"}, unit="nm", table="group/locs")

    assert read_header(hdf5, columns).names == ("X [nm]", "y", "more/frame", "v/column_1", "v/column_2")


def test_what_holds_no_columns_is_passed_over(hdf5):
    with open_reader(hdf5) as reader:
        names = reader.header.names

    assert [name for name in names if "data" in name] == ["data/x", "data/y", "data/sub/frame"]
    assert not [name for name in names if name.startswith(("image", "wide", "text", "link", "elsewhere"))]


def test_a_part_that_is_not_there(hdf5, mat):
    names = {"x": "x", "y": "y"}
    with pytest.raises(
        DataError,
        match=r"columns\.table: .*a\.dat: expected columns at /locs; found .*/matrix \(5 x 3\).*"
        r"/data/x \(5\).*/group/locs \(5: X \[nm\], y, more, v, s\)",
    ):
        read(hdf5, names=names, unit="nm", table="/locs")
    with pytest.raises(DataError, match=r"columns\.table: .*a\.mat: .* at no; found .*matrix \(\d x \d\)"):
        read(mat, names=names, unit="nm", table="no")


def test_a_column_that_is_not_there(hdf5):
    with pytest.raises(DataError, match=r"columns\.names: .*expected the column '/data/z' \(y\); found .*'data/x'"):
        read(hdf5, names={"x": "data/x", "y": "/data/z"}, unit="nm")


@pytest.mark.parametrize("part", ["image", "wide", "text"])
def test_a_part_without_columns(hdf5, part):
    with pytest.raises(DataError, match=rf"columns\.table: .* at {part}; found .* A matrix has a row for"):
        read(hdf5, names={"x": "column_1", "y": "column_2"}, unit="nm", table=part)


def test_columns_of_several_lengths(hdf5):
    with pytest.raises(DataError, match=r"of one length; found 3 in other, 5 in data/x"):
        read(hdf5, names={"x": "data/x", "y": "other"}, unit="nm")


def test_the_user_is_asked_for_names_and_unit(hdf5, mat):
    for path, name in ((hdf5, "data/x"), (mat, "x")):
        with pytest.raises(DataError, match=rf"expected columns of a known software.*'{name}'.*columns=custom"):
            read(path)


def test_inspection_shows_columns_of_the_most_frequent_length(hdf5):
    found = inspect(hdf5, FileColumns(), 0)

    assert found.reader == "hdf5"
    assert found.rows == 5
    assert {"data/x", "group/locs/y", "matrix/column_3"} <= {column.source for column in found.columns}
    assert found.error
    assert found.notes == ("columns of 5 rows are shown; not shown: 1 of other lengths",)


def test_the_suggestion_of_inspect_reads_the_file(hdf5, mat, composed):
    for path, parts in ((hdf5, {"data"}), (mat, {"a.b", None})):
        suggestion = inspect(path, FileColumns(), 0).suggestion
        assert suggestion.table in parts
        settings = shlex.split(overrides(suggestion).replace("???", "nm"))
        columns = build(plain(composed("inspect", *settings, "source=a"))["columns"])
        assert read(path, columns).table["x"].to_list() == X.tolist()


def test_text_of_matlab_is_no_column(tmp_path):
    with open_reader(write_mat73(tmp_path / "a.mat"), "a.b") as reader:
        assert reader.header.names == ("frame", "x", "y")


def test_a_table_of_what_has_none(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")

    with pytest.raises(DataError, match=r"columns\.table: .*a\.csv: expected HDF5 or a MAT-file, of which t is a part"):
        read(tmp_path / "a.csv", unit="nm", table="t")


def test_a_part_of_a_known_file(tmp_path):
    # a table that the user names comes before what Picasso's reader would take
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["locs"] = np.zeros(3, [("x", "f4"), ("y", "f4")])
        file["drift"] = np.array([(1.0, 2.0)], [("x", "f4"), ("y", "f4")])

    assert read(tmp_path / "a.hdf5", unit="nm", table="drift").table.rows() == [(1.0, 2.0)]


def test_structures_that_are_no_columns(tmp_path):
    elements = np.array([(1.0, np.arange(3)), (2.0, np.arange(2))], [("x", object), ("ragged", object)])
    scipy.io.savemat(tmp_path / "a.mat", {"locs": elements, "cells": np.array([1.0, "a"], object)})

    with open_reader(tmp_path / "a.mat") as reader:
        assert reader.header.names == ("locs.x",)


def test_references_to_what_is_no_number(tmp_path):
    path = write_mat73(tmp_path / "a.mat")
    with h5py.File(path, "a") as file:
        file["#refs#/odd"] = [[1.0, 2.0]]
        file["locs/x"][0, 2] = file["#refs#/odd"].ref
        file["#refs#/empty"] = np.array([0, 0], "u8")
        file["#refs#/empty"].attrs["MATLAB_empty"] = np.uint8(1)
        file["locs/frame"][0, 1] = file["#refs#/empty"].ref

    names = {"x": "x", "y": "y"}
    with pytest.raises(DataError, match=r"a\.mat: .*/locs/x holds \(1, 2\) values where a number was to be"):
        read(path, names=names, unit="nm", table="locs")
    locs = read(path, names={"x": "frame", "y": "y"}, unit="nm", table="locs", max_refused_fraction=1)
    assert locs.refused == {"x is missing or not a finite number": 1}


def test_numpy_arrays(tmp_path):
    np.save(tmp_path / "matrix.npy", np.stack([X, Y, FRAME], axis=1))
    np.save(tmp_path / "records.npy", RECORDS)

    assert is_read(read(tmp_path / "matrix.npy", names={"x": 1, "y": 2, "frame": 3}, unit="nm"))
    assert is_read(read(tmp_path / "records.npy", names={"x": "X [nm]", "y": "y", "frame": "more/frame"}, unit="nm"))
    with pytest.raises(DataError, match=r"columns\.table: .*at a; found an array \(5 x 3\)"):
        read(tmp_path / "matrix.npy", names={"x": 1, "y": 2}, unit="nm", table="a")


@pytest.mark.parametrize("array", [np.zeros((2, 2, 2)), np.zeros((3, 30)), np.array(["a", "b"])])
def test_numpy_arrays_without_columns(tmp_path, array):
    np.save(tmp_path / "a.npy", array)

    with pytest.raises(DataError, match=r"a\.npy: expected arrays of numbers; found an array"):
        read(tmp_path / "a.npy")
