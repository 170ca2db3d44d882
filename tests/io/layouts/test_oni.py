"""ONI Nanoimager: nm where they are, pixels where not."""

import math

import pytest

from locgraph.errors import DataError
from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.oni import recognise
from locgraph.io.read import read_localisations

# the columns that NimOS can export, as named in "Features of ONI data" of locpix-points
FULL = (
    "Channel,Frame,X (nm),Y (nm),Z (nm),X precision (nm),Y precision (nm),X (pix),Y (pix),Z (pix),X precision (pix),"
    "Y precision (pix),Photons,Background,PSF Sigma X (pix),PSF Sigma Y (pix),Sigma X var,Sigma Y var,p-value"
)
ROW = "1,7,1170,2340,50,6,8,10,20,0.4,0.05,0.07,900,2.5,1,1.4,0.1,0.3,0.75"


def read(tmp_path, header, row, columns):
    (tmp_path / "a.csv").write_text(f"{header}\n{row}\n")
    return read_localisations(tmp_path / "a.csv", columns, 0.0).table.row(0, named=True)


def test_everything(tmp_path):
    row = read(tmp_path, FULL, ROW, FileColumns(pixel_size_nm=117))

    assert row == {
        "x": 1170.0,
        "y": 2340.0,
        "z": 50.0,
        "frame": 0,
        "photons": 900.0,
        "precision": pytest.approx(math.sqrt((6**2 + 8**2) / 2)),
        "sigma": pytest.approx(117 * math.sqrt((1 + 1.4**2) / 2)),
        "background": 2.5,
        "sigma_variance": pytest.approx(math.sqrt((0.1**2 + 0.3**2) / 2)),
        "p_value": 0.75,
        "channel": 1,
    }


def test_pixels_alone(tmp_path):
    row = read(tmp_path, "Frame,X (pix),Y (pix),X precision (pix)", "1,10,20,0.1", FileColumns(pixel_size_nm=117))

    assert row == {"x": 1170.0, "y": 2340.0, "frame": 0, "precision": pytest.approx(11.7)}


def test_nm_are_preferred_as_a_pair():
    layout = recognise(["X (nm)", "X (pix)", "Y (pix)"], {})

    assert layout.names == {"x": "X (pix)", "y": "Y (pix)"}
    assert layout.units == {"x": "px", "y": "px"}


def test_a_width_in_pixels_needs_their_size_or_is_left_out(tmp_path):
    with pytest.raises(
        DataError,
        match=r"a\.csv: ONI Nanoimager gives sigma in camera pixels; expected their size in the settings of NimOS or "
        r"in columns\.pixel_size_nm; found neither.*columns\.leave_out=\[sigma\]",
    ):
        read(tmp_path, FULL, ROW, FileColumns())
    assert "sigma" not in read(tmp_path, FULL, ROW, FileColumns(leave_out=["sigma"]))


@pytest.mark.parametrize("names", [["X (nm)"], ["x (nm)", "y (nm)"], ["X (nm)", "Y (pix)"]])
def test_other_tables(names):
    assert recognise(names, {}) is None


def test_real_file(test_data):
    found = read_localisations(test_data / "formats" / "oni_nanoimager_dstorm.csv", FileColumns(), 0.0)

    assert found.table.height == 14
    assert found.dimensions == 2
    assert found.notes == ("z is 0 everywhere: read in 2D",)
    assert found.table.row(0, named=True) == {
        "x": 40918.949219,
        "y": 56104.691406,
        "frame": 1548,
        "photons": 139.828232,
        "background": 0.8485,
        "channel": 0,
    }
    assert found.table["channel"].to_list() == [0] * 9 + [1] * 5
