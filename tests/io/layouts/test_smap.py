"""SMAP: CSV with the names of its fields."""

import math

import pytest

from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.smap import recognise
from locgraph.io.read import read_localisations


def read(tmp_path, header, row):
    (tmp_path / "a.csv").write_text(f"{header}\n{row}\n")
    return read_localisations(tmp_path / "a.csv", FileColumns(), 0.0).table.row(0, named=True)


def test_what_it_exports_unasked(tmp_path):
    row = read(tmp_path, "xnm,ynm,znm,frame,locprecnm,phot,bg,layer", "10,20,30,5,7.5,900,2,1")

    expected = {"x": 10.0, "y": 20.0, "z": 30.0, "frame": 0, "photons": 900.0, "precision": 7.5, "background": 2.0}
    assert row == expected


def test_errors_along_each_axis(tmp_path):
    row = read(tmp_path, "xnm,ynm,xnmerr,ynmerr,znmerr,PSFxnm,PSFynm,channel", "10,20,3,4,9,120,160,1")

    assert row["precision"] == pytest.approx(math.sqrt(12.5))
    assert row["precision_z"] == 9.0
    assert row["sigma"] == pytest.approx(math.sqrt((120**2 + 160**2) / 2))
    assert row["channel"] == 1


def test_other_tables():
    assert recognise(["xnm", "y"], {}) is None
