"""Classes from metadata, folders and tables."""

import json
from pathlib import Path

import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.labels import FolderLabels, MetadataLabels, NoLabels, TableLabels
from locgraph.io.rawfile import RawFile

MAP = {"0": "one", "1": "two", "10": "ten"}


def raw(fov_id, label=None, names=None, **metadata):
    if label is not None:
        metadata["gt_label"] = str(label)
    if names is not None:
        metadata["gt_label_map"] = json.dumps(names)
    return RawFile(fov_id, Path(f"raw/{fov_id}.parquet"), ("x", "y"), metadata)


def test_no_labels():
    found = NoLabels().labels([raw("a"), raw("b")])

    assert found.class_names == ()
    assert found.by_fov == {"a": None, "b": None}
    assert found.failures == {}


def test_folders():
    found = FolderLabels().labels([raw("batch/cancer/1"), raw("batch/normal/1"), raw("batch/cancer/2")])

    assert found.class_names == ("cancer", "normal")
    assert found.by_fov == {"batch/cancer/1": "cancer", "batch/normal/1": "normal", "batch/cancer/2": "cancer"}


def test_file_outside_folders():
    found = FolderLabels().labels([raw("a"), raw("cancer/1")])

    assert found.by_fov == {"cancer/1": "cancer"}
    assert "found it directly in data.raw_dir" in found.failures["a"]


def test_metadata_in_the_order_of_the_integers():
    found = MetadataLabels().labels([raw("a", 10, {"10": "ten", "1": "two", "0": "one"}), raw("b", 0, MAP)])

    assert found.class_names == ("one", "two", "ten")
    assert found.by_fov == {"a": "ten", "b": "one"}
    assert found.failures == {}


def test_the_most_frequent_map_wins():
    other = {"0": "two", "1": "one"}

    found = MetadataLabels().labels([raw("a", 0, other), raw("b", 0, MAP), raw("c", 1, MAP)])

    assert found.class_names == ("one", "two", "ten")
    assert found.by_fov == {"b": "one", "c": "two"}
    assert "expected the gt_label_map of most files" in found.failures["a"]
    assert "found {0: 'two', 1: 'one'}" in found.failures["a"]


@pytest.mark.parametrize("label", [2, -1, "two", "", "0.5", None])
def test_label_outside_its_map(label):
    found = MetadataLabels().labels([raw("a", label, MAP), raw("b", 0, MAP)])

    assert found.by_fov == {"b": "one"}
    assert "expected gt_label in the file's metadata to be one of 0, 1, 10" in found.failures["a"]
    assert f"found {str(label or '')!r}" in found.failures["a"]


def test_no_map():
    found = MetadataLabels().labels([raw("a", 0, colour="red"), raw("b", 0, MAP)])

    assert found.by_fov == {"b": "one"}
    assert "raw/a.parquet: expected gt_label_map in the file's metadata; found colour, gt_label" in found.failures["a"]


def test_no_map_anywhere():
    found = MetadataLabels().labels([raw("a")])

    assert found.class_names == ()
    assert set(found.failures) == {"a"}


@pytest.mark.parametrize("names", [[1, 2], {"a": "b"}, None, {}, {"0": "one", "1": "one"}, {"0": "one", "00": "two"}])
def test_map_that_is_none(names):
    file = RawFile("a", Path("raw/a.parquet"), (), {"gt_label": "0", "gt_label_map": json.dumps(names)})

    assert "expected gt_label_map" in MetadataLabels().labels([file]).failures["a"]


def test_map_that_is_no_json():
    file = RawFile("a", Path("raw/a.parquet"), (), {"gt_label": "0", "gt_label_map": "{0: one}"})

    assert "as JSON from integer to class name; found '{0: one}'" in MetadataLabels().labels([file]).failures["a"]


def test_table(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("name,class\na,T\nb,L\nc,NaN\nd,unused\n")
    source = TableLabels(str(path), fov_column="name", label_column="class")

    found = source.labels([raw("a"), raw("b"), raw("c")])

    assert source.tables == (path,)
    assert found.class_names == ("L", "T")
    assert found.by_fov == {"a": "T", "b": "L"}
    assert "found an empty or NaN value" in found.failures["c"]


def test_table_with_a_duplicate_row(tmp_path):
    pl.DataFrame({"fov_id": ["a", "a", "b"], "label": ["L", "O", "L"]}).write_parquet(tmp_path / "labels.parquet")

    found = TableLabels(tmp_path / "labels.parquet").labels([raw("a"), raw("b")])

    assert found.by_fov == {"b": "L"}
    assert "expected one row for a" in found.failures["a"]


def test_table_that_is_absent(tmp_path):
    with pytest.raises(DataError, match=r"labels\.path: expected a table"):
        TableLabels(tmp_path / "labels.csv").labels([raw("a")])


def test_table_settings():
    with pytest.raises(ConfigError, match="labels: expected the column"):
        TableLabels("labels.csv", label_column="")
