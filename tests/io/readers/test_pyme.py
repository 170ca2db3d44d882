"""PYME: nested results of fits, and flat exports, in nm."""

import h5py
import numpy as np
import pytest

from builders.io import accepted_by, header_of
from locgraph.io.columns import FileColumns
from locgraph.io.read import read_localisations
from locgraph.io.readers.pyme import PymeReader

FIT = [("A", "<f4"), ("x0", "<f4"), ("y0", "<f4"), ("sigma", "<f4"), ("background", "<f4")]
NESTED = np.array(
    [
        (7, (90.0, 100.5, -200.0, 110.0, 3.0), (9.0, 3.0, 4.0, 2.0, 1.0), 1, [(0, 5, 0), (3, 8, 1)]),
        (9, (80.0, 300.5, 250.0, 120.0, 3.0), (9.0, 6.0, 8.0, 2.0, 1.0), 1, [(0, 5, 0), (3, 8, 1)]),
    ],
    [
        *(("tIndex", "<i4"), ("fitResults", FIT), ("fitError", FIT), ("resultCode", "<i4")),
        ("slicesUsed", [("start", "<i4"), ("stop", "<i4"), ("step", "<i4")], (2,)),
    ],
)
FLAT = np.array(
    [(100.0, 200.0, -5.0, 110.0, 3.0, 4.0, 12.0, 3.0), (101.0, 201.0, 5.0, 110.0, 3.0, 4.0, 12.0, 4.0)],
    [(name, "<f4") for name in ("x", "y", "z", "sig", "error_x", "error_y", "error_z", "t")],
)


def write(path, name, records, metadata=True, **options):
    with h5py.File(path, "w") as file:
        if metadata:
            file.create_group("MetaData/Camera")
        file.create_dataset(name, data=records, **options)
    return path


def test_results_of_fits(tmp_path):
    path = write(tmp_path / "a.h5r", "FitResults", NESTED, chunks=(1,), compression="gzip", shuffle=True)

    locs = read_localisations(path, FileColumns(), 0)

    assert header_of(PymeReader, path).layout.software == "PYME"
    assert locs.table.columns == ["x", "y", "frame", "precision", "sigma"]
    assert locs.table["x"].to_list() == [100.5, 300.5]
    assert locs.table["frame"].to_list() == [0, 2]
    assert locs.first_frame == 7
    assert locs.table["precision"].to_list() == pytest.approx([np.sqrt(12.5), np.sqrt(50)])
    assert locs.table["sigma"].to_list() == [110, 120]


def test_exports(tmp_path):
    locs = read_localisations(write(tmp_path / "a.hdf", "Localizations", FLAT), FileColumns(), 0)

    assert locs.table.columns == ["x", "y", "z", "frame", "precision", "precision_z", "sigma"]
    assert locs.table.row(1) == (101.0, 201.0, 5.0, 1, pytest.approx(np.sqrt(12.5)), 12.0, 110.0)


def test_of_both_tables_the_export_is_read(tmp_path):
    path = write(tmp_path / "a.hdf", "FitResults", NESTED)
    with h5py.File(path, "a") as file:
        file["Localizations"] = FLAT

    assert read_localisations(path, FileColumns(), 0).table["x"].to_list() == [100.0, 101.0]


def test_accepts_by_content(tmp_path):
    assert accepted_by(PymeReader, write(tmp_path / "a.dat", "Localizations", FLAT))
    assert not accepted_by(PymeReader, write(tmp_path / "b.hdf", "Localizations", FLAT, metadata=False))
    assert not accepted_by(PymeReader, write(tmp_path / "c.hdf", "Localizations", np.zeros((3, 2))))
    assert not accepted_by(PymeReader, write(tmp_path / "d.hdf", "Other", FLAT))


def test_real_file(test_data):
    path = test_data / "cases" / "pyme_test_hdf.hdf"

    locs = read_localisations(path, FileColumns(), 0)

    with h5py.File(path) as file:
        records = file["Localizations"][:]
    assert locs.table.height == 4281
    assert locs.refused == {}
    for name in ("x", "y", "z"):
        assert locs.table[name].to_list() == records[name].astype(float).tolist()
    expected = np.sqrt((records["error_x"].astype(float) ** 2 + records["error_y"].astype(float) ** 2) / 2)
    assert locs.table["precision"].to_numpy() == pytest.approx(expected)
    assert (locs.table["frame"] + locs.first_frame).to_list() == records["t"].astype(int).tolist()
