"""Groups from names, folders, metadata and tables."""

from pathlib import Path

import pytest
import xlsxwriter

from locgraph.errors import ConfigError, DataError
from locgraph.io.groups import FolderGroups, MetadataGroups, NoGroups, RegexGroups, TableGroups
from locgraph.io.header import RawFile


def raw(fov_id, **metadata):
    return RawFile(fov_id, Path(f"raw/{fov_id}.csv"), ("x", "y"), metadata)


FILES = [raw(fov_id) for fov_id in ("p01/a", "p01/b", "p02/a", "other")]


def test_no_groups():
    assert NoGroups().groups(FILES[:2]) == ({"p01/a": None, "p01/b": None}, {})


def test_regex():
    by_fov, failures = RegexGroups(r"(p\d+)/").groups(FILES)

    assert by_fov == {"p01/a": "p01", "p01/b": "p01", "p02/a": "p02"}
    assert set(failures) == {"other"}
    assert r"expected a group in the name other; found no match of '(p\\d+)/'" in failures["other"]


def test_regex_with_an_empty_or_absent_capture():
    assert set(RegexGroups(r"^(x?)").groups(FILES[:1])[1]) == {"p01/a"}
    assert set(RegexGroups(r"p01|(q)").groups(FILES[:1])[1]) == {"p01/a"}


@pytest.mark.parametrize(("pattern", "message"), [("(", "a regular expression"), ("p01", "a capture group")])
def test_pattern_that_cannot_work(pattern, message):
    with pytest.raises(ConfigError, match=rf"pattern: expected {message}"):
        RegexGroups(pattern)


def test_folders():
    by_fov, failures = FolderGroups().groups(FILES)

    assert by_fov == {"p01/a": "p01", "p01/b": "p01", "p02/a": "p02"}
    assert "expected raw/other.csv at least 1 folders below the folder of all files; found 0" in failures["other"]


def test_folders_of_one_name_are_one_group():
    files = [raw("cancer/p1/a"), raw("normal/p1/a"), raw("p1/a")]

    assert FolderGroups().groups(files)[0] == dict.fromkeys(("cancer/p1/a", "normal/p1/a", "p1/a"), "p1")
    assert FolderGroups(level=2).groups(files)[0] == {"cancer/p1/a": "cancer", "normal/p1/a": "normal"}


def test_folder_level_that_cannot_work():
    with pytest.raises(ConfigError, match=r"level: expected 1 .* or more; found 0"):
        FolderGroups(level=0)


def test_metadata():
    by_fov, failures = MetadataGroups().groups([raw("a", group=" p1 "), raw("b", other="p2"), raw("c")])

    assert by_fov == {"a": "p1"}
    assert "raw/b.csv: expected a group under 'group' in the file's metadata; found other" in failures["b"]
    assert "found none. Change key" in failures["c"]


@pytest.mark.parametrize("text", ["", " ", "None", "null", "NaN"])
def test_metadata_without_a_group(text):
    by_fov, failures = MetadataGroups("patient").groups([raw("a", patient=text), raw("b", patient="1")])

    assert by_fov == {"b": "1"}
    assert f"expected a group under 'patient' in the file's metadata; found {text!r}" in failures["a"]


def test_metadata_key_that_cannot_work():
    with pytest.raises(ConfigError, match=r"key: expected a key"):
        MetadataGroups("")


def test_table(tmp_path):
    path = tmp_path / "patients.tsv"
    path.write_text("fov_id\tpatient\np01/a\t1\np01/b\t1\np02/a\t\n")
    source = TableGroups(path, group_column="patient")

    by_fov, failures = source.groups(FILES)

    assert source.tables == (path,)
    assert by_fov == {"p01/a": "1", "p01/b": "1"}
    assert "an empty or NaN value" in failures["p02/a"]
    assert "expected a row for other" in failures["other"]


def test_table_that_is_absent(tmp_path):
    with pytest.raises(DataError, match=r"path: expected a table"):
        TableGroups(tmp_path / "patients.csv").groups(FILES)


def test_table_in_a_workbook(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "patients.xlsx") as book:
        for name in ("old", "new"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["fov_id", "group"])
            sheet.write_row(1, 0, ["p01\\a.csv", name])

    assert TableGroups(tmp_path / "patients.xlsx", sheet="new").groups(FILES[:1]) == ({"p01/a": "new"}, {})
