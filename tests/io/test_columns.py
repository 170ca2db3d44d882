"""Column maps: names, units and types at the door."""

import math

import polars as pl
import pytest

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import ColumnMap, MissingColumnsError
from locgraph.io.header import Header

NAMES = {"x": "X", "y": "Y"}


def test_picks_and_renames_in_schema_order():
    table = pl.DataFrame({"other": [0], "Y": [2.0], "X": [1.0]})

    found = ColumnMap(NAMES, unit="nm").to_canonical(table, "a.csv")

    assert found.columns == ["x", "y"]
    assert found.rows() == [(1.0, 2.0)]


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1.0), ("um", 1e3), ("m", 1e9)])
def test_lengths_become_nanometres(unit, factor):
    table = pl.DataFrame({"X": [1.5], "Y": [-2.0], "lp": [0.5]})
    columns = ColumnMap({**NAMES, "precision": "lp"}, unit=unit)

    found = columns.to_canonical(table, "a.csv").row(0)

    assert found == pytest.approx((1.5 * factor, -2.0 * factor, 0.5 * factor))


def test_pixels_and_nanometres_in_one_table():
    # Picasso: x, y in pixels, z in nm
    columns = ColumnMap({**NAMES, "z": "Z"}, unit="px", pixel_size_nm=130.0, units={"z": "nm"})

    found = columns.to_canonical(pl.DataFrame({"X": [2.0], "Y": [3.0], "Z": [50.0]}), "a.csv")

    assert found.row(0) == pytest.approx((260.0, 390.0, 50.0))


def test_photons_have_no_length():
    columns = ColumnMap({**NAMES, "photons": "N"}, unit="um")

    found = columns.to_canonical(pl.DataFrame({"X": [1.0], "Y": [1.0], "N": [700]}), "a.csv")

    assert found["photons"].to_list() == [700.0]


def test_float32_is_widened_before_it_is_scaled():
    table = pl.DataFrame({"X": [0.1], "Y": [0.1]}, schema={"X": pl.Float32, "Y": pl.Float32})

    found = ColumnMap(NAMES, unit="px", pixel_size_nm=1e6).to_canonical(table, "a.parquet")

    assert found["x"].dtype == pl.Float64
    assert found["x"][0] == float(table["X"][0]) * 1e6


def test_frames_become_integers():
    columns = ColumnMap({**NAMES, "frame": "F"}, unit="nm")
    table = pl.DataFrame({"X": [0.0] * 3, "Y": [0.0] * 3, "F": [2003.0, 2001.0, 2001.0]})

    found = columns.to_canonical(table, "a.csv")["frame"]

    assert found.to_list() == [2003, 2001, 2001]
    assert found.dtype == pl.Int64


def test_text_is_cast_and_what_is_no_number_is_null():
    table = pl.DataFrame({"X": [" 1.5", "2e3", "abc"], "Y": ["1", "nan", ""], "F": ["3.0", "4.0", "?"]})

    found = ColumnMap({**NAMES, "frame": "F"}, unit="nm").to_canonical(table, "a.csv")

    assert found["x"].to_list() == [1.5, 2000.0, None]
    assert found["y"][0] == 1.0
    assert math.isnan(found["y"][1])
    assert found["y"][2] is None
    assert found["frame"].to_list() == [3, 4, None]


def test_absent_optional_column_is_skipped():
    columns = ColumnMap({**NAMES, "photons": "N"}, unit="nm")

    assert columns.to_canonical(pl.DataFrame({"X": [1.0], "Y": [1.0]}), "a.csv").columns == ["x", "y"]


def test_absent_required_column_lists_what_was_found():
    with pytest.raises(MissingColumnsError, match=r"a\.csv: expected the column 'Y' \(y\).*'X', 'y_pos'.*Change names"):
        ColumnMap(NAMES, unit="nm").to_canonical(pl.DataFrame({"X": [1.0], "y_pos": [1.0]}), "a.csv")


def test_further_required_column():
    columns = ColumnMap({**NAMES, "z": "Z"}, unit="nm", required=["z"])

    assert columns.required == ("x", "y", "z")
    with pytest.raises(MissingColumnsError, match=r"'Z' \(z\)"):
        columns.check_required(["X", "Y"], "a.csv")


def test_column_of_lists_is_refused():
    with pytest.raises(DataError, match=r"a\.parquet: expected numbers.*List"):
        ColumnMap(NAMES, unit="nm").to_canonical(pl.DataFrame({"X": [[1.0, 2.0]], "Y": [1.0]}), "a.parquet")


@pytest.mark.parametrize("unit", [None, ""])
def test_missing_unit(unit):
    with pytest.raises(ConfigError, match=r"unit: expected the unit"):
        ColumnMap(NAMES, unit=unit)


def test_unit_is_not_optional_in_spirit():
    with pytest.raises(ConfigError, match=r"unit"):
        ColumnMap(NAMES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"unit": "mm"}, r"unit: expected one of nm, um, m, px; found 'mm'"),
        ({"unit": "px"}, r"pixel_size_nm: .*x, y is in px"),
        ({"unit": "nm", "pixel_size_nm": 100.0}, r"pixel_size_nm: found 100\.0, but no length"),
        ({"unit": "px", "pixel_size_nm": -1.0}, r"pixel_size_nm: expected a positive number"),
        ({"unit": "px", "pixel_size_nm": math.nan}, r"pixel_size_nm: expected a positive number"),
        ({"unit": "nm", "units": {"x": "inch"}}, r"units\.x: expected one of"),
        ({"unit": "nm", "units": {"z": "um"}}, r"units: expected length columns .*; found z"),
        ({"unit": "nm", "required": ["photons"]}, r"names: .*none for photons"),
        ({"unit": "nm^2"}, r"unit: expected one of nm, um, m, px; found 'nm\^2'"),
        ({"unit": "nm", "units": {"x": "nm^2"}}, r"units\.x: expected one of"),
        ({"unit": "nm", "channels": ["a", "b", " a"]}, r"channels: expected each name once; found a again"),
    ],
)
def test_settings_that_cannot_work(arguments, message):
    with pytest.raises(ConfigError, match=message):
        ColumnMap(NAMES, **arguments)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"x": "X"}, "none for y"),
        ({**NAMES, "colour": "c"}, "found colour"),
        ({**NAMES, "cluster_id": "c"}, "found cluster_id"),
        ({**NAMES, "z": ""}, "found nothing for z"),
        ({**NAMES, "sigma": []}, "found nothing for sigma"),
        ({**NAMES, "sigma": ["sx", ""]}, "found nothing for sigma"),
        ({"x": ["X", "X2"], "y": "Y"}, "expected one source column for x; found several"),
        ({**NAMES, "photons": ["a", "b"]}, "one source column for photons; found several. Only precision,"),
    ],
)
def test_names_that_cannot_work(names, message):
    with pytest.raises(ConfigError, match=message):
        ColumnMap(names, unit="nm")


@pytest.mark.parametrize("source", ["X (pix)", "x [µm]", "x [px]"])
def test_unit_in_the_source_name_must_agree(source):
    with pytest.raises(ConfigError, match=r"unit: x is set to nm"):
        ColumnMap({"x": source, "y": "y [nm]"}, unit="nm")


def test_unit_in_the_source_name_that_agrees():
    columns = ColumnMap({"x": "x [µm]", "y": "y [nm]"}, unit="nm", units={"x": "um"})

    assert columns.nm_per_unit("x") == 1000.0
    assert columns.nm_per_unit("y") == 1.0


def test_every_mapped_type_is_that_of_the_schema():
    names = {name: name for name in schema.LOCALISATION_COLUMNS if name not in ("view", "cluster_id")}
    table = pl.DataFrame({name: [1] for name in names}, schema=dict.fromkeys(names, pl.Int32))

    found = ColumnMap(names, unit="nm").to_canonical(table, "a.parquet")

    assert dict(found.schema) == {name: schema.LOCALISATION_COLUMNS[name].dtype for name in found.columns}


def test_a_column_named_null_is_left_out():
    columns = ColumnMap({"x": "x", "y": "y", "z": None, "photons": None}, unit="nm")
    assert columns.names == {"x": "x", "y": "y"}


def test_several_sources_are_present_only_together():
    columns = ColumnMap({**NAMES, "precision": ["lpx", "lpy"]}, unit="nm")

    assert columns.present(["X", "Y", "lpx"]) == {"x": ("X",), "y": ("Y",)}
    assert columns.sources(["X", "Y", "lpx", "lpy"]) == ["X", "Y", "lpx", "lpy"]


def test_the_square_of_a_length():
    columns = ColumnMap({**NAMES, "precision": "v"}, unit="nm", units={"precision": "um^2"})

    assert columns.nm_per_unit("precision") == 1000.0


def test_a_variance_in_pixels_needs_their_size():
    with pytest.raises(ConfigError, match=r"pixel_size_nm: expected .*precision is in px"):
        ColumnMap({**NAMES, "precision": "v"}, unit="nm", units={"precision": "px^2"})


def test_variances_become_standard_deviations():
    table = pl.DataFrame({"X": [1.0], "Y": [2.0], "v": [0.25], "w": [9.0]})
    columns = ColumnMap(
        {**NAMES, "precision": "v", "sigma": ("w", "w")},
        unit="px",
        pixel_size_nm=100.0,
        units={"precision": "px^2", "sigma": "um^2"},
    )

    assert columns.to_canonical(table, "a.csv").row(0) == (100.0, 200.0, 50.0, 3000.0)


def test_channels_are_text():
    assert ColumnMap(NAMES, unit="nm", channels=[561, "647 "]).channels == ("561", "647")
    assert ColumnMap(NAMES, unit="nm").channels is None


def test_a_mapped_column_that_is_there_twice():
    with pytest.raises(DataError, match=r"a\.csv: expected the column 'X' once; found it twice"):
        ColumnMap(NAMES, unit="nm").check_required(["X", "Y", "X_duplicated_0"], "a.csv")


def test_errors_stay_readable():
    with pytest.raises(MissingColumnsError, match=r"found the columns 'a{60}\.\.\.', 'c', .* and 62 more\.") as error:
        ColumnMap(NAMES, unit="nm").check_required(["a" * 10_000, *["c"] * 101], "a.csv")
    assert len(str(error.value)) < 1000


def test_one_map_for_every_file():
    columns = ColumnMap(NAMES, unit="nm")
    assert columns.for_file(Header(("a",)), "a.csv") is columns
