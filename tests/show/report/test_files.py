"""Files that are there, absent or damaged."""

import polars as pl
import pytest

from locgraph.show.report import files
from locgraph.show.report.absent import Absent


def test_tables(tmp_path):
    table = pl.DataFrame({"a": [1, 2]})
    table.write_parquet(tmp_path / "a.parquet")
    table.write_csv(tmp_path / "a.csv")

    assert files.read_parquet(tmp_path / "a.parquet").equals(table)
    assert files.read_csv(tmp_path / "a.csv").equals(table)


@pytest.mark.parametrize(("read", "name"), [(files.read_parquet, "a.parquet"), (files.read_csv, "a.csv")])
def test_a_table_that_is_absent_or_damaged_is_told(read, name, tmp_path):
    assert read(tmp_path / name).reason == f"There is no {name} in {tmp_path}."
    (tmp_path / name).write_bytes(b"")

    found = read(tmp_path / name)

    assert isinstance(found, Absent)
    assert "cannot be read" in found.reason


@pytest.mark.parametrize("read", [files.read_json, files.read_yaml])
@pytest.mark.parametrize("content", [None, "{", "[1]", ""])
def test_mappings_that_cannot_be_read_are_empty(read, content, tmp_path):
    if content is not None:
        (tmp_path / "a").write_text(content)

    assert read(tmp_path / "a") == {}


def test_mappings(tmp_path):
    (tmp_path / "a").write_text('{"a": 1}')

    assert files.read_json(tmp_path / "a") == files.read_yaml(tmp_path / "a") == {"a": 1}
