"""Groups from names and tables."""

from pathlib import Path

import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.groups import NoGroups, RegexGroups, TableGroups
from locgraph.io.rawfile import RawFile

FILES = [RawFile(fov_id, Path(f"raw/{fov_id}.csv"), ("x", "y"), {}) for fov_id in ("p01/a", "p01/b", "p02/a", "other")]


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
    with pytest.raises(ConfigError, match=rf"groups\.pattern: expected {message}"):
        RegexGroups(pattern)


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
    with pytest.raises(DataError, match=r"groups\.path: expected a table"):
        TableGroups(tmp_path / "patients.csv").groups(FILES)
