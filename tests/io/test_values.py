"""Values of a source table as canonical ones."""

import math

import polars as pl
import pytest

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.values import (
    LENGTH_UNITS,
    NM_PER_UNIT,
    SQUARES,
    CanonicalColumn,
    canonical_table,
    count_fractions,
    normal_name,
    unit_in_name,
)


def converted(name, column, channels=None, factor=1.0, squared=False):
    """One canonical column, made of one source column."""
    taken = [CanonicalColumn(name, ("c",), factor, squared)]
    return canonical_table(pl.DataFrame({"c": column}), taken, channels, "a.csv")[name]


@pytest.mark.parametrize("column", [["3", "4.0", " 5 ", "5e0"], [3.0, 4.0, 5.0, 5.0], [3, 4, 5, 5]])
def test_whole_numbers_of_every_kind(column):
    result = converted("n_frames", column)

    assert result.to_list() == [3, 4, 5, 5]
    assert result.dtype == pl.Int64


@pytest.mark.parametrize(
    "column", [[1.0, 1.5], ["1", "1.5"], [1.0, math.nan], [1.0, math.inf], [1.0, 2.0**54], ["1", ""]]
)
def test_what_is_no_whole_number_is_null(column):
    assert converted("n_frames", column).to_list() == [1, None]


@pytest.mark.parametrize("column", [[1.0, 1.5, -2.25, 7.75], ["1", "1.5", "-2.25", " 7.75"]])
def test_a_mean_of_frames_is_rounded(column):
    result = converted("frame", column)

    assert result.to_list() == [1, 2, -2, 8]
    assert result.dtype == pl.Int64


@pytest.mark.parametrize("column", [[1.0, math.nan], [1.0, math.inf], [1.0, 2.0**54 + 4], ["1", ""], ["1", "x"]])
def test_no_frame(column):
    assert converted("frame", column).to_list() == [1, None]


@pytest.mark.parametrize("name", ["t", "tim", "Time", "time (s)", "t [ms]", "elapsed (sec)"])
def test_times_are_no_means_of_frames(name):
    table = pl.DataFrame({name: [1.0, 2.5]})

    result = canonical_table(table, [CanonicalColumn("frame", (name,))], None, "a.csv")

    assert result["frame"].to_list() == [1, None]


def test_fractions_are_counted():
    assert count_fractions(pl.Series("c", [1.0, 1.5, math.nan, math.inf, None])) == 1
    assert count_fractions(pl.Series("c", ["1", "1.5", "", "x"])) == 1
    assert count_fractions(pl.Series("c", [1, 2])) == 0


def test_digits_are_exact_however_many():
    assert converted("source_cluster", [str(2**60 + 1), str(2**60)]).to_list() == [2**60 + 1, 2**60]
    assert converted("source_cluster", [2**60 + 1, 2**60]).to_list() == [2**60 + 1, 2**60]


@pytest.mark.parametrize("column", [[7.0, math.nan], ["7", ""], [7, None], ["7", "none"]])
def test_a_localisation_of_no_cluster(column):
    assert converted("source_cluster", column).to_list() == [7, schema.NOISE]


def test_labels_that_are_text_stay_text():
    result = converted("loc_label", [" actin", None, "", "tubulin"])

    assert result.to_list() == ["actin", "", "", "tubulin"]
    assert result.dtype == pl.String


def test_labels_of_few_kinds_are_text():
    assert converted("loc_label", pl.Series(["b", "a"], dtype=pl.Categorical)).to_list() == ["b", "a"]


def test_labels_that_are_numbers():
    result = converted("loc_label", [2.0, math.nan])

    assert result.to_list() == [2, -1]
    assert result.dtype == pl.Int64


@pytest.mark.parametrize(
    ("column", "channels", "expected"),
    [
        ([0, 1, 1], None, [0, 1, 1]),
        ([647.0, 561.0], None, [647, 561]),
        ([647.0, 561.0], ("561", "647"), [1, 0]),
        ([0, 1], ("561", "647"), [0, 1]),
        ([1, 0], ("1", "0"), [0, 1]),
        (["red ", "green"], ("green", "red"), [1, 0]),
        (["0", "1"], None, [0, 1]),
        (["red", None], ("red",), [0, None]),
        ([None, None], None, [None, None]),
        ([math.nan, 1.0], None, [None, 1]),
    ],
)
def test_channels(column, channels, expected):
    result = converted("channel", column, channels)

    assert result.to_list() == expected
    assert result.dtype == pl.Int64


@pytest.mark.parametrize(
    ("column", "channels", "message"),
    [
        (
            ["red", "green"],
            None,
            r"channels: a\.csv: .* some of None; found 'green', 'red'.*\[green,red\]",
        ),
        (["red", "blue"], ("red",), r"some of red; found 'blue', 'red'"),
        ([488, 561], ("561", "647"), r"some of 561, 647; found '488', '561'"),
        ([0, 2], ("561", "647"), "found '0', '2'"),
    ],
)
def test_channels_that_are_not_named(column, channels, message):
    with pytest.raises(DataError, match=message):
        converted("channel", column, channels)


def test_root_mean_square_of_two_axes():
    table = pl.DataFrame({"a": [3.0, -3.0, None], "b": [4.0, 4.0, 4.0]})

    result = canonical_table(table, [CanonicalColumn("precision", ("a", "b"), 1000.0)], None, "a.csv")[
        "precision"
    ].to_list()

    # a negative part must not vanish in the square: its row is refused later
    assert result == [pytest.approx(1000 * math.sqrt(12.5)), pytest.approx(-1000 * math.sqrt(12.5)), None]


def test_variances():
    assert converted("precision", [9.0, 0.0], factor=1000.0, squared=True).to_list() == [3000.0, 0.0]
    assert math.isnan(converted("sigma", [-1.0], squared=True).item())


def test_variances_of_two_axes():
    table = pl.DataFrame({"a": [9.0], "b": [16.0]})

    result = canonical_table(table, [CanonicalColumn("sigma", ("a", "b"), 10.0, squared=True)], None, "a.csv")

    assert result["sigma"].item() == pytest.approx(10 * math.sqrt(12.5))


def test_columns_in_the_order_asked_for():
    table = pl.DataFrame({"a": [1.0], "b": [2.0]})

    assert canonical_table(table, [CanonicalColumn("y", ("b",)), CanonicalColumn("x", ("a",), 2.0)], None, "a").row(
        0
    ) == (2.0, 2.0)


@pytest.mark.parametrize("values", [[[1.0]], [{"a": 1}], pl.Series([0], dtype=pl.Date), pl.Series([b"1"])])
def test_what_is_neither_number_nor_text(values):
    with pytest.raises(DataError, match=r"names: a\.csv: expected numbers in c; found the types \w+"):
        converted("photons", values)


def test_numbers_of_other_kinds():
    assert converted("photons", pl.Series(["1.5"], dtype=pl.Categorical)).to_list() == [1.5]
    assert converted("photons", [True, False]).to_list() == [1.0, 0.0]
    assert converted("photons", pl.Series(["2.50"]).cast(pl.Decimal(10, 2))).to_list() == [2.5]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("x [nm]", "nm"),
        ("X (nm)", "nm"),
        ("x [µm]", "um"),
        ("x [μm]", "um"),
        ("x [ um ] ", "um"),
        ("X (pix)", "px"),
        ("x[pixels]", "px"),
        ("X(nm)", "nm"),
        ("x [m]", "m"),
        ("x", None),
        ("x [photon]", None),
        ("[nm] x", None),
        ("xnm", None),
    ],
)
def test_the_unit_that_a_name_states(name, unit):
    assert unit_in_name(name) == unit


def test_every_unit_has_a_square():
    assert list(SQUARES.values()) == list(LENGTH_UNITS)
    assert [NM_PER_UNIT[unit] for unit in ("nm", "um", "m")] == [1.0, 1e3, 1e9]


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("x [nm]", "x [nm]"),
        (" x[nm] ", "x [nm]"),
        ("x  [ nm ]", "x [nm]"),
        ("X(pix)", "X (pix)"),
        ("z [µm]", "z [um]"),
        ("intensity [photons]", "intensity [photon]"),
        ("Int(Photons)", "Int (Photon)"),
        ("photons", "photons"),
        ("", ""),
    ],
)
def test_spellings_of_names(name, normal):
    assert normal_name(name) == normal
    assert normal_name(normal) == normal
