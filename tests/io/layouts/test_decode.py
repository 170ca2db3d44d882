"""DECODE: the unit stands in the comments, or the table is not known."""

import json
import math

import pytest

from locgraph.errors import DataError
from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.decode import recognise
from locgraph.io.read import read_localisations

NAMES = "x,y,z,phot,frame_ix,id,prob,bg,phot_cr,phot_sig,bg_cr,bg_sig,x_cr,y_cr,z_cr,x_sig,y_sig,z_sig"
ROW = "10,20,-300,900,7,-1,0.9,12,5,6,7,8,0.01,0.04,400,0.1,0.2,25"


def comments(xy_unit="px", px_size=(100.0, 100.0), more=()):
    meta = json.dumps({"xy_unit": xy_unit, "px_size": px_size and list(px_size)})
    return "\n".join(["# DECODE EmitterSet", '# {"version": "v0.10.0"}', f"# {meta}", *more])


def read(tmp_path, before, header=NAMES, row=ROW, **settings):
    (tmp_path / "a.csv").write_text(f"{before}\n{header}\n{row}\n" if before else f"{header}\n{row}\n")
    return read_localisations(tmp_path / "a.csv", FileColumns(**settings), 0.0)


def test_pixels(tmp_path):
    row = read(tmp_path, comments()).table.row(0, named=True)

    assert row == {
        "x": 1000.0,
        "y": 2000.0,
        "z": -300.0,
        "frame": 0,
        "photons": 900.0,
        "precision": pytest.approx(100 * math.sqrt((0.1**2 + 0.2**2) / 2)),
        "precision_z": 25.0,
        "background": 12.0,
    }


def test_nanometres_and_a_fourth_comment(tmp_path):
    row = read(tmp_path, comments("nm", None, ["# fields not set/null: []"])).table.row(0, named=True)

    assert (row["x"], row["y"], row["z"]) == (10.0, 20.0, -300.0)


def test_bounds_of_the_variance(tmp_path):
    found = read(tmp_path, comments(), "x,y,z,phot,frame_ix,x_cr,y_cr,z_cr", "10,20,30,900,7,0.01,0.04,400")

    row = found.table.row(0, named=True)
    assert row["precision"] == pytest.approx(100 * math.sqrt((0.01 + 0.04) / 2))
    assert row["precision_z"] == 20.0


def test_pixels_without_a_size(tmp_path):
    with pytest.raises(DataError, match=r"DECODE gives x, y, precision in camera pixels; .*third comment \(px_size\)"):
        read(tmp_path, comments("px", None))
    assert read(tmp_path, comments("px", None), pixel_size_nm=50).table["x"].item() == 500.0


def test_pixels_that_are_not_square(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv: expected square pixels; DECODE says .* 127\.0 x 117\.0 nm"):
        read(tmp_path, comments("px", (127.0, 117.0)))
    with pytest.raises(DataError, match=r"they are 100 x 100 x 100 nm"):
        read(tmp_path, comments("px", (100, 100, 100)))
    assert read(tmp_path, comments("nm", (127.0, 117.0))).table["x"].item() == 10.0


@pytest.mark.parametrize("before", [comments(None, None), "# DECODE EmitterSet\n# {\n# []"])
def test_no_unit(tmp_path, before):
    with pytest.raises(DataError, match=r"a\.csv: expected xy_unit nm or px .*found None\. Set columns=custom"):
        read(tmp_path, before)


def test_without_comments_the_unit_is_not_known(tmp_path):
    assert recognise(NAMES.split(","), {}) is None
    with pytest.raises(DataError, match="expected columns of a known software"):
        read(tmp_path, "")
