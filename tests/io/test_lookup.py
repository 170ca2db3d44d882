"""Tables that say one thing of each FOV."""

from pathlib import Path

import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.lookup import Lookup


def lookup(path, key="fov_id", value="label"):
    return Lookup(path, key, value, "labels")


def written(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_match(tmp_path):
    path = written(tmp_path, "label;fov_id;note\nL;a/1;x\nO;a/2;y\nT;unused;z\n")

    assert lookup(path).match(["a/2", "a/1"]) == ({"a/2": "O", "a/1": "L"}, {})


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


@pytest.mark.parametrize("value", ["", "NaN", "nan", "NA", " "])
def test_missing_value(tmp_path, value):
    path = written(tmp_path, f"fov_id,label\na,{value}\nb,L\n")

    matched, failures = lookup(path).match(["a", "b"])

    assert matched == {"b": "L"}
    assert failures["a"].startswith(f"expected a value in column 'label' for a in {path}; found an empty or NaN value")


def test_duplicate_rows(tmp_path):
    path = written(tmp_path, "fov_id,label\na,L\na,O\nb,L\nb,L\nc,L\n")

    matched, failures = lookup(path).match(["a", "b", "c"])

    assert matched == {"c": "L"}
    assert "expected one row for a" in failures["a"]
    assert "found 2 (label: L, O)" in failures["a"]
    assert "found 2 (label: L, L)" in failures["b"]


def test_no_row(tmp_path):
    path = written(tmp_path, "fov_id,label\na.csv,L\n")

    _, failures = lookup(path).match(["a"])

    assert "found no such fov_id (the first is a.csv)" in failures["a"]
    assert "without suffix" in failures["a"]


def test_no_rows_at_all(tmp_path):
    assert "found no rows at all" in lookup(written(tmp_path, "fov_id,label\n")).match(["a"])[1]["a"]


def test_absent_column(tmp_path):
    with pytest.raises(DataError, match=r"expected the columns 'fov_id' and 'class'; found 'fov_id', 'label'.*labels"):
        lookup(written(tmp_path, "fov_id,label\na,L\n"), value="class").values()


def test_absent_table(tmp_path):
    with pytest.raises(DataError, match=r"labels\.path: expected a table at .*none\.csv; found none"):
        lookup(tmp_path / "none.csv").values()


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n"])
def test_unreadable_table(tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content)

    with pytest.raises(DataError, match=r"labels\.path: expected parquet or delimited text"):
        lookup(tmp_path / "labels.csv").values()


@pytest.mark.parametrize(
    ("path", "key", "value", "message"),
    [
        ("", "fov_id", "label", "expected the path of a table"),
        ("a.csv", "", "label", "expected the column of a table"),
        ("a.csv", "label", "label", "expected two columns; found 'label'"),
    ],
)
def test_settings_that_cannot_work(path, key, value, message):
    with pytest.raises(ConfigError, match=message):
        lookup(Path(path), key, value)
