"""The FOVs of a raw folder, from names and headers."""

import shutil

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.catalogue import FovSource, scan
from locgraph.io.columns import ColumnMap, FileColumns, MissingColumnsError
from locgraph.io.groups import NoGroups, RegexGroups, TableGroups
from locgraph.io.labels import FolderLabels, MetadataLabels, NoLabels, TableLabels

COLUMNS = ColumnMap({"x": "x", "y": "y"}, unit="nm")
CSV = "x,y\n1,2\n"


def write(folder, *names, text=CSV):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found_in(folder, labels=None, groups=None):
    return scan(folder, COLUMNS, labels or NoLabels(), groups or NoGroups())


def test_names_are_paths_below_the_folder(tmp_path):
    write(tmp_path, "b.csv", "a/2.tsv", "a/1.v2.TXT", "a10.csv")
    pl.DataFrame({"x": [1.0], "y": [2.0]}).write_parquet(tmp_path / "a" / "0.parquet")

    fovs = found_in(tmp_path)

    assert [source.fov_id for source in fovs.sources] == ["a/0", "a/1.v2", "a/2", "a10", "b"]
    assert fovs.sources[2] == FovSource("a/2", tmp_path / "a" / "2.tsv", None, None)
    assert fovs.class_names == ()
    assert fovs.failures == {}


def test_what_is_left_out(tmp_path):
    write(tmp_path, "a.csv", ".b.csv", ".hidden/c.csv", "a-protocol.txt")
    write(tmp_path, "notes.md", "image.tif", text="no table")
    (tmp_path / "folder.csv").mkdir()

    fovs = found_in(tmp_path)

    assert [source.fov_id for source in fovs.sources] == ["a"]
    assert fovs.failures == {}


def test_any_suffix_is_read_by_content(tmp_path, caplog):
    write(tmp_path, "a.csv", "b.dat", "c.xls", "d", "cell.1", "cell.2", "e.3d")

    fovs = found_in(tmp_path)

    assert [source.fov_id for source in fovs.sources] == ["a", "b", "c", "cell.1", "cell.2", "d", "e"]
    assert (fovs.failures, fovs.skipped, caplog.text) == ({}, {}, "")


def test_what_is_skipped_is_named_with_its_reason(tmp_path, caplog):
    write(tmp_path, "a.csv", "a.bak", "a.yaml", "p/b.dat")
    write(tmp_path, "notes.md", "p/more.md", text="Dishes of March\nnone was good\n")
    (tmp_path / "image.tif").write_bytes(b"II*\0\x08\0\0\0")
    (tmp_path / "empty.log").touch()

    fovs = found_in(tmp_path)

    assert [source.fov_id for source in fovs.sources] == ["a", "p/b"]
    assert fovs.failures == {}, "they do not count as FOVs"
    assert set(fovs.skipped) == {"a.bak", "notes.md", "p/more.md", "image.tif", "empty.log"}
    assert fovs.skipped["a.bak"] == "a.csv has the same name, and is read"
    assert "found an empty file" in fovs.skipped["empty.log"]
    assert "skipped, no FOV: notes.md and 1 more .md below" in caplog.text
    assert "image.tif below" in caplog.text
    assert f"({fovs.skipped['image.tif'].split(': ', 1)[1][:60]}" in caplog.text, "the path is named once"
    assert len(caplog.records) == 4, "each suffix once"


def test_what_is_meant_to_be_a_fov_fails_and_is_not_skipped(tmp_path):
    write(tmp_path, "a.dat")
    write(tmp_path, "b.dat", text="x_new,y\n1,2\n")
    write(tmp_path, "c.tab", text="x [px],y [px]\n1,2\n")

    fovs = scan(tmp_path, ColumnMap({"x": "x", "y": "y"}, unit="nm"), NoLabels(), NoGroups())
    assert (set(fovs.failures), fovs.skipped) == ({"b", "c"}, {})

    write(tmp_path, "d.tab", text="x [nm],y [nm]\n1,2\n")
    fovs = scan(tmp_path, FileColumns(), NoLabels(), NoGroups())
    assert [source.fov_id for source in fovs.sources] == ["d"]
    assert set(fovs.failures) == {"c"}, "known software, whose size of a pixel is missing"
    assert set(fovs.skipped) == {"a.dat", "b.dat"}


def test_two_files_of_one_name_and_other_suffixes(tmp_path):
    write(tmp_path, "a.dat", "a.xls", "b.csv")

    assert set(found_in(tmp_path).failures) == {"a"}


def test_prose_is_no_table_whatever_the_columns(tmp_path):
    write(tmp_path, "a.csv", text="1.5,2\n3,4\n")
    write(tmp_path, "notes", text="hello world\nmany dishes\n")

    fovs = scan(tmp_path, ColumnMap({"x": 1, "y": 2}, unit="nm"), NoLabels(), NoGroups())

    assert [source.fov_id for source in fovs.sources] == ["a"]
    assert "expected numbers in hello, world; found text" in fovs.skipped["notes"]


def test_a_file_from_a_public_report_is_read(test_data, tmp_path):
    shutil.copy(test_data / "cases" / "thunderstorm_table.dat", tmp_path)

    assert [source.fov_id for source in scan(tmp_path, FileColumns(), NoLabels(), NoGroups()).sources] == [
        "thunderstorm_table"
    ]


def test_tables_in_the_folder_are_left_out(tmp_path):
    write(tmp_path, "p1_a.csv", "p2_a.csv")
    write(tmp_path, "labels.csv", text="fov_id,label\np1_a,L\np2_a,O\n")
    write(tmp_path, "groups.csv", text="fov_id,group\np1_a,p1\np2_a,p2\n")
    groups = TableGroups(tmp_path / "groups.csv")

    fovs = found_in(tmp_path, TableLabels(tmp_path / "." / "labels.csv"), groups)

    assert [(source.fov_id, source.label, source.group) for source in fovs.sources] == [
        ("p1_a", "L", "p1"),
        ("p2_a", "O", "p2"),
    ]
    assert fovs.class_names == ("L", "O")
    assert fovs.failures == {}


def test_two_files_of_the_same_name(tmp_path):
    write(tmp_path, "a.csv", "b.csv")
    pl.DataFrame({"x": [1.0], "y": [2.0]}).write_parquet(tmp_path / "a.parquet")

    fovs = found_in(tmp_path)

    assert [source.fov_id for source in fovs.sources] == ["b"]
    assert set(fovs.failures) == {"a"}
    assert f"found {tmp_path / 'a.csv'} and {tmp_path / 'a.parquet'}" in fovs.failures["a"]


def test_one_bad_file_does_not_stop_the_others(tmp_path):
    write(tmp_path, "good.csv")
    write(tmp_path, "renamed.csv", text="x_new,y\n1,2\n")
    write(tmp_path, "empty.csv", text="")
    write(tmp_path, "text.parquet")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1\0\0\0\0")

    fovs = found_in(tmp_path)

    assert [source.fov_id for source in fovs.sources] == ["good"]
    assert set(fovs.failures) == {"renamed", "empty", "text", "cut"}
    assert "found an empty file (0 bytes)" in fovs.failures["empty"]
    assert "expected parquet, as its name says" in fovs.failures["text"]
    assert "truncated" in fovs.failures["cut"]
    assert "found the columns 'x_new', 'y'" in fovs.failures["renamed"]


def test_failures_of_labels_and_groups(tmp_path):
    write(tmp_path, "L/p1.csv", "L/other.csv", "p3.csv", "O/p2.csv")

    fovs = found_in(tmp_path, FolderLabels(), RegexGroups(r"(p\d)"))

    assert [(source.fov_id, source.label, source.group) for source in fovs.sources] == [
        ("L/p1", "L", "p1"),
        ("O/p2", "O", "p2"),
    ]
    assert set(fovs.failures) == {"L/other", "p3"}


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match=r"raw_dir: expected a folder at .*none; found none"):
        found_in(tmp_path / "none")


@pytest.mark.parametrize("names", [[], ["notes.md"]])
def test_no_readable_file(tmp_path, names):
    write(tmp_path, *names, text="no table")

    with pytest.raises(DataError, match=r"raw_dir: expected files of localisations, .* found none"):
        found_in(tmp_path)


def test_only_bad_files_are_named(tmp_path):
    write(tmp_path, "a.csv", text="")

    with pytest.raises(DataError, match=r"raw_dir: .*\(1 failed\)\n  a: .*0 bytes"):
        found_in(tmp_path)


def test_a_column_missing_from_all_files(tmp_path):
    write(tmp_path, "a.csv", "b.csv", text="X,y\n1,2\n")

    with pytest.raises(
        MissingColumnsError, match=r"no file has the required columns.*'x' \(x\); found the columns 'X', 'y'"
    ):
        found_in(tmp_path)


def test_no_fov_with_a_label(tmp_path):
    write(tmp_path, "a.csv")

    with pytest.raises(DataError, match=r"raw_dir: .*labels and groups settings fit.*\n  a: .*gt_label_map"):
        found_in(tmp_path, MetadataLabels())


def test_digits_and_letters(test_data):
    columns = ColumnMap({"x": "x", "y": "y", "precision": "sigma"}, unit="px", pixel_size_nm=130)

    fovs = scan(test_data / "digits_letters", columns, MetadataLabels(), NoGroups())

    assert len(fovs.sources) == 245
    assert fovs.class_names == ("one", "two", "three", "T", "O", "L", "grid")
    assert all([source.label for source in fovs.sources].count(name) == 35 for name in fovs.class_names)
    assert fovs.failures == {}
    assert [source.fov_id for source in fovs.sources] == sorted(source.fov_id for source in fovs.sources)
