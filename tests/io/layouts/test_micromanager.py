"""Micro-Manager: text with two header lines, and tables of ImageJ."""

import pytest

from locgraph.errors import DataError
from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.micromanager import recognise
from locgraph.io.read import read_localisations

# as saveDataAsText writes them
SAID = (
    "application_id: 1\tname: spots: 2\tfilepath: \tnr_pixels_x: 512\tpixel_size: 106.0\tlocation_units: {}\t"
    "intensity_units: PHOTONS\tfit_mode: 1\tis_track: false\thas_Z: true"
)
NAMES = "molecule\tchannel\tframe\tslice\tpos\tx\ty\tintensity\tbackground\twidth\ta\ttheta\tx_position\ty_position\t"


def read(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    return read_localisations(tmp_path / "a.txt", FileColumns(), 0.0)


@pytest.mark.parametrize("mark", [".", ","])
def test_saved_text(tmp_path, mark):
    row = f"3\t1\t3\t1\t1\t100{mark}25\t200{mark}50\t850{mark}00\t12\t300\t1\t0\t9\t8\t7{mark}125\t-40{mark}00\n"

    found = read(tmp_path, f"{SAID.format('NM')}\n{NAMES}x_precision\tz\n{row}")

    assert found.table.row(0, named=True) == {
        "x": 100.25,
        "y": 200.5,
        "z": -40.0,
        "frame": 0,
        "photons": 850.0,
        "precision": 7.125,
        "background": 12.0,
        "channel": 1,
    }


def test_another_unit(tmp_path):
    with pytest.raises(DataError, match="expected columns of a known software"):
        read(tmp_path, f"{SAID.format('PIXELS')}\n{NAMES}x_precision\n" + "\t".join("1" * 15) + "\n")


def test_table_of_imagej(tmp_path):
    found = read(tmp_path, " \tFrame\tChannel\tX(nm)\tY(nm)\tInt(photons)\tSigma(nm)\n1\t2\t1\t10\t20\t300\t4\n")

    expected = {"x": 10.0, "y": 20.0, "frame": 0, "photons": 300.0, "precision": 4.0, "channel": 1}
    assert found.table.row(0, named=True) == expected


def test_nautical_miles_are_not_meant():
    assert recognise(["Time(sec)", "X(nm)", "Y(nm)", "Alt(ft)"], {}) is None
