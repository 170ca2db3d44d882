"""Columns as files state them, and what they do not state."""

import json
import pickle

import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import FileColumns
from locgraph.io.header import Header, Layout
from locgraph.io.read import read_header, read_localisations

NAMES = {"x": "X", "y": "Y", "z": "Z", "precision": ("lpx", "lpy"), "photons": "N"}
IN_NM = {"x": "nm", "y": "nm", "z": "nm", "precision": "nm"}
IN_PX = {"x": "px", "y": "px", "z": "nm", "precision": "px"}


def header(units, names=NAMES, **about):
    return Header(("X", "Y", "Z", "lpx", "lpy", "N"), {}, Layout("Soft", names, units, **about))


def test_names_and_units_of_the_layout():
    columns = FileColumns().for_file(header({**IN_NM, "z": "um"}), "a.csv")

    assert columns.names == NAMES
    assert [columns.nm_per_unit(name) for name in ("x", "y", "z", "precision")] == [1.0, 1.0, 1000.0, 1.0]
    assert columns.required == ("x", "y")


def test_what_is_left_out():
    columns = FileColumns(leave_out=["z", "precision"]).for_file(header(IN_NM), "a.csv")

    assert set(columns.names) == {"x", "y", "photons"}


def test_channels_are_handed_on():
    assert FileColumns(channels=[561, 647]).for_file(header(IN_NM), "a.csv").channels == ("561", "647")


@pytest.mark.parametrize(
    ("written", "given", "size"), [(130.0, None, 130.0), (None, 117, 117.0), (130.0, 130, 130.0), (130.0, 130.0, 130.0)]
)
def test_size_of_a_pixel(written, given, size):
    columns = FileColumns(pixel_size_nm=given).for_file(header(IN_PX, pixel_size_nm=written), "a.csv")

    assert columns.nm_per_unit("x") == columns.nm_per_unit("precision") == size
    assert columns.nm_per_unit("z") == 1.0


def test_a_size_that_no_length_needs_does_no_harm():
    columns = FileColumns(pixel_size_nm=117).for_file(header(IN_NM), "a.csv")

    assert columns.pixel_size_nm is None
    assert columns.nm_per_unit("x") == 1.0


def test_no_layout():
    with pytest.raises(
        DataError,
        match=r"a\.csv: expected columns of a known software, with their units; found the columns 'x', 'y'\. "
        r"Choose 'nm' for columns called x, y, \.\.\. in nanometres, else 'custom' with names and unit",
    ):
        FileColumns().for_file(Header(("x", "y")), "a.csv")
    with pytest.raises(DataError, match="found the columns none"):
        FileColumns().for_file(Header(()), "a.csv")


@pytest.mark.parametrize(
    ("about", "given", "message"),
    [
        (
            {},
            None,
            r"pixel_size_nm: a\.csv: Soft gives x, y, precision in camera pixels; .*the settings of the camera or here",
        ),
        ({"pixel_size_from": "a.yaml"}, None, r"expected their size in a\.yaml or here"),
        (
            {"pixel_size_nm": 130.0},
            117,
            r"one size .*found 130 nm in the file and 117 nm here\. Set it to null",
        ),
        ({"pixel_size_nm": 0.0}, None, r"expected a positive size of a camera pixel in nm; found 0\.0"),
        ({"pixel_size_nm": float("nan")}, 117, "expected a positive size .* found nan"),
        ({"trouble": "its pixels are oblong"}, 117, r"a\.csv: its pixels are oblong"),
    ],
)
def test_files_that_cannot_be_read(about, given, message):
    with pytest.raises(DataError, match=message):
        FileColumns(pixel_size_nm=given).for_file(header(IN_PX, **about), "a.csv")


def test_positions_in_pixels_cannot_be_left_out():
    with pytest.raises(DataError) as error:
        FileColumns().for_file(header(IN_PX), "a.csv")
    assert "leave_out" not in str(error.value)
    with pytest.raises(DataError, match=r"leave_out=\[precision\]$"):
        FileColumns().for_file(header({**IN_NM, "precision": "px"}), "a.csv")


def test_a_unit_that_is_not_known():
    units = {**IN_NM, "z": "inch", "precision": "mm^2"}
    with pytest.raises(
        DataError, match=r"a\.csv: expected lengths in nm, um, m, px; found 'inch' for z, 'mm\^2' for precision"
    ):
        FileColumns().for_file(header(units), "a.csv")
    assert FileColumns(leave_out=["z", "precision"]).for_file(header(units), "a.csv").unit_of("x") == "nm"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pixel_size_nm": 0}, r"pixel_size_nm: expected a positive number; found 0"),
        ({"pixel_size_nm": float("nan")}, r"pixel_size_nm: expected a positive number; found nan"),
        ({"leave_out": ["x"]}, r"leave_out: expected some of z, frame, .*; found x"),
        ({"leave_out": ["colour"]}, r"leave_out: .*found colour"),
        ({"channels": ["a", "a"]}, r"channels: expected each name once; found a again"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        FileColumns(**settings)


def test_files_of_several_kinds_side_by_side(tmp_path):
    table = pl.DataFrame({"x": [1.0], "y": [2.0]})
    table.write_parquet(tmp_path / "a.parquet", metadata={"units": json.dumps({"x": "um", "y": "um"})})
    table.rename({"x": "x [nm]", "y": "y [nm]"}).write_csv(tmp_path / "b.csv")
    table.rename({"x": "X (pix)", "y": "Y (pix)"}).write_csv(tmp_path / "c.csv", separator="\t")
    columns = FileColumns(pixel_size_nm=100)

    rows = [read_localisations(path, columns, 0.0).table.row(0) for path in sorted(tmp_path.iterdir())]

    assert rows == [(1000.0, 2000.0), (1.0, 2.0), (100.0, 200.0)]


def test_a_column_that_is_there_twice(tmp_path):
    (tmp_path / "a.csv").write_text("x [nm],y [nm],x [nm]\n1,2,3\n")

    with pytest.raises(DataError, match=r"a\.csv: expected the column 'x \[nm\]' once; found it twice"):
        read_header(tmp_path / "a.csv", FileColumns())


def test_goes_to_other_processes():
    columns = pickle.loads(pickle.dumps(FileColumns(117.0, ["z"], ["a"])))

    assert columns.for_file(header(IN_PX), "a.csv").pixel_size_nm == 117.0
