"""Picasso's text for NIS-Elements: positions alone, for the other columns may stand below wrong names."""

import pytest

from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.nis import recognise
from locgraph.io.read import read_localisations


def test_positions(tmp_path):
    path = tmp_path / "a.nis.txt"
    path.write_bytes(b"X\tY\tZ\tChannel\tWidth\tBG\tLength\tArea\tFrame\r\n10.50\t20.25\t-3\t1\t130\t5\t1\t900\t7\r\n")

    found = read_localisations(path, FileColumns(), 0.0)

    assert found.table.rows(named=True) == [{"x": 10.5, "y": 20.25, "z": -3.0}]


def test_two_dimensions():
    layout = recognise(["X", "Y", "Channel", "Width", "BG", "Length", "Area", "Frame"], {})

    assert layout.names == {"x": "X", "y": "Y"}
    assert layout.units == {"x": "nm", "y": "nm"}


@pytest.mark.parametrize("names", [["X", "Y"], ["X", "Y", "Channel", "Width", "BG", "Length", "Area", "Frame", "Zc"]])
def test_other_tables(names):
    assert recognise(names, {}) is None
