"""Zeiss ELYRA: Latin-1 with settings behind a NUL byte, which no other table may have."""

import pytest

from locgraph.errors import DataError
from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.elyra import recognise
from locgraph.io.read import read_localisations

# the header of the test file of Locan
NAMES = (
    "Index\tFirst Frame\tNumber Frames\tFrames Missing\tPosition X [nm]\tPosition Y [nm]\tPrecision [nm]\t"
    "Number Photons\tBackground variance\tChi square\tPSF half width [nm]\tChannel\tZ Slice"
)
ROWS = (
    "1\t5\t2\t0\t15850.6\t23502.1\t12.5\t1890\t70\t1.1\t152.5\t1\t1\n2\t6\t1\t0\t100\t200\t20\t500\t60\t1\t150\t1\t1\n"
)
TAIL = "\nVoxelSizeX : 0.0970873786 µm\nVoxelSizeY : 0.0970873786 µm\nSizeX : 2560\nROI List : \n"


def read(tmp_path, text):
    (tmp_path / "a.txt").write_bytes(text.encode("latin-1"))
    return read_localisations(tmp_path / "a.txt", FileColumns(), 0.0)


def test_table_and_tail(tmp_path):
    found = read(tmp_path, f"{NAMES}\n{ROWS}\0{TAIL}")

    assert found.table.rows(named=True) == [
        {"x": 15850.6, "y": 23502.1, "frame": 0, "photons": 1890.0, "precision": 12.5, "n_frames": 2, "channel": 1},
        {"x": 100.0, "y": 200.0, "frame": 1, "photons": 500.0, "precision": 20.0, "n_frames": 1, "channel": 1},
    ]


def test_without_a_tail(tmp_path):
    assert read(tmp_path, f"{NAMES}\n{ROWS}").table.height == 2


def test_rows_behind_the_nul_are_not_lost_in_silence(tmp_path):
    with pytest.raises(DataError, match=r"a\.txt: .*a NUL byte at position \d+, and rows behind it such as '1\\t5"):
        read(tmp_path, f"{NAMES}\n{ROWS}\0\0\0\n{ROWS}")


def test_z():
    layout = recognise(["First Frame", "Position X [nm]", "Position Y [nm]", "Position Z [nm]"], {})

    assert layout.names["z"] == "Position Z [nm]"
    assert layout.units == dict.fromkeys("xyz", "nm")


def test_other_tables():
    assert recognise(["Position X [nm]", "Position Y [nm]"], {}) is None
