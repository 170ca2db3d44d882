"""storm-analysis: a group for each frame, pixels and micrometres in one file, drift apart."""

import h5py
import numpy as np
import pytest

from builders.io import accepted_by, header_of, table_of
from locgraph.errors import DataError
from locgraph.io.columns import FileColumns
from locgraph.io.read import read_localisations
from locgraph.io.readers.storm_analysis import StormAnalysisReader

FRAMES = {
    10: {"x": [30.0], "y": [3.0], "z": [0.3], "sum": [300.0], "background": [3.0], "xsigma": [1.5], "ysigma": [1.5]},
    2: {"x": [10.0, 20.0], "y": [1.0, 2.0], "z": [0.1, -0.2], "sum": [100.0, 200.0], "background": [1.0, 2.0]},
    4: {"x": [], "y": [], "z": [], "sum": [], "background": []},
}


def write(path, frames=FRAMES, drift=(0.0, 0.0, 0.0), pixel_size=160.0, tracks=False):
    with h5py.File(path, "w") as file:
        file.attrs.update({"sa_type": "3D-DAOSTORM", "version": 0.1, "movie_l": 20, "n_channels": 1})
        if pixel_size is not None:
            file.attrs["pixel_size"] = pixel_size
        for number, arrays in frames.items():
            group = file.create_group(f"fr_{number}")
            group.attrs.update(dict(zip(("dx", "dy", "dz"), drift, strict=True)) | {"n_locs": len(arrays["x"])})
            for name, values in arrays.items():
                group[name] = np.array(values, "f8")
        if tracks:
            file["tracks/tracks_0/x"] = [1.0]
        file["metadata.xml"] = ["<settings/>"]
    return path


def test_all_frames_in_order(tmp_path):
    locs = read_localisations(write(tmp_path / "a.hdf5"), FileColumns(leave_out=["sigma"]), 0)

    # frames 2, 2 and 10, of which the first becomes 0; z in micrometres
    assert locs.table.columns == ["x", "y", "z", "frame", "photons", "background"]
    assert locs.table.rows() == [
        (1600.0, 160.0, 100.0, 0, 100.0, 1.0),
        (3200.0, 320.0, -200.0, 0, 200.0, 2.0),
        (4800.0, 480.0, 300.0, 8, 300.0, 3.0),
    ]
    assert locs.notes == ()
    assert locs.metadata == {"pixel_size": "160"}


def test_what_a_frame_lacks_is_missing(tmp_path):
    table, _ = table_of(StormAnalysisReader, write(tmp_path / "a.hdf5"), ["xsigma", "x"])

    assert table.columns == ["x", "xsigma"]
    assert table["xsigma"].to_list() == [None, None, 1.5]


def test_drift_is_corrected(tmp_path):
    locs = read_localisations(write(tmp_path / "a.hdf5", {2: FRAMES[2]}, (0.5, -1.0, 0.01)), FileColumns(), 0).table

    assert locs.rows()[0][:3] == pytest.approx((1680.0, 0.0, 110.0))


def test_averages_are_passed_over(tmp_path):
    locs = read_localisations(write(tmp_path / "a.hdf5", {2: FRAMES[2]}, tracks=True), FileColumns(), 0)

    assert locs.notes == (
        "the localisations of single frames are read; not read: their averages over frames (/tracks)",
    )


def test_no_size_of_a_pixel(tmp_path):
    path = write(tmp_path / "a.hdf5", {2: FRAMES[2]}, pixel_size=None)

    with pytest.raises(DataError, match=r"storm-analysis gives x, y in camera pixels; .* its pixel_size"):
        read_localisations(path, FileColumns(), 0)
    assert read_localisations(path, FileColumns(pixel_size_nm=100), 0).table["x"].to_list() == [1000, 2000]


def test_no_frames(tmp_path):
    with pytest.raises(DataError, match=r"a\.hdf5: expected the column 'x'"):
        read_localisations(write(tmp_path / "a.hdf5", {}), FileColumns(), 0)


def test_arrays_of_other_lengths_and_foreign_frames(tmp_path):
    path = write(tmp_path / "a.hdf5", {2: FRAMES[2] | {"sum": [1.0]}})
    with pytest.raises(DataError, match=r"/fr_2/sum has not the 2 values of its frame"):
        read_localisations(path, FileColumns(), 0)

    with h5py.File(path, "a") as file:
        file["fr_3"] = h5py.ExternalLink("b.hdf5", "/fr_2")
    with pytest.raises(DataError, match="fr_3 is no group of this file"):
        header_of(StormAnalysisReader, path)


def test_accepts_by_content(tmp_path):
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file["fr_0/x"] = [1.0]

    assert accepted_by(StormAnalysisReader, write(tmp_path / "a.txt"))
    assert not accepted_by(StormAnalysisReader, tmp_path / "b.hdf5")


def test_real_file(test_data):
    path = test_data / "cases" / "zhuang_test_ref.hdf5"

    locs = read_localisations(path, FileColumns(), 0)

    with h5py.File(path) as file:
        x = file["fr_0/x"][:].astype(float)
    assert locs.table.height == 200
    assert locs.refused == {}
    assert locs.table["x"].to_list() == pytest.approx((100 * x).tolist())
    assert locs.table["sigma"].to_list() == [150.0] * 200
    assert locs.table["photons"].to_list() == [10_000.0] * 200
