"""One value for each FOV: from its name, a folder, or a table."""

import logging
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from locgraph.errors import ConfigError, DataError
from locgraph.io.header import RawFile
from locgraph.io.lookup import FolderLevel, Lookup, NamePattern

ROWS = [["fov_id", "label"], ["a", "L"]]


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
def test_a_part_of_the_name(pattern, fov_id, expected):
    assert NamePattern(pattern).find(fov_id) == expected


def test_a_folder():
    assert [FolderLevel(level).find("a/b/c/file") for level in (1, 2, 3, 4)] == ["c", "b", "a", None]
    assert FolderLevel(1).find("file") is None


@pytest.mark.parametrize(("pattern", "message"), [("(", "a regular expression"), ("(?:p)01", "a capture group")])
def test_patterns_that_cannot_work(pattern, message):
    with pytest.raises(ConfigError, match=rf"^pattern: expected {message}"):
        NamePattern(pattern)


@pytest.mark.parametrize("level", [0, -1, 1.0, "1", None, True])
def test_levels_that_cannot_work(level):
    with pytest.raises(ConfigError, match=rf"^level: expected 1 .* or more; found {level!r}"):
        FolderLevel(level)


def lookup(path, key="fov_id", value="label", sheet=None):
    return Lookup(path, key, value, "label", sheet)


def raw(*fov_ids, suffix=".csv"):
    return [RawFile(fov_id, Path(f"raw/{fov_id}{suffix}"), ("x", "y"), {}) for fov_id in fov_ids]


@pytest.fixture
def text(tmp_path):
    """Write a text table."""

    def write(content):
        (tmp_path / "labels.csv").write_text(content, encoding="utf-8")
        return tmp_path / "labels.csv"

    return write


@pytest.fixture
def parquet(tmp_path):
    """Write a parquet table."""

    def write(**columns):
        pl.DataFrame(columns).write_parquet(tmp_path / "labels.parquet")
        return tmp_path / "labels.parquet"

    return write


@pytest.fixture
def workbook(tmp_path):
    """Write a workbook."""

    def write(**sheets):
        with xlsxwriter.Workbook(tmp_path / "labels.xlsx") as book:
            for name, rows in sheets.items():
                sheet = book.add_worksheet(name)
                for number, row in enumerate(rows):
                    sheet.write_row(number, 0, row)
        return tmp_path / "labels.xlsx"

    return write


def test_a_row_for_each_fov(text):
    path = text("label;fov_id;note\nL;a/1;x\nO;a/2;y\nT;unused;z\n")

    assert lookup(path).match(raw("a/2", "a/1")) == ({"a/2": "O", "a/1": "L"}, {})


def test_names_that_look_like_numbers_stay_as_they_are(text, parquet):
    assert lookup(text("fov_id,label\n007,01\n1e3,2.0\n")).values() == {"007": ["01"], "1e3": ["2.0"]}
    numbers = parquet(fov_id=[1, 2, 3], label=[1.0, float("nan"), None])
    assert lookup(numbers).values() == {"1": ["1"], "2": [None], "3": [None]}
    fractions = parquet(fov_id=["a", "b"], label=[1.0, 2.5])
    assert lookup(fractions).values() == {"a": ["1.0"], "b": ["2.5"]}


@pytest.mark.parametrize("labels", [[1.0, float("inf")], [[1], [2]]])
def test_values_that_are_neither_text_nor_numbers(parquet, labels):
    with pytest.raises(DataError, match=r"labels\.parquet: expected text or numbers in 'fov_id' and 'label'; found"):
        lookup(parquet(fov_id=["a", "b"], label=labels)).values()


def test_sheets_of_a_workbook(workbook):
    path = workbook(one=[["label", "fov_id"], [1.0, 7], ["L", "007"], [2.5, "a\\b"]])
    assert lookup(path).match(raw("7", "007", "a/b")) == ({"7": "1", "007": "L", "a/b": "2.5"}, {})

    path = workbook(notes=[["label"], ["x"]], patients=ROWS, Sheet3=[])
    assert lookup(path).values() == lookup(path, sheet="patients").values() == {"a": ["L"]}

    path = workbook(**{"2023": [ROWS[0], ["a", "O"]], "2024": ROWS})
    assert lookup(path, sheet=2024).values() == {"a": ["L"]}


@pytest.mark.parametrize(
    ("sheets", "sheet", "setting", "message"),
    [
        ({"old": ROWS, "new": ROWS}, None, "sheet", "found 2 among the sheets 'old', 'new'. Choose one"),
        ({"old": [["fov_id"], ["a"]], "new": []}, None, "sheet", "'fov_id' and 'label'; found 0 among"),
        ({"one": ROWS}, "two", "sheet", "expected the sheet 'two'; found 'one'"),
        ({"one": [["fov_id", "class"], ["a", "L"]]}, None, "label_column", "found 'fov_id', 'class'"),
        (
            {"one": [["fov_id", "label", "fov_id"], ["a", "L", "b"]]},
            None,
            "fov_column",
            "'fov_id' once; found it twice",
        ),
    ],
)
def test_workbooks_that_do_not_fit(workbook, sheets, sheet, setting, message):
    with pytest.raises(DataError, match=message) as caught:
        lookup(workbook(**sheets), sheet=sheet).values()
    assert caught.value.setting == setting


@pytest.mark.parametrize("value", ["", "NaN", "nan", "NA", " "])
def test_a_missing_value(text, value):
    path = text(f"fov_id,label\na,{value}\nb,L\n")

    matched, failures = lookup(path).match(raw("a", "b"))

    assert matched == {"b": "L"}
    assert failures["a"].startswith(f"expected a value in column 'label' for a in {path}; found an empty or NaN value")


def test_rows_without_a_name_are_left_out(text):
    assert lookup(text("fov_id,label\n,L\nNA,O\n ,T\n")).values() == {"NA": ["O"]}


def test_several_rows_of_one_fov(text):
    matched, failures = lookup(text("fov_id,label\na,L\na.csv,O\nb,L\nb,L\nc,L\n")).match(raw("a", "b", "c"))

    assert matched == {"c": "L"}
    assert "expected one row for a" in failures["a"]
    assert "found 2 (label: L, O)" in failures["a"]
    assert "found 2 (label: L, L)" in failures["b"]


@pytest.mark.parametrize("name", ["p1/a.v2", "p1/a.v2.csv", r"p1\a.v2", r"p1\a.v2.csv", "./p1/a.v2.csv", r".\p1\a.v2"])
def test_spellings_of_a_name(text, name):
    assert lookup(text(f"fov_id,label\n{name},L\n")).match(raw("p1/a.v2"))[0] == {"p1/a.v2": "L"}


@pytest.mark.parametrize("name", ["a.tif", "A", "raw/a.csv", "a/"])
def test_what_is_no_spelling_of_a_name(text, name):
    assert set(lookup(text(f"fov_id,label\n{name},L\n")).match(raw("a"))[1]) == {"a"}


def test_composed_and_decomposed_letters(text):
    path = text("fov_id,label\nM\u00fcller,L\n")  # as a spreadsheet writes it

    assert lookup(path).match(raw("Mu\u0308ller"))[0] == {"Mu\u0308ller": "L"}  # as a file system may


def test_a_name_belongs_to_the_fov_that_bears_it(text):
    files = [*raw("a", suffix=".csv"), *raw("a.csv", suffix=".parquet")]

    matched, failures = lookup(text("fov_id,label\na.csv,L\n")).match(files)

    assert matched == {"a.csv": "L"}
    assert "no such fov_id" in failures["a"]


def test_no_row(text):
    path = text("fov_id,label\ncancer/fov_1,L\nfov_02,L\nnormal/fov_3,L\n7,L\n")

    matched, failures = lookup(path).match(raw("cancer/fov_01", "normal/fov_3", "007", "unlike"))

    assert matched == {"normal/fov_3": "L"}
    assert "no such fov_id, but 'cancer/fov_1' and 'fov_02' without a file" in failures["cancer/fov_01"]
    assert "but '7' without a file" in failures["007"]
    assert "found no such fov_id (the first is cancer/fov_1)" in failures["unlike"]
    assert "found no rows at all" in lookup(text("fov_id,label\n")).match(raw("a"))[1]["a"]


def test_a_warning_of_rows_without_a_file(text, caplog):
    with caplog.at_level(logging.WARNING):
        path = text("fov_id,label\na.csv,L\n")
        lookup(path).match(raw("a", "b"))
        assert caplog.messages == []
        lookup(text("fov_id,label\nb,L\na,L\nb,L\nc,L\nd,L\ne,L\n")).match(raw("a"))

    (message,) = caplog.messages
    assert message.startswith(f"{path}: 4 of the 5 FOVs in its column 'fov_id' have no file")
    assert message.endswith("'b', 'c', 'd'")


@pytest.mark.parametrize(
    ("content", "value", "sheet", "setting"),
    [
        ("fov_id,label,label\na,L,O\n", "label", None, "label_column"),
        ("fov_id,label\na,L\n", "class", None, "label_column"),
        ("fov_id,label\na,L\n", "label", "one", "sheet"),
    ],
)
def test_tables_that_do_not_fit(text, content, value, sheet, setting):
    with pytest.raises((DataError, ConfigError)) as caught:
        lookup(text(content), value=value, sheet=sheet).values()
    assert caught.value.setting == setting


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n"])
def test_a_table_of_another_kind(tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content)

    with pytest.raises(DataError, match=r"^path: expected parquet or delimited text"):
        lookup(tmp_path / "labels.csv").values()


@pytest.mark.parametrize(
    ("path", "key", "value", "setting"),
    [
        ("", "fov_id", "label", "path"),
        ("a.csv", "", "label", "fov_column"),
        ("a.csv", "fov_id", "", "label_column"),
        ("a.csv", "label", "label", "label_column"),
    ],
)
def test_settings_that_cannot_work(path, key, value, setting):
    with pytest.raises(ConfigError) as caught:
        lookup(Path(path), key, value)
    assert caught.value.setting == setting
