"""Inspection of a file: content, ranges of columns, and their words, without refusing it."""

import math

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.description import NOT_TAKEN, describe, describe_columns, format_length, format_number, shorten
from locgraph.io.inspection import ColumnRange, channel_labels, inspect, other_ranges, taken_ranges
from locgraph.io.read import read_localisations
from locgraph.io.suggestion import ColumnSuggestion

HEADER = 'id,frame,"x [nm]","y [nm]","sigma [nm]","intensity [photon]"\n'


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "1,4,10,20,130,500\n2,6,40,50,131,-1\n3,9,,80,132,700\n4,8,100,110,135,900\n")
    return path


def test_a_known_file(csv):
    result = inspect(csv, FileColumns(), 1.0)

    assert (result.reader, result.software, result.rows, result.n_bytes) == (
        "delimited",
        "ThunderSTORM",
        4,
        csv.stat().st_size,
    )
    assert result.dimensions == 2
    assert result.refused == {"x is missing or not a finite number": 1, "photons is negative": 1}
    assert result.frames == (4, 8)
    assert result.error is None
    assert result.suggestion is None
    taken = {column.canonical: column for column in result.columns if column.canonical}
    assert (taken["x"].low, taken["x"].median, taken["x"].high, taken["x"].missing) == (10.0, 40.0, 100.0, 1)
    assert (taken["photons"].low, taken["photons"].missing) == (-1.0, 0), "of all rows, the refused too"
    assert [column.source for column in result.columns if column.canonical is None] == ["id"]
    assert result.problems == ("not taken: id",)
    assert result.locs.equals(read_localisations(csv, FileColumns(), 1.0).table)


def test_too_many_refused_rows_are_a_problem_and_no_error(csv):
    result = inspect(csv, FileColumns(), 0.1)

    assert result.locs.height == 2
    assert result.problems[0].startswith("2 of 4 rows are refused, more than max_refused_fraction=0.1 allows")


def test_a_header_without_rows(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER)

    result = inspect(tmp_path / "a.csv", FileColumns(), 0.05)

    assert result.rows == 0
    assert "no rows: the file holds a header alone" in result.problems
    assert result.frames is None


def test_columns_that_are_not_known_are_told_as_they_are(tmp_path):
    (tmp_path / "a.csv").write_text("X,Y,kind\n1,2,a\n3,5,b\n")

    result = inspect(tmp_path / "a.csv", FileColumns(), 0.05)

    assert result.locs is None
    assert result.dimensions is None
    assert [(column.source, column.low, column.high) for column in result.columns] == [
        ("X", 1.0, 3.0),
        ("Y", 2.0, 5.0),
        ("kind", None, None),
    ]
    assert "expected columns of a known software" in result.error
    assert result.suggestion == ColumnSuggestion({"x": "X", "y": "Y"}, None)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (ColumnMap({"x": "a", "y": "b"}, unit="nm"), r"expected the column 'a' \(x\)"),
        (ColumnMap({"x": "x [nm]", "y": "y [nm]", "z": "kind"}, unit="nm"), None),
    ],
)
def test_settings_that_do_not_fit(csv, columns, message):
    result = inspect(csv, columns, 0.5)

    if message is None:
        assert result.error is None
    else:
        assert pl.Series([result.error]).str.contains(message).item()
        assert result.suggestion is None, "the software is known: columns=auto fits"
    assert len(result.columns) == 6


def test_a_flat_z(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,0\n300,400,0\n")

    result = inspect(tmp_path / "a.csv", ColumnMap({"x": "x", "y": "y", "z": "z"}, unit="nm"), 0.0)

    assert result.dimensions == 2
    assert result.notes == ("z is 0 everywhere: read in 2D",)
    assert result.locs.columns == ["x", "y"]
    assert [column.canonical for column in result.columns] == ["x", "y", "z"]


def written(tmp_path, **metadata):
    table = pl.DataFrame(
        {"x": [1.0, 200.0, 3.0], "y": [4.0, 500.0, 6.0], "channel": [1, 0, 1], "loc_label": [0, 1, -1]}
    )
    units = '{"x": "nm", "y": "nm", "channel": "1", "loc_label": "1"}'
    table.write_parquet(tmp_path / "a.parquet", metadata={"units": units, **metadata})
    return inspect(tmp_path / "a.parquet", FileColumns(), 0.0)


def test_channels(tmp_path):
    assert written(tmp_path).channels == {"0": 1, "1": 2}
    assert written(tmp_path, channel_labels='{"1": "actin"}').channels == {"0": 1, "1 (actin)": 2}
    assert written(tmp_path, channel_labels='["dna", "actin"]').channels == {"0 (dna)": 1, "1 (actin)": 2}


@pytest.mark.parametrize("text", ["", "[", "3", "null"])
def test_names_of_channels_that_cannot_be_read(text):
    assert channel_labels({"channel_labels": text}) == {}


def test_the_class(tmp_path):
    names = '{"0": "O", "1": "L"}'
    result = written(tmp_path, gt_label="1", gt_label_map=names, group="p1")
    assert (result.label, result.class_names, result.group) == ("L", ("O", "L"), "p1")
    assert result.loc_classes == {"none": 1, "O": 1, "L": 1}

    assert written(tmp_path, gt_label_map=names).label is None
    assert written(tmp_path).class_names == ()
    assert written(tmp_path).loc_classes == {"none": 1, "0": 1, "1": 1}


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({"gt_label": "7", "gt_label_map": '{"0": "O"}'}, "gt_label is '7', which is none of 0 in gt_label_map"),
        ({"gt_label": "x", "gt_label_map": '{"0": "O"}'}, "gt_label is 'x', which is none of 0 in gt_label_map"),
        ({"gt_label": "0", "gt_label_map": "O"}, "expected gt_label_map as JSON from integer to class name; found 'O'"),
    ],
)
def test_a_class_that_cannot_be_read_is_a_problem(tmp_path, metadata, problem):
    result = written(tmp_path, **metadata)

    assert result.label is None
    assert result.problems[0] == problem


def test_what_cannot_be_read_at_all(tmp_path, csv):
    with pytest.raises(DataError, match="expected a file; found a folder"):
        inspect(tmp_path, FileColumns(), 0.05)
    with pytest.raises(DataError, match="expected a file; found none"):
        inspect(tmp_path / "absent.csv", FileColumns(), 0.05)
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"\0" * 40)
    with pytest.raises(DataError, match="truncated or damaged"):
        inspect(tmp_path / "a.parquet", FileColumns(), 0.05)


SOURCE = pl.DataFrame(
    {
        "x": [1.0, 3.0, 2.0, math.nan, math.inf, None],
        "y": [1, 2, 3, 4, 5, None],
        "lp": ["3", " 4 ", "x", "5", "", None],
        "name": ["a", "b", None, "", "c", "d"],
        "nothing": [None] * 6,
        "empty": pl.Series([math.nan] * 6),
        "list": [[1], [2], None, [3], [4], [5]],
    }
)


def test_taken_columns_are_in_nm():
    chosen = ColumnMap({"x": "x", "y": "y", "precision": "lp"}, unit="px", pixel_size_nm=100, units={"precision": "nm"})

    x, y, precision = taken_ranges(chosen, SOURCE, chosen.to_canonical(SOURCE, "here"))

    assert x == ColumnRange("x", "Float64", "x", "px", "nm", 100.0, 200.0, 300.0, 3)
    assert y == ColumnRange("y", "Int64", "y", "px", "nm", 100.0, 300.0, 500.0, 1)
    assert precision == ColumnRange("lp", "String", "precision", "nm", "nm", 3.0, 4.0, 5.0, 3)


def test_several_columns_that_are_one_quantity_are_named_together():
    chosen = ColumnMap({"x": "x", "y": "y", "precision": ["x", "y"]}, unit="nm")

    result = taken_ranges(chosen, SOURCE, chosen.to_canonical(SOURCE, "here"))[2]

    assert (result.source, result.dtype, result.source_unit) == ("x, y", "Float64, Int64", "nm")
    assert result.low == pytest.approx(1.0)
    assert result.high == pytest.approx(math.sqrt(6.5))


def test_other_columns_are_told_as_they_are():
    result = {column.source: column for column in other_ranges(SOURCE, ("x", "lp"))}

    assert list(result) == ["y", "name", "nothing", "empty", "list"]
    assert result["y"] == ColumnRange("y", "Int64", None, None, None, 1.0, 3.0, 5.0, 1)
    assert (result["name"].low, result["name"].missing) == (None, 1)
    assert (result["nothing"].low, result["nothing"].missing) == (None, 6)
    assert (result["empty"].high, result["empty"].missing) == (None, 6)
    assert (result["list"].median, result["list"].missing) == (None, 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (0.0, "0"),
        (-0.0, "0"),
        (12345678.0, "12,345,678"),
        (2.5, "2.5"),
        (1234.567, "1,234.6"),
        (-0.0123456, "-0.012346"),
        (1.5e-7, "1.5000e-07"),
        (1e300, "1.0000e+300"),
        (99999.96, "100,000"),
    ],
)
def test_numbers(value, words):
    assert format_number(value) == words


@pytest.mark.parametrize(
    ("nm", "words"), [(0.5, "0.5 nm"), (999.0, "999 nm"), (40_000.0, "40 µm"), (2.5e6, "2.5 mm"), (math.pi, "3.14 nm")]
)
def test_lengths(nm, words):
    assert format_length(nm) == words


def test_long_texts_are_cut():
    assert shorten("a\n  b") == "a b"
    assert len(shorten("x" * 500)) == 60


def test_a_file_in_words(csv, tmp_path):
    inspection = inspect(csv, FileColumns(), 1.0)

    facts = describe(inspection)

    assert facts[1:4] == [("software", "ThunderSTORM"), ("rows", "4"), ("localisations", "2 in 2D, 90 nm x 90 nm")]
    assert ("refused", "1 rows: photons is negative") in facts
    assert ("frames", "4 to 8 in the file; the first becomes 0") in facts
    rows = describe_columns(inspection)
    assert rows[0] == ("x", "x [nm]", "10", "40", "100", "1", "nm")
    assert rows[-1] == (NOT_TAKEN, "id", "1", "2.5", "4", "0", "Float64")


def test_channels_classes_and_metadata_in_words(tmp_path):
    more = {f"key{number:02}": "v" for number in range(14)}

    facts = describe(written(tmp_path, gt_label="1", gt_label_map='{"0": "O", "1": "L"}', group="p1", **more))

    assert ("channels", "0: 1, 1: 2") in facts
    assert ("classes of localisations", "none: 1, O: 1, L: 1") in facts
    assert ("class", "L, of O, L") in facts
    assert ("group", "p1") in facts
    assert ("metadata", "key00 = v") in facts
    assert ("", "... and 2 more: key12, key13") in facts
