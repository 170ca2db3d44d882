"""Columns: names, units and types at the door, as settings or as files state them."""

import json
import math
import pickle

import polars as pl
import pytest

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import ColumnMap, FileColumns, MissingColumnsError
from locgraph.io.header import Header, Layout
from locgraph.io.read import read_header, read_localisations

NAMES = {"x": "X", "y": "Y"}


def convert(columns, **table):
    return columns.to_canonical(pl.DataFrame(table), "a.csv")


def test_columns_are_picked_and_renamed_in_schema_order():
    table = convert(ColumnMap({**NAMES, "photons": "N", "z": "absent"}, unit="nm"), other=[0], N=[7], Y=[2.0], X=[1.0])

    assert table.columns == ["x", "y", "photons"]
    assert table.rows() == [(1.0, 2.0, 7.0)]


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1.0), ("um", 1e3), ("m", 1e9)])
def test_lengths_become_nanometres_and_photons_do_not(unit, factor):
    columns = ColumnMap({**NAMES, "precision": "lp", "photons": "N"}, unit=unit)

    row = convert(columns, X=[1.5], Y=[-2.0], lp=[0.5], N=[700]).row(0)

    assert row == pytest.approx((1.5 * factor, -2.0 * factor, 700, 0.5 * factor))


def test_pixels_and_nanometres_in_one_table():
    # Picasso: x, y in pixels, z in nm
    columns = ColumnMap({**NAMES, "z": "Z"}, unit="px", pixel_size_nm=130.0, units={"z": "nm"})

    assert convert(columns, X=[2.0], Y=[3.0], Z=[50.0]).row(0) == pytest.approx((260.0, 390.0, 50.0))


def test_float32_is_widened_before_it_is_scaled():
    table = pl.DataFrame({"X": [0.1], "Y": [0.1]}, schema={"X": pl.Float32, "Y": pl.Float32})

    x = ColumnMap(NAMES, unit="px", pixel_size_nm=1e6).to_canonical(table, "a.parquet")["x"]

    assert x.dtype == pl.Float64
    assert x[0] == float(table["X"][0]) * 1e6


def test_text_is_cast_and_what_is_no_number_is_null():
    columns = ColumnMap({**NAMES, "frame": "F"}, unit="nm")

    table = convert(columns, X=[" 1.5", "2e3", "abc"], Y=["1", "nan", ""], F=["3.0", "4.0", "?"])

    assert table["x"].to_list() == [1.5, 2000.0, None]
    assert math.isnan(table["y"][1])
    assert table["y"][2] is None
    assert table["frame"].to_list() == [3, 4, None]


def test_every_mapped_type_is_that_of_the_schema():
    names = {name: name for name in schema.LOCALISATION_COLUMNS if name not in ("view", "cluster_id")}
    table = pl.DataFrame({name: [1] for name in names}, schema=dict.fromkeys(names, pl.Int32))

    canonical = ColumnMap(names, unit="nm").to_canonical(table, "a.parquet")

    assert dict(canonical.schema) == {name: schema.LOCALISATION_COLUMNS[name].dtype for name in canonical.columns}


def test_variances_become_standard_deviations():
    columns = ColumnMap(
        {**NAMES, "precision": "v", "sigma": ("w", "w")},
        unit="px",
        pixel_size_nm=100.0,
        units={"precision": "px^2", "sigma": "um^2"},
    )

    assert convert(columns, X=[1.0], Y=[2.0], v=[0.25], w=[9.0]).row(0) == (100.0, 200.0, 50.0, 3000.0)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["X", "y_pos"], r"a\.csv: expected the column 'Y' \(y\), .*; found the columns 'X', 'y_pos'"),
        (["X", "Y"], r"'Z' \(z\)"),
        (["a" * 10_000, *["c"] * 101], r"found the columns 'a{60}\.\.\.', 'c', .* and 62 more\."),
    ],
)
def test_a_missing_required_column_is_named(columns, message):
    with pytest.raises(MissingColumnsError, match=message) as caught:
        ColumnMap({**NAMES, "z": "Z"}, unit="nm", required=["z"]).check_required(columns, "a.csv")
    assert caught.value.setting == "names"
    assert len(str(caught.value)) < 1000


def test_a_mapped_column_that_is_there_twice(tmp_path):
    (tmp_path / "a.csv").write_text("x [nm],y [nm],x [nm]\n1,2,3\n")

    with pytest.raises(DataError, match=r"a\.csv: expected the column 'x \[nm\]' once; found it twice"):
        read_header(tmp_path / "a.csv", FileColumns())


def test_a_column_of_lists_is_refused():
    with pytest.raises(DataError, match=r"a\.csv: expected numbers.*List"):
        convert(ColumnMap(NAMES, unit="nm"), X=[[1.0, 2.0]], Y=[1.0])


@pytest.mark.parametrize(
    ("arguments", "setting", "message"),
    [
        ({}, "unit", "expected the unit"),
        ({"unit": None}, "unit", "expected the unit"),
        ({"unit": "mm"}, "unit", "expected one of nm, um, m, px; found 'mm'"),
        ({"unit": "nm^2"}, "unit", r"expected one of nm, um, m, px; found 'nm\^2'"),
        ({"unit": "px"}, "pixel_size_nm", "x, y is in px"),
        ({"unit": "nm", "pixel_size_nm": 100.0}, "pixel_size_nm", r"found 100\.0, but no length"),
        ({"unit": "px", "pixel_size_nm": -1.0}, "pixel_size_nm", "expected a positive number"),
        ({"unit": "px", "pixel_size_nm": math.nan}, "pixel_size_nm", "expected a positive number"),
        ({"unit": "nm", "units": {"x": "inch"}}, "units.x", "expected one of"),
        ({"unit": "nm", "units": {"x": "nm^2"}}, "units.x", "expected one of"),
        ({"unit": "nm", "units": {"z": "um"}}, "units", "expected length columns .*; found z"),
        ({"unit": "nm", "required": ["photons"]}, "names", "none for photons"),
        ({"unit": "nm", "channels": ["a", "b", " a"]}, "channels", "expected each name once; found a again"),
        ({"names": {"x": "X"}, "unit": "nm"}, "names", "none for y"),
        ({"names": {**NAMES, "colour": "c"}, "unit": "nm"}, "names", "found colour"),
        ({"names": {**NAMES, "cluster_id": "c"}, "unit": "nm"}, "names", "found cluster_id"),
        ({"names": {**NAMES, "z": ""}, "unit": "nm"}, "names", "or its position from 1; found '' for z"),
        ({"names": {**NAMES, "sigma": []}, "unit": "nm"}, "names", r"found \(\) for sigma"),
        ({"names": {**NAMES, "sigma": ["sx", ""]}, "unit": "nm"}, "names", r"found \('sx', ''\) for sigma"),
        ({"names": {"x": ["X", "X2"], "y": "Y"}, "unit": "nm"}, "names", "one source column for x; found several"),
        ({"names": {**NAMES, "photons": ["a", "b"]}, "unit": "nm"}, "names", "for photons; found several. Only prec"),
        ({"names": {"x": "X (pix)", "y": "y [nm]"}, "unit": "nm"}, "unit", "x is set to nm"),
        ({"names": {"x": "x [µm]", "y": "y [nm]"}, "unit": "nm"}, "unit", "x is set to nm"),
        (
            {"names": {**NAMES, "precision": "v"}, "unit": "nm", "units": {"precision": "px^2"}},
            "pixel_size_nm",
            "precision is in px",
        ),
    ],
)
def test_settings_of_a_map_that_cannot_work(arguments, setting, message):
    with pytest.raises(ConfigError, match=message) as caught:
        ColumnMap(**({"names": NAMES} | arguments))
    assert caught.value.setting == setting


def test_a_unit_in_the_source_name_that_agrees():
    columns = ColumnMap({"x": "x [µm]", "y": "y [nm]"}, unit="nm", units={"x": "um"})

    assert [columns.nm_per_unit(name) for name in ("x", "y")] == [1000.0, 1.0]


def test_sources_of_a_table():
    columns = ColumnMap({**NAMES, "z": None, "precision": ["lpx", "lpy"]}, unit="nm", channels=[561, "647 "])

    assert "z" not in columns.names
    assert columns.channels == ("561", "647")
    assert columns.present(["X", "Y", "lpx"]) == {"x": ("X",), "y": ("Y",)}, "several count only together"
    assert columns.sources(["X", "Y", "lpx", "lpy"]) == ["X", "Y", "lpx", "lpy"]
    assert columns.for_file(Header(("a",)), "a.csv") is columns


LAYOUT_NAMES = {"x": "X", "y": "Y", "z": "Z", "precision": ("lpx", "lpy"), "photons": "N"}
IN_NM = {"x": "nm", "y": "nm", "z": "nm", "precision": "nm"}
IN_PX = {"x": "px", "y": "px", "z": "nm", "precision": "px"}


def header(units, **about):
    return Header(("X", "Y", "Z", "lpx", "lpy", "N"), {}, Layout("Soft", LAYOUT_NAMES, units, **about))


def test_names_and_units_of_a_file():
    columns = FileColumns(channels=[561, 647]).for_file(header({**IN_NM, "z": "um"}), "a.csv")

    assert columns.names == LAYOUT_NAMES
    assert [columns.nm_per_unit(name) for name in ("x", "y", "z", "precision")] == [1.0, 1.0, 1000.0, 1.0]
    assert columns.required == ("x", "y")
    assert columns.channels == ("561", "647")
    fewer = FileColumns(leave_out=["z", "precision"]).for_file(header({**IN_NM, "z": "inch"}), "a.csv")
    assert set(fewer.names) == {"x", "y", "photons"}


@pytest.mark.parametrize(("written", "given", "size"), [(130.0, None, 130.0), (None, 117, 117.0), (130.0, 130, 130.0)])
def test_size_of_a_pixel(written, given, size):
    columns = FileColumns(pixel_size_nm=given).for_file(header(IN_PX, pixel_size_nm=written), "a.csv")

    assert columns.nm_per_unit("x") == columns.nm_per_unit("precision") == size
    assert columns.nm_per_unit("z") == 1.0
    assert FileColumns(pixel_size_nm=given).for_file(header(IN_NM), "a.csv").pixel_size_nm is None


@pytest.mark.parametrize(
    ("file", "given", "setting", "message"),
    [
        (header(IN_PX), None, "pixel_size_nm", "Soft gives x, y, precision in camera pixels; .*of the camera or here"),
        (header(IN_PX, pixel_size_from="a.yaml"), None, "pixel_size_nm", r"expected their size in a\.yaml or here"),
        (header({**IN_NM, "precision": "px"}), None, "pixel_size_nm", r"leave_out=\[precision\]$"),
        (header(IN_PX, pixel_size_nm=130.0), 117, "pixel_size_nm", "found 130 nm in the file and 117 nm here"),
        (header(IN_PX, pixel_size_nm=0.0), None, None, r"expected a positive size .*; found 0\.0"),
        (header(IN_PX, pixel_size_nm=math.nan), 117, None, "expected a positive size .* found nan"),
        (header(IN_PX, trouble="its pixels are oblong"), 1, None, "its pixels are oblong"),
        (
            header({**IN_NM, "z": "inch", "precision": "mm^2"}),
            None,
            "leave_out",
            r"found 'inch' for z, 'mm\^2' for p",
        ),
        (Header(("x", "y")), None, None, "columns of a known software, .*found the columns 'x', 'y'"),
        (Header(()), None, None, "found the columns none"),
    ],
)
def test_files_that_do_not_state_their_columns(file, given, setting, message):
    with pytest.raises(DataError, match=rf"a\.csv: .*{message}") as caught:
        FileColumns(pixel_size_nm=given).for_file(file, "a.csv")
    assert caught.value.setting == setting


@pytest.mark.parametrize(
    ("settings", "setting", "message"),
    [
        ({"pixel_size_nm": 0}, "pixel_size_nm", "expected a positive number; found 0"),
        ({"pixel_size_nm": math.nan}, "pixel_size_nm", "expected a positive number; found nan"),
        ({"leave_out": ["x"]}, "leave_out", "expected some of z, frame, .*; found x"),
        ({"leave_out": ["colour"]}, "leave_out", "found colour"),
        ({"channels": ["a", "a"]}, "channels", "expected each name once; found a again"),
    ],
)
def test_settings_for_files_that_cannot_work(settings, setting, message):
    with pytest.raises(ConfigError, match=message) as caught:
        FileColumns(**settings)
    assert caught.value.setting == setting


def test_files_of_several_kinds_side_by_side(tmp_path):
    table = pl.DataFrame({"x": [1.0], "y": [2.0]})
    table.write_parquet(tmp_path / "a.parquet", metadata={"units": json.dumps({"x": "um", "y": "um"})})
    table.rename({"x": "x [nm]", "y": "y [nm]"}).write_csv(tmp_path / "b.csv")
    table.rename({"x": "X (pix)", "y": "Y (pix)"}).write_csv(tmp_path / "c.csv", separator="\t")
    columns = pickle.loads(pickle.dumps(FileColumns(pixel_size_nm=100)))  # as other processes get them

    rows = [read_localisations(path, columns, 0.0).table.row(0) for path in sorted(tmp_path.iterdir())]

    assert rows == [(1000.0, 2000.0), (1.0, 2.0), (100.0, 200.0)]
