"""DECODE: pixels or nanometres, two or three sides of a pixel, and what was not estimated."""

import h5py
import numpy as np
import pytest

from builders.io import accepted_by, table_of
from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.read import read_header, read_localisations
from locgraph.io.readers.decode import DecodeReader

XYZ = np.array([[1.0, 2.0, -300.0], [4.0, 0.5, 150.0]], "f4")
EMPTY = h5py.Empty("f")


def write(path, meta=None, **changed):
    """A file as ``save_h5`` of DECODE writes it."""
    values = {
        "xyz": XYZ,
        "xyz_sig": np.array([[0.3, 0.4, 20.0], [0.1, 0.1, 30.0]], "f4"),
        "xyz_cr": EMPTY,
        "phot": np.array([900.0, 100.0], "f4"),
        "phot_cr": EMPTY,
        "phot_sig": EMPTY,
        "frame_ix": np.array([5, 9]),
        "id": np.array([-1, -1]),
        "prob": np.array([0.9, 0.8], "f4"),
        "bg": np.array([12.0, 10.0], "f4"),
        "bg_cr": EMPTY,
        "bg_sig": EMPTY,
    } | changed
    with h5py.File(path, "w") as file:
        attributes = {"xy_unit": "px", "px_size": np.array([100.0, 100.0], "f4")} if meta is None else meta
        file.create_group("meta").attrs.update(attributes)
        file.create_group("decode").attrs.update({"version": "v0.10.2"})
        group = file.create_group("data")
        for name, content in values.items():
            if content is not None:
                group.create_dataset(name, data=content)
    return path


def test_pixels(tmp_path):
    locs = read_localisations(write(tmp_path / "a.h5"), FileColumns(), 0)

    assert locs.table.columns == ["x", "y", "z", "frame", "photons", "precision", "precision_z", "background"]
    assert locs.table.row(0)[:5] == (100.0, 200.0, -300.0, 0, 900.0)
    assert locs.table["precision"][0] == pytest.approx(100 * np.sqrt((0.3**2 + 0.4**2) / 2), rel=1e-6)
    assert locs.table["precision_z"].to_list() == [20.0, 30.0]
    assert locs.table["frame"].to_list() == [0, 4]
    assert locs.metadata == {"xy_unit": "px", "px_size": "100.0, 100.0"}


def test_nanometres(tmp_path):
    path = write(tmp_path / "a.h5", {"xy_unit": "nm", "px_size": np.array([100.0, 100.0], "f4")})

    assert read_localisations(path, FileColumns(), 0).table.row(0)[:3] == (1.0, 2.0, -300.0)


def test_pixels_that_are_not_square(tmp_path):
    path = write(tmp_path / "a.h5", {"xy_unit": "px", "px_size": np.array([127.0, 116.0])})

    locs = read_localisations(path, FileColumns(), 0)

    assert locs.table.row(0)[:3] == (127.0, 232.0, -300.0)
    expected = np.sqrt(((0.3 * 127) ** 2 + (0.4 * 116) ** 2) / 2)
    assert locs.table["precision"][0] == pytest.approx(expected, rel=1e-6)


def test_a_third_side_scales_z(tmp_path):
    path = write(tmp_path / "a.h5", {"xy_unit": "px", "px_size": np.array([100.0, 100.0, 2.0])})

    locs = read_localisations(path, FileColumns(), 0).table

    assert locs.row(0)[:3] == (100.0, 200.0, -600.0)
    assert locs["precision_z"].to_list() == [40.0, 60.0]


def test_bounds_are_variances(tmp_path):
    variances = np.array([[0.09, 0.16, 400.0], [0.01, 0.01, 900.0]], "f4")
    path = write(tmp_path / "a.h5", xyz_sig=EMPTY, xyz_cr=variances)

    locs = read_localisations(path, FileColumns(), 0).table

    assert locs["precision"].to_numpy() == pytest.approx([100 * np.sqrt(0.125), 10.0], rel=1e-6)
    assert locs["precision_z"].to_numpy() == pytest.approx([20.0, 30.0], rel=1e-6)

    path = write(
        tmp_path / "b.h5", {"xy_unit": "px", "px_size": np.array([100.0, 200.0])}, xyz_sig=EMPTY, xyz_cr=variances
    )
    expected = np.sqrt((0.09 * 100**2 + 0.16 * 200**2) / 2)
    assert read_localisations(path, FileColumns(), 0).table["precision"][0] == pytest.approx(expected, rel=1e-6)


def test_nothing_estimated(tmp_path):
    path = write(tmp_path / "a.h5", xyz_sig=EMPTY, bg=np.full(2, np.nan, "f4"))

    header = read_header(path, FileColumns())
    locs = read_localisations(path, FileColumns(), 0)

    assert header.names == ("x", "y", "z", "phot", "frame_ix", "id", "prob", "bg")
    assert locs.table.columns == ["x", "y", "z", "frame", "photons"]
    assert locs.table.height == 2


def test_some_background_missing(tmp_path):
    path = write(tmp_path / "a.h5", bg=np.array([np.nan, 3.0], "f4"))

    assert read_localisations(path, FileColumns(), 0.5).refused == {"background is missing or not a finite number": 1}


def test_in_a_plane(tmp_path):
    path = write(tmp_path / "a.h5", xyz=XYZ * np.array([1, 1, 0], "f4"))

    locs = read_localisations(path, FileColumns(leave_out=["precision_z"]), 0)

    assert locs.dimensions == 2


def test_no_size_of_a_pixel(tmp_path):
    path = write(tmp_path / "a.h5", {"xy_unit": "px"})

    with pytest.raises(DataError, match=r"a\.h5: DECODE gives x, y, precision in camera pixels; .* /meta \(px_size\)"):
        read_localisations(path, FileColumns(), 0)
    assert read_localisations(path, FileColumns(pixel_size_nm=50), 0).table["x"].to_list() == [50.0, 200.0]


@pytest.mark.parametrize("meta", [{}, {"xy_unit": "um"}])
def test_no_known_unit(tmp_path, meta):
    path = write(tmp_path / "a.h5", meta)

    with pytest.raises(
        DataError, match=r"a\.h5: expected xy_unit nm or px in /meta; found neither\. Give names and unit"
    ):
        read_header(path, FileColumns())
    columns = ColumnMap({"x": "x", "y": "y"}, unit="um")
    assert read_localisations(path, columns, 0).table["x"].to_list() == [1000.0, 4000.0]


def test_only_what_is_asked_for(tmp_path):
    table, _ = table_of(DecodeReader, write(tmp_path / "a.h5"), ["y", "phot", "z_sig"])

    assert table.to_dict(as_series=False) == {"y": [2.0, 0.5], "z_sig": [20.0, 30.0], "phot": [900.0, 100.0]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"phot": np.zeros(3)}, r"/data/phot has the shape \(3,\) where there are 2 emitters"),
        ({"xyz": np.zeros((2, 3, 1))}, r"/data/xyz has the shape"),
        ({"xyz_sig": np.zeros((3, 3))}, r"/data/xyz_sig has the shape"),
    ],
)
def test_datasets_that_do_not_fit(tmp_path, changed, message):
    with pytest.raises(DataError, match=rf"a\.h5: expected a whole HDF5 file; .*{message}"):
        read_header(write(tmp_path / "a.h5", **changed), FileColumns())


def test_strange_size_of_a_pixel(tmp_path):
    path = write(tmp_path / "a.h5", {"xy_unit": "px", "px_size": [1.0]})

    with pytest.raises(DataError, match="px_size has 1 values"):
        read_header(path, FileColumns())


def test_accepts_by_content(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = XYZ

    assert accepted_by(DecodeReader, write(tmp_path / "a.dat"))
    assert not accepted_by(DecodeReader, write(tmp_path / "b.h5", frame_ix=None))
    assert not accepted_by(DecodeReader, tmp_path / "other.h5")
