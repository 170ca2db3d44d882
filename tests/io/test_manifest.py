"""The manifest keeps FOVs, classes and failures."""

import polars as pl
import pytest

from locgraph import schema
from locgraph.errors import ConfigError, DataError, TooManyFailuresError
from locgraph.io.manifest import Manifest


def table(**changes):
    columns = {
        "fov_id": ["b", "a"],
        "path": ["raw/b.csv", "raw/a.csv"],
        "label": ["O", None],
        "group": [None, "p1"],
        "dimensions": [2, 3],
        "n_localisations": [100, 200],
        "n_clusters": [3, 4],
    }
    return pl.DataFrame(columns | changes)


def test_written_and_read(tmp_path):
    given = Manifest(table(), ("L", "O"), {"c": "expected é; found nothing"})
    given.write(tmp_path / "out" / "manifest.parquet")

    again = Manifest.read(tmp_path / "out" / "manifest.parquet")

    assert again.table.equals(given.table)
    assert again.class_names == ("L", "O")
    assert again.failures == given.failures
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.parquet"]


def test_rows_sorted_and_types_of_the_schema():
    again = Manifest(table(dimensions=pl.Series([2, 3], dtype=pl.Int8), more=["x", "y"]), ("O",)).table

    assert again["fov_id"].to_list() == ["a", "b"]
    assert dict(again.schema) == {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}


def test_no_fovs(tmp_path):
    empty = pl.DataFrame(schema={name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()})
    Manifest(empty, (), {"a": "bad"}).write(tmp_path / "m.parquet")

    assert Manifest.read(tmp_path / "m.parquet").failures == {"a": "bad"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (table().drop("group"), "expected the columns .*; group missing"),
        (table(fov_id=["a", "a"]), "expected each FOV once; found several rows for a"),
        (table(label=["O", "grid"]), "expected labels among L, O; found grid"),
    ],
)
def test_tables_that_are_none(given, message):
    with pytest.raises(DataError, match=message):
        Manifest(given, ("L", "O"))


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="expected a manifest; found no file"):
        Manifest.read(tmp_path / "m.parquet")


def test_another_file(tmp_path):
    (tmp_path / "text.parquet").write_text("fov_id\n")
    table().write_parquet(tmp_path / "plain.parquet")

    with pytest.raises(DataError, match="found a file that is not parquet"):
        Manifest.read(tmp_path / "text.parquet")
    with pytest.raises(DataError, match=r"expected a manifest with gt_label_map and failures.* found none"):
        Manifest.read(tmp_path / "plain.parquet")


def test_failures_within_the_limit():
    Manifest(table(), ("O",), {"c": "bad"}).check_failures(1 / 3)
    Manifest(table(), ("O",)).check_failures(0)


def test_too_many_failures():
    manifest = Manifest(table(), ("O",), {f"f{index:02d}": f"reason {index}" for index in range(12)})

    with pytest.raises(TooManyFailuresError, match=r"at most 50\.00% of 14 FOVs to fail; found 12") as caught:
        manifest.check_failures(0.5)

    lines = str(caught.value).splitlines()
    assert lines[1:3] == ["  f00: reason 0", "  f01: reason 1"]
    assert lines[-1] == "  and 2 more"
    assert len(lines) == 12


def test_fraction_that_is_none():
    with pytest.raises(ConfigError, match=r"max_failed_fraction: expected 0 to 1; found 5"):
        Manifest(table(), ("O",)).check_failures(5)
