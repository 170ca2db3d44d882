"""Classes from metadata, folders, names and tables, and classes of localisations."""

import json
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from locgraph.errors import ConfigError, DataError
from locgraph.io.header import RawFile
from locgraph.io.labels import FolderLabels, LocalisationLabels, MetadataLabels, NoLabels, RegexLabels, TableLabels

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
    assert not found.by_localisation


def test_folders():
    found = FolderLabels().labels([raw("batch/cancer/1"), raw("batch/normal/1"), raw("batch/cancer/2")])

    assert found.class_names == ("cancer", "normal")
    assert found.by_fov == {"batch/cancer/1": "cancer", "batch/normal/1": "normal", "batch/cancer/2": "cancer"}


def test_file_outside_folders():
    found = FolderLabels().labels([raw("a"), raw("cancer/1")])

    assert found.by_fov == {"cancer/1": "cancer"}
    assert "found it directly in the folder of all files" in found.failures["a"]


def test_folders_further_up():
    found = FolderLabels(level=2).labels([raw("cancer/p1/a"), raw("normal/p1/a"), raw("x/cancer/p2/b"), raw("p3/c")])

    assert found.class_names == ("cancer", "normal")
    assert found.by_fov == {"cancer/p1/a": "cancer", "normal/p1/a": "normal", "x/cancer/p2/b": "cancer"}
    assert "its class (level=2); found it in p3 of the folder of all files" in found.failures["p3/c"]


def test_folder_level_that_cannot_work():
    with pytest.raises(ConfigError, match=r"level: expected 1"):
        FolderLabels(level=0)


def test_regex():
    found = RegexLabels(r"_(wt|ko)_").labels([raw("a_wt_1"), raw("b/a_ko_1"), raw("a_ko_2"), raw("a_het_1")])

    assert found.class_names == ("ko", "wt")
    assert found.by_fov == {"a_wt_1": "wt", "b/a_ko_1": "ko", "a_ko_2": "ko"}
    assert "expected a class in the name a_het_1; found no match of '_(wt|ko)_'" in found.failures["a_het_1"]


def test_regex_with_names():
    names = {"wt": "wild type", "ko": "knock-out", "KO": "knock-out", 7: "unused"}
    found = RegexLabels(r"^(\w+?)_", names).labels([raw("KO_1"), raw("ko_2"), raw("wt_3"), raw("het_1")])

    assert found.class_names == ("wild type", "knock-out", "unused")
    assert found.by_fov == {"KO_1": "knock-out", "ko_2": "knock-out", "wt_3": "wild type"}
    assert "expected one of wt, ko, KO, 7 in the name het_1; found 'het'" in found.failures["het_1"]


@pytest.mark.parametrize("names", [{}, {"wt": ""}, {"wt": None}, {"": "wild type"}])
def test_regex_names_that_cannot_work(names):
    with pytest.raises(ConfigError, match=r"names: expected captured text and class names"):
        RegexLabels("(a)", names)


def test_regex_pattern_that_cannot_work():
    with pytest.raises(ConfigError, match=r"pattern: expected a capture group"):
        RegexLabels("a")


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


def test_metadata_of_localisations():
    found = MetadataLabels().labels(
        [raw("a", "None", MAP, gt_label_scope="loc"), raw("b", 0, MAP, gt_label_scope="fov")]
    )

    assert found.by_fov == {"b": "one"}
    assert "raw/a.parquet: expected a class of the whole FOV; found gt_label_scope loc" in found.failures["a"]
    assert "Choose labels of localisations" in found.failures["a"]


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
    with pytest.raises(DataError, match=r"path: expected a table"):
        TableLabels(tmp_path / "labels.csv").labels([raw("a")])


def test_table_settings():
    with pytest.raises(ConfigError, match="label_column: expected a value"):
        TableLabels("labels.csv", label_column="")


def test_table_in_a_workbook(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "labels.xlsx") as book:
        for name in ("old", "new"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["fov_id", "label"])
            sheet.write_row(1, 0, [7, name])

    found = TableLabels(tmp_path / "labels.xlsx", sheet="new").labels([raw("7")])

    assert found.by_fov == {"7": "new"}


def test_classes_of_localisations():
    found = LocalisationLabels(["free", "bound"]).labels([raw("a"), raw("b")])

    assert found.class_names == ("free", "bound")
    assert found.by_fov == {"a": None, "b": None}
    assert found.failures == {}
    assert found.by_localisation


def test_classes_of_localisations_from_the_label_map():
    files = [raw("a", None, MAP), raw("b", "None", MAP), raw("c", None, {"0": "other"}), raw("d")]

    found = LocalisationLabels().labels(files)

    assert found.class_names == ("one", "two", "ten")
    assert found.by_fov == {"a": None, "b": None}
    assert found.by_localisation
    assert "raw/c.parquet: expected the gt_label_map of most files" in found.failures["c"]
    assert "found none. Set class_names, or write the metadata" in found.failures["d"]


def test_label_map_of_whole_fovs():
    files = [raw("a", 0, MAP, gt_label_scope="fov"), raw("b", "None", MAP, gt_label_scope="loc")]

    found = LocalisationLabels().labels(files)

    assert found.by_fov == {"b": None}
    assert "raw/a.parquet: expected a class for each localisation; found gt_label_scope fov" in found.failures["a"]
    assert set(LocalisationLabels(["one", "two"]).labels(files).by_fov) == {"a", "b"}


def test_classes_of_localisations_may_be_numbers():
    assert LocalisationLabels([1, 2]).labels([]).class_names == ("1", "2")


@pytest.mark.parametrize("names", [[], ["a", "a"], ["a", ""], ["a", None]])
def test_classes_of_localisations_that_cannot_work(names):
    with pytest.raises(ConfigError, match=r"class_names: expected different names"):
        LocalisationLabels(names)
