"""One value for each FOV: from its name, a folder, or a table."""

import logging
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from locgraph.errors import ConfigError, DataError
from locgraph.io.header import RawFile
from locgraph.io.lookup import FolderLevel, Lookup, NamePattern


@pytest.mark.parametrize(
    ("pattern", "fov_id", "expected"),
    [
        (r"(p\d+)/", "a/p01/x", "p01"),
        (r"^(p\d+)/", "a/p01/x", None),
        (r"_(wt|ko)_", "x_ko_wt_1", "ko"),  # the first match
        (r"(a)|(b)", "b", None),  # the first group alone counts
        (r"(?:a|b)(c?)", "a", None),
    ],
)
def test_pattern(pattern, fov_id, expected):
    assert NamePattern(pattern).find(fov_id) == expected


@pytest.mark.parametrize(("pattern", "message"), [("(", "a regular expression"), ("(?:p)01", "a capture group")])
def test_pattern_that_cannot_work(pattern, message):
    with pytest.raises(ConfigError, match=rf"pattern: expected {message}"):
        NamePattern(pattern)


@pytest.mark.parametrize(("level", "expected"), [(1, "c"), (2, "b"), (3, "a"), (4, None)])
def test_folder(level, expected):
    assert FolderLevel(level).find("a/b/c/file") == expected


def test_no_folder():
    assert FolderLevel(1).find("file") is None


@pytest.mark.parametrize("level", [0, -1, 1.0, "1", None, True])
def test_level_that_cannot_work(level):
    with pytest.raises(ConfigError, match=rf"level: expected 1 .* or more; found {level!r}"):
        FolderLevel(level)


def lookup(path, key="fov_id", value="label", sheet=None):
    return Lookup(path, key, value, "label", sheet)


def raw(*fov_ids, suffix=".csv"):
    return [RawFile(fov_id, Path(f"raw/{fov_id}{suffix}"), ("x", "y"), {}) for fov_id in fov_ids]


def written(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def workbook(tmp_path, **sheets):
    with xlsxwriter.Workbook(tmp_path / "labels.xlsx") as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return tmp_path / "labels.xlsx"


def test_match(tmp_path):
    path = written(tmp_path, "label;fov_id;note\nL;a/1;x\nO;a/2;y\nT;unused;z\n")

    assert lookup(path).match(raw("a/2", "a/1")) == ({"a/2": "O", "a/1": "L"}, {})


def test_names_that_look_like_numbers_stay_as_they_are(tmp_path):
    assert lookup(written(tmp_path, "fov_id,label\n007,01\n1e3,2.0\n")).values() == {"007": ["01"], "1e3": ["2.0"]}


def test_parquet_numbers(tmp_path):
    path = tmp_path / "labels.parquet"
    pl.DataFrame({"fov_id": [1, 2, 3], "label": [1.0, float("nan"), None]}).write_parquet(path)

    assert lookup(path).values() == {"1": ["1"], "2": [None], "3": [None]}


def test_parquet_fractions(tmp_path):
    path = tmp_path / "labels.parquet"
    pl.DataFrame({"fov_id": ["a", "b"], "label": [1.0, 2.5]}).write_parquet(path)

    assert lookup(path).values() == {"a": ["1.0"], "b": ["2.5"]}


@pytest.mark.parametrize("labels", [[1.0, float("inf")], [[1], [2]]])
def test_parquet_that_is_neither_text_nor_numbers(tmp_path, labels):
    path = tmp_path / "labels.parquet"
    pl.DataFrame({"fov_id": ["a", "b"], "label": labels}).write_parquet(path)

    with pytest.raises(DataError, match=r"labels\.parquet: expected text or numbers in 'fov_id' and 'label'; found"):
        lookup(path).values()


def test_workbook_numbers(tmp_path):
    path = workbook(tmp_path, one=[["label", "fov_id"], [1.0, 7], ["L", "007"], [2.5, "a\\b"]])

    assert lookup(path).match(raw("7", "007", "a/b")) == ({"7": "1", "007": "L", "a/b": "2.5"}, {})


def test_the_only_sheet_with_both_columns(tmp_path):
    path = workbook(tmp_path, notes=[["label"], ["x"]], patients=[["fov_id", "label"], ["a", "L"]], Sheet3=[])

    assert lookup(path).match(raw("a"))[0] == {"a": "L"}
    assert lookup(path, sheet="patients").match(raw("a"))[0] == {"a": "L"}


def test_several_sheets_with_both_columns(tmp_path):
    rows = [["fov_id", "label"], ["a", "L"]]
    path = workbook(tmp_path, old=[*rows[:1], ["a", "O"]], new=rows)

    assert lookup(path, sheet="new").match(raw("a"))[0] == {"a": "L"}
    with pytest.raises(DataError, match=r"found 2 among the sheets 'old', 'new'\. Choose one"):
        lookup(path).match(raw("a"))


def test_no_sheet_with_both_columns(tmp_path):
    path = workbook(tmp_path, old=[["fov_id"], ["a"]], new=[])

    with pytest.raises(DataError, match=r"expected one sheet with the columns 'fov_id' and 'label'; found 0 among"):
        lookup(path).values()


def test_the_only_sheet_lacks_a_column(tmp_path):
    with pytest.raises(DataError, match=r"expected the columns 'fov_id' and 'label'; found 'fov_id', 'class'"):
        lookup(workbook(tmp_path, one=[["fov_id", "class"], ["a", "L"]])).values()


def test_absent_sheet(tmp_path):
    with pytest.raises(DataError, match=r"expected the sheet 'two'; found 'one'\. Choose one"):
        lookup(workbook(tmp_path, one=[["fov_id", "label"]]), sheet="two").values()


def test_a_sheet_whose_name_is_a_number(tmp_path):
    path = workbook(tmp_path, **{"2023": [["fov_id", "label"], ["a", "O"]], "2024": [["fov_id", "label"], ["a", "L"]]})

    assert lookup(path, sheet=2024).match(raw("a"))[0] == {"a": "L"}


def test_sheet_of_a_text_table(tmp_path):
    with pytest.raises(ConfigError, match=r"sheet: found 'one', but .* is no workbook: set it to null"):
        lookup(written(tmp_path, "fov_id,label\na,L\n"), sheet="one").values()


def test_damaged_workbook(tmp_path):
    path = workbook(tmp_path, one=[["fov_id", "label"]])
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(DataError, match=r"labels\.xlsx: expected a whole workbook"):
        lookup(path).values()


@pytest.mark.parametrize("value", ["", "NaN", "nan", "NA", " "])
def test_missing_value(tmp_path, value):
    path = written(tmp_path, f"fov_id,label\na,{value}\nb,L\n")

    matched, failures = lookup(path).match(raw("a", "b"))

    assert matched == {"b": "L"}
    assert failures["a"].startswith(f"expected a value in column 'label' for a in {path}; found an empty or NaN value")


def test_rows_without_a_name_are_left_out(tmp_path):
    assert lookup(written(tmp_path, "fov_id,label\n,L\nNA,O\n ,T\n")).values() == {"NA": ["O"]}


def test_duplicate_rows(tmp_path):
    path = written(tmp_path, "fov_id,label\na,L\na,O\nb,L\nb,L\nc,L\n")

    matched, failures = lookup(path).match(raw("a", "b", "c"))

    assert matched == {"c": "L"}
    assert "expected one row for a" in failures["a"]
    assert "found 2 (label: L, O)" in failures["a"]
    assert "found 2 (label: L, L)" in failures["b"]


@pytest.mark.parametrize("name", ["p1/a.v2", "p1/a.v2.csv", r"p1\a.v2", r"p1\a.v2.csv", "./p1/a.v2.csv", r".\p1\a.v2"])
def test_other_spellings_of_a_name(tmp_path, name):
    assert lookup(written(tmp_path, f"fov_id,label\n{name},L\n")).match(raw("p1/a.v2"))[0] == {"p1/a.v2": "L"}


def test_composed_and_decomposed_letters(tmp_path):
    path = written(tmp_path, "fov_id,label\nM\u00fcller,L\n")  # as a spreadsheet writes it

    assert lookup(path).match(raw("Mu\u0308ller"))[0] == {"Mu\u0308ller": "L"}  # as a file system may


def test_two_spellings_are_two_rows(tmp_path):
    failures = lookup(written(tmp_path, "fov_id,label\na,L\na.csv,O\n")).match(raw("a"))[1]

    assert "found 2 (label: L, O)" in failures["a"]


def test_a_name_belongs_to_the_fov_that_bears_it(tmp_path):
    files = [*raw("a", suffix=".csv"), *raw("a.csv", suffix=".parquet")]

    matched, failures = lookup(written(tmp_path, "fov_id,label\na.csv,L\n")).match(files)

    assert matched == {"a.csv": "L"}
    assert "no such fov_id" in failures["a"]


@pytest.mark.parametrize("name", ["a.tif", "A", "raw/a.csv", "a/"])
def test_what_is_no_spelling_of_a_name(tmp_path, name):
    assert set(lookup(written(tmp_path, f"fov_id,label\n{name},L\n")).match(raw("a"))[1]) == {"a"}


def test_no_row(tmp_path):
    path = written(tmp_path, "fov_id,label\nother,L\n")

    _, failures = lookup(path).match(raw("a"))

    assert "found no such fov_id (the first is other)" in failures["a"]
    assert "with or without suffix" in failures["a"]


def test_no_row_but_similar_ones(tmp_path):
    path = written(tmp_path, "fov_id,label\ncancer/fov_1,L\nfov_02,L\nnormal/fov_3,L\n7,L\n")

    matched, failures = lookup(path).match(raw("cancer/fov_01", "normal/fov_3", "007"))

    assert matched == {"normal/fov_3": "L"}
    assert "no such fov_id, but 'cancer/fov_1' and 'fov_02' without a file" in failures["cancer/fov_01"]
    assert "but '7' without a file" in failures["007"]


def test_no_rows_at_all(tmp_path):
    assert "found no rows at all" in lookup(written(tmp_path, "fov_id,label\n")).match(raw("a"))[1]["a"]


def test_rows_of_no_file_are_told(tmp_path, caplog):
    path = written(tmp_path, "fov_id,label\nb,L\na,L\nb,L\nc,L\nd,L\ne,L\n")

    with caplog.at_level(logging.WARNING):
        lookup(path).match(raw("a"))

    assert caplog.messages == [
        f"{path}: 4 of the 5 FOVs in its column 'fov_id' have no file that can be read, such as 'b', 'c', 'd'"
    ]


def test_nothing_to_tell(tmp_path, caplog):
    lookup(written(tmp_path, "fov_id,label\na.csv,L\n")).match(raw("a", "b"))

    assert caplog.messages == []


def test_absent_column(tmp_path):
    with pytest.raises(DataError, match=r"expected the columns 'fov_id' and 'class'; found 'fov_id', 'label'"):
        lookup(written(tmp_path, "fov_id,label\na,L\n"), value="class").values()


def test_a_column_that_is_there_twice(tmp_path):
    with pytest.raises(DataError, match="expected the column 'label' once; found it twice"):
        lookup(written(tmp_path, "fov_id,label,label\na,L,O\n")).values()
    with pytest.raises(DataError, match="expected the column 'fov_id' once; found it twice"):
        lookup(workbook(tmp_path, one=[["fov_id", "label", "fov_id"], ["a", "L", "b"]])).values()


def test_absent_table(tmp_path):
    with pytest.raises(DataError, match=r"path: expected a table at .*none\.csv; found none"):
        lookup(tmp_path / "none.csv").values()


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n"])
def test_unreadable_table(tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content)

    with pytest.raises(DataError, match=r"path: expected parquet or delimited text"):
        lookup(tmp_path / "labels.csv").values()


@pytest.mark.parametrize(
    ("path", "key", "value", "message"),
    [
        ("", "fov_id", "label", "path: expected a value; found an empty"),
        ("a.csv", "", "label", "fov_column: expected a value; found an empty"),
        ("a.csv", "label", "label", "label_column: expected two columns; found 'label'"),
    ],
)
def test_settings_that_cannot_work(path, key, value, message):
    with pytest.raises(ConfigError, match=message):
        lookup(Path(path), key, value)
