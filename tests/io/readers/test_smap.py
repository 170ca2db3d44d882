"""SMAP: MATLAB 7.3, which is HDF5 with a block before it, and MATLAB 7, which is not."""

import h5py
import numpy as np
import polars as pl
import pytest
import scipy.io

from builders.io import accepted_by, table_of
from locgraph.errors import DataError
from locgraph.io.columns import FileColumns
from locgraph.io.read import read_header, read_localisations
from locgraph.io.readers.smap import SmapReader

FIELDS = {
    "xnm": [100.5, 200.0, 300.0],
    "ynm": [10.0, 20.0, 30.0],
    "znm": [-50.0, 0.0, 50.0],
    "frame": [1.0, 2.0, 7.0],
    "phot": [900.0, 800.0, 700.0],
    "bg": [5.0, 6.0, 7.0],
    "xnmerr": [3.0, 1.0, 1.0],
    "ynmerr": [4.0, 1.0, 1.0],
    "locprecnm": [9.0, 9.0, 9.0],
    "locprecznm": [20.0, 21.0, 22.0],
    "PSFxnm": [120.0, 130.0, 140.0],
    "channel": [0.0, 1.0, 0.0],
    "filenumber": [1.0, 1.0, 1.0],
    "LLrel": [-1.0, -2.0, -3.0],
}


def write_hdf5(path, fields):
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("saveloc/loc")
        for name, values in fields.items():
            stored = np.array(values, np.float32)[None]
            field = group.create_dataset(name, data=stored, compression="gzip")
            field.attrs["MATLAB_class"] = np.bytes_("single")
        # an empty array is kept as its size, with a mark
        empty = group.create_dataset("numberInGroup", data=np.zeros(2, np.uint64))
        empty.attrs["MATLAB_empty"] = np.uint8(1)
        group.create_dataset("two", data=np.zeros((2, 3)))
        file.create_dataset("saveloc/file/name", data=np.frombuffer(b"a\0.\0", np.uint16)[:, None])
    content = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(512) + content[512:])
    return path


def write_mat5(path, fields, compressed=True):
    table = {name: np.array(values)[:, None] for name, values in fields.items()} | {"two": np.zeros((3, 2))}
    content = {"saveloc": {"loc": table, "file": {"name": "a.tif"}}, "fileformat": {"name": "sml"}}
    scipy.io.savemat(path, content, do_compression=compressed)
    return path


WRITERS = [write_hdf5, write_mat5, lambda path, fields: write_mat5(path, fields, compressed=False)]


@pytest.fixture(params=WRITERS, ids=["7.3", "7", "6"])
def write(request, tmp_path):
    return lambda fields: request.param(tmp_path / "a_sml.mat", fields)


def test_nanometres(write):
    locs = read_localisations(write(FIELDS), FileColumns(), 0)

    assert locs.dimensions == 3
    assert locs.table.drop("precision").rows() == [
        (100.5, 10.0, -50.0, 0, 900.0, 20.0, 120.0, 5.0, 0),
        (200.0, 20.0, 0.0, 1, 800.0, 21.0, 130.0, 6.0, 1),
        (300.0, 30.0, 50.0, 6, 700.0, 22.0, 140.0, 7.0, 0),
    ]
    assert locs.table.columns == [
        *("x", "y", "z", "frame", "photons", "precision", "precision_z", "sigma", "background", "channel"),
    ]
    assert locs.table["precision"].to_list() == pytest.approx([np.sqrt(12.5), 1.0, 1.0])


def test_precision_where_there_is_none_for_each_axis(write):
    fields = {name: values for name, values in FIELDS.items() if name not in ("xnmerr", "ynmerr", "znm", "locprecznm")}
    fields |= {"PSFynm": [160.0, 130.0, 140.0]}

    locs = read_localisations(write(fields), FileColumns(), 0)

    assert locs.dimensions == 2
    assert locs.table["precision"].to_list() == [9.0, 9.0, 9.0]
    assert locs.table["sigma"].to_list() == pytest.approx([np.sqrt((120**2 + 160**2) / 2), 130.0, 140.0])


def test_only_what_is_asked_for(write):
    table, metadata = table_of(SmapReader, write(FIELDS), ["ynm"])

    assert table.cast(pl.Float64).to_dict(as_series=False) == {"ynm": [10.0, 20.0, 30.0]}
    assert metadata == {}


def test_several_files_in_one(write):
    path = write(FIELDS | {"filenumber": [1.0, 2.0, 1.0]})

    with pytest.raises(
        DataError,
        match=r"a_sml\.mat: expected the localisations of one file of SMAP; found those of 2 \(filenumber 1, 2\)",
    ):
        read_localisations(path, FileColumns(), 0)


def test_no_positions(write):
    path = write({name: values for name, values in FIELDS.items() if name != "ynm"})

    with pytest.raises(DataError, match=r"a_sml\.mat: expected columns of a known software, .* found the columns"):
        read_header(path, FileColumns())


def test_accepts_by_content(write, tmp_path):
    path = write(FIELDS)
    path = path.rename(tmp_path / "a.txt")
    scipy.io.savemat(tmp_path / "other.mat", {"loc": np.zeros((3, 3))})

    assert accepted_by(SmapReader, path)
    assert not accepted_by(SmapReader, tmp_path / "other.mat")
