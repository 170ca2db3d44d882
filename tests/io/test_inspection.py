"""What a file holds, told without refusing it."""

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.inspection import channel_labels, inspect
from locgraph.io.problems import ColumnSuggestion
from locgraph.io.read import read_localisations

HEADER = 'id,frame,"x [nm]","y [nm]","sigma [nm]","intensity [photon]"\n'


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "1,4,10,20,130,500\n2,6,40,50,131,-1\n3,9,,80,132,700\n4,8,100,110,135,900\n")
    return path


def test_a_known_file(csv):
    found = inspect(csv, FileColumns(), 1.0)

    assert (found.reader, found.software, found.rows, found.n_bytes) == (
        "delimited",
        "ThunderSTORM",
        4,
        csv.stat().st_size,
    )
    assert found.dimensions == 2
    assert found.refused == {"x is missing or not a finite number": 1, "photons is negative": 1}
    assert found.frames == (4, 8)
    assert found.error is None
    assert found.suggestion is None
    taken = {column.canonical: column for column in found.columns if column.canonical}
    assert (taken["x"].low, taken["x"].median, taken["x"].high, taken["x"].missing) == (10.0, 40.0, 100.0, 1)
    assert (taken["photons"].low, taken["photons"].missing) == (-1.0, 0), "of all rows, the refused too"
    assert [column.source for column in found.columns if column.canonical is None] == ["id"]
    assert found.problems == ("not taken: id",)


def test_its_localisations_are_those_that_reading_gives(csv):
    assert inspect(csv, FileColumns(), 1.0).locs.equals(read_localisations(csv, FileColumns(), 1.0).table)


def test_too_many_refused_rows_are_a_problem_and_no_error(csv):
    found = inspect(csv, FileColumns(), 0.1)

    assert found.locs.height == 2
    assert found.problems[0].startswith("2 of 4 rows are refused, more than max_refused_fraction=0.1 allows")


def test_a_header_without_rows(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER)

    found = inspect(tmp_path / "a.csv", FileColumns(), 0.05)

    assert found.rows == 0
    assert "no rows: the file holds a header alone" in found.problems
    assert found.frames is None


def test_columns_that_are_not_known_are_told_as_they_are(tmp_path):
    (tmp_path / "a.csv").write_text("X,Y,kind\n1,2,a\n3,5,b\n")

    found = inspect(tmp_path / "a.csv", FileColumns(), 0.05)

    assert found.locs is None
    assert found.dimensions is None
    assert [(column.source, column.low, column.high) for column in found.columns] == [
        ("X", 1.0, 3.0),
        ("Y", 2.0, 5.0),
        ("kind", None, None),
    ]
    assert "expected columns of a known software" in found.error
    assert found.suggestion == ColumnSuggestion({"x": "X", "y": "Y"}, None)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (ColumnMap({"x": "a", "y": "b"}, unit="nm"), r"expected the column 'a' \(x\)"),
        (ColumnMap({"x": "x [nm]", "y": "y [nm]", "z": "kind"}, unit="nm"), None),
    ],
)
def test_settings_that_do_not_fit(csv, columns, message):
    found = inspect(csv, columns, 0.5)

    if message is None:
        assert found.error is None
    else:
        assert pl.Series([found.error]).str.contains(message).item()
        assert found.suggestion is None, "the software is known: columns=auto fits"
    assert len(found.columns) == 6


def test_a_flat_z(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,0\n300,400,0\n")

    found = inspect(tmp_path / "a.csv", ColumnMap({"x": "x", "y": "y", "z": "z"}, unit="nm"), 0.0)

    assert found.dimensions == 2
    assert found.notes == ("z is 0 everywhere: read in 2D",)
    assert found.locs.columns == ["x", "y"]
    assert [column.canonical for column in found.columns] == ["x", "y", "z"]


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
    found = written(tmp_path, gt_label="1", gt_label_map=names, group="p1")
    assert (found.label, found.class_names, found.group) == ("L", ("O", "L"), "p1")
    assert found.loc_classes == {"none": 1, "O": 1, "L": 1}

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
    found = written(tmp_path, **metadata)

    assert found.label is None
    assert found.problems[0] == problem


def test_what_cannot_be_read_at_all(tmp_path, csv):
    with pytest.raises(DataError, match="expected a file; found a folder"):
        inspect(tmp_path, FileColumns(), 0.05)
    with pytest.raises(DataError, match="expected a file; found none"):
        inspect(tmp_path / "absent.csv", FileColumns(), 0.05)
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"\0" * 40)
    with pytest.raises(DataError, match="truncated or damaged"):
        inspect(tmp_path / "a.parquet", FileColumns(), 0.05)
