"""Files to canonical parquet: one FOV and back, where files go, what is left alone, what is never touched."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

from locgraph.errors import ConfigError, DataError, StorageError
from locgraph.io.catalogue import FovSource, scan
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.converted import read_converted
from locgraph.io.groups import NoGroups, RegexGroups
from locgraph.io.header import RawFile
from locgraph.io.labels import FolderLabels, LocalisationLabels, MetadataLabels, NoLabels
from locgraph.io.object_labels import ObjectLabels
from locgraph.io.read import read_localisations
from locgraph.preparation.convert import (
    ConvertRecipe,
    ConvertTask,
    check_target,
    convert,
    convert_fingerprint,
    convert_fov,
    find_sources,
)
from locgraph.preparation.executors import Serial

HEADER = '"frame","x [nm]","y [nm]","sigma [nm]"\n'


ROWS = "1,100,200,130\n2,150,250,131\n"


@pytest.fixture
def raw(tmp_path):
    """Four FOVs of two classes; one of them damaged."""
    for name in ("T/p1_a", "T/p2_b", "L/p1_c"):
        path = tmp_path / "raw" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + ROWS)
    (tmp_path / "raw" / "L" / "p2_bad.csv").write_text(HEADER + "1,,,\n")
    return tmp_path / "raw"


@pytest.fixture
def run(raw, tmp_path):
    """Converts the folder, or another source."""

    def run(
        source=raw, target=tmp_path / "target", columns=None, labels=None, groups=None, executor=None, settings=None
    ):
        columns = columns or FileColumns()
        catalogue = find_sources(source, columns, labels or NoLabels(), groups or NoGroups())
        recipe = ConvertRecipe(columns, 0.05, settings or {"columns": "auto"})
        return convert(catalogue, recipe, source, target, executor or Serial())

    return run


def modified(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


def test_each_fov_lies_at_the_same_place(run, tmp_path):
    done = run()

    assert sorted(done.files) == ["L/p1_c", "T/p1_a", "T/p2_b"]
    assert sorted(done.made) == sorted(done.files)
    result = sorted(path.relative_to(tmp_path / "target").as_posix() for path in (tmp_path / "target").rglob("*.*"))
    assert result == ["L/p1_c.parquet", "T/p1_a.parquet", "T/p2_b.parquet"]
    assert done.files["T/p1_a"] == read_converted(tmp_path / "target" / "T" / "p1_a.parquet")


def test_one_bad_fov_stops_no_other_and_is_listed(run):
    done = run()

    assert list(done.manifest.failures) == ["L/p2_bad"]
    assert "found none among 1 rows" in done.manifest.failures["L/p2_bad"]
    assert done.manifest.table["fov_id"].to_list() == ["L/p1_c", "T/p1_a", "T/p2_b"]
    assert done.manifest.table["n_localisations"].to_list() == [2, 2, 2]
    assert done.manifest.table["dimensions"].to_list() == [2, 2, 2]


def test_labels_and_groups_are_written_and_read_back(run, tmp_path):
    done = run(labels=FolderLabels(), groups=RegexGroups("/(p.)_"))

    assert {fov_id: (about.label, about.group) for fov_id, about in done.files.items()} == {
        "L/p1_c": ("L", "p1"),
        "T/p1_a": ("T", "p1"),
        "T/p2_b": ("T", "p2"),
    }
    again = scan(tmp_path / "target", FileColumns(), MetadataLabels(), NoGroups())
    assert {source.fov_id: source.label for source in again.sources} == {"L/p1_c": "L", "T/p1_a": "T", "T/p2_b": "T"}
    assert again.class_names == ("L", "T")
    assert again.failures == {}


def test_what_is_up_to_date_is_left_alone(run, tmp_path):
    run()
    before = modified(tmp_path / "target")

    done = run()

    assert done.made == ()
    assert len(done.files) == 3
    assert modified(tmp_path / "target") == before


def test_what_changed_is_done_again_and_nothing_else(run, raw, tmp_path):
    run()
    before = modified(tmp_path / "target")
    (raw / "T" / "p1_a.csv").write_text(HEADER + ROWS + "3,1,2,130\n")

    done = run()

    assert done.made == ("T/p1_a",)
    assert done.files["T/p1_a"].counts["n_localisations"] == 3
    changed = {path.name for path, time in modified(tmp_path / "target").items() if before[path] != time}
    assert changed == {"p1_a.parquet"}


def test_a_source_that_moved_is_still_the_same(run, raw, tmp_path):
    run()
    moved = raw.rename(tmp_path / "moved")

    assert run(source=moved).made == ()


@pytest.mark.parametrize("content", ["text", "parquet", "folder"])
def test_a_file_that_was_not_imported_is_never_touched(run, tmp_path, content):
    path = tmp_path / "target" / "T" / "p1_a.parquet"
    path.parent.mkdir(parents=True)
    if content == "text":
        path.write_text("mine")
    elif content == "parquet":
        pl.DataFrame({"x": [1.0]}).write_parquet(path)
    else:
        path.mkdir()
    before = modified(tmp_path / "target")

    with pytest.raises(DataError, match=r"(?s)p1_a\.parquet, which locgraph import did not write\nNothing was written"):
        run()
    assert modified(tmp_path / "target") == before


def test_a_file_that_was_imported_from_elsewhere_is_never_touched(run, tmp_path):
    other = tmp_path / "other" / "T" / "p1_a.csv"
    other.parent.mkdir(parents=True)
    other.write_text(HEADER + "7,7,7,7\n8,8,8,8\n")
    run(source=tmp_path / "other")
    before = modified(tmp_path / "target")

    with pytest.raises(DataError, match=r"imported from \S+other/T/p1_a\.csv, not from \S+raw/T/p1_a\.csv"):
        run()
    assert modified(tmp_path / "target") == before


def test_several_sources_may_share_a_target(run, raw, tmp_path):
    other = tmp_path / "other" / "more.csv"
    other.parent.mkdir()
    other.write_text(HEADER + ROWS)
    run()

    done = run(source=tmp_path / "other")

    assert done.made == ("more",)
    assert done.outdated == ()


def test_what_is_no_longer_confirmed_is_listed_and_kept(run, raw, tmp_path):
    run()
    (raw / "T" / "p1_a.csv").write_text(HEADER + "1,,,\n")
    (raw / "L" / "p1_c.csv").unlink()
    before = modified(tmp_path / "target")

    done = run()

    assert [path.name for path in done.outdated] == ["p1_c.parquet", "p1_a.parquet"]
    assert list(done.files) == ["T/p2_b"]
    assert modified(tmp_path / "target") == before


def test_one_file_of_any_name(run, raw, tmp_path):
    path = tmp_path / "a.b, [c]=1.dat"
    path.write_text(HEADER + ROWS)

    done = run(source=path)

    assert done.made == ("a.b, [c]=1",)
    assert (tmp_path / "target" / "a.b, [c]=1.parquet").is_file()


def test_one_file_with_a_label(run, tmp_path):
    path = tmp_path / "a.parquet"
    metadata = {
        "units": json.dumps({"x": "nm", "y": "nm"}),
        "gt_label": "4",
        "gt_label_map": json.dumps({"2": "O", "4": "L"}),
    }
    pl.DataFrame({"x": [1.0], "y": [2.0]}).write_parquet(path, metadata=metadata)

    done = run(source=path, labels=MetadataLabels())

    assert (done.files["a"].label, done.files["a"].class_names) == ("L", ("O", "L"))
    assert run(source=path, labels=FolderLabels(), target=tmp_path / "other").manifest.failures.keys() == {"a"}


def test_classes_of_objects_are_refused(run, tmp_path):
    (tmp_path / "classes.csv").write_text("fov_id,object,label\nT/p1_a,0,pore\n")
    for labels in (ObjectLabels(tmp_path / "classes.csv"), LocalisationLabels(["a", "b"], majority=True)):
        with pytest.raises(ConfigError, match="labels: gives classes of objects, which converted files do not hold"):
            run(labels=labels)
    assert not (tmp_path / "target").exists()


def test_a_file_that_vanishes_is_a_failure(run, raw):
    columns = FileColumns()
    catalogue = find_sources(raw, columns, NoLabels(), NoGroups())
    (raw / "T" / "p1_a.csv").unlink()

    done = convert(catalogue, ConvertRecipe(columns, 0.05, {}), raw, raw.parent / "target", Serial())

    assert "p1_a.csv: cannot be read" in done.manifest.failures["T/p1_a"]
    assert len(done.files) == 2


def test_a_target_among_the_sources_is_refused(raw, tmp_path):
    for target in (raw, raw / "T", raw / "new" / "deep"):
        with pytest.raises(ConfigError, match=r"target: expected a folder outside the source \S+raw, found"):
            check_target(raw, target)
    for target in (tmp_path, tmp_path / "rawer", tmp_path / "raw2" / "raw"):
        check_target(raw, target)
    check_target(raw / "T" / "p1_a.csv", raw / "converted")


def test_a_target_is_a_folder(raw, tmp_path):
    for target in (raw / "T" / "p1_a.csv", tmp_path / "a.parquet"):
        with pytest.raises(ConfigError, match="target: expected a folder, in which each file gets the name of its"):
            check_target(raw, target)
    (tmp_path / "folder.parquet").mkdir()
    check_target(raw, tmp_path / "folder.parquet")


def test_what_cannot_be_written_ends_the_import(run, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "T").write_text("in the way of a folder")

    # storage that refuses a file is no fault of a FOV
    with pytest.raises(StorageError, match=r"p1_a\.parquet cannot be written: there is a file of this name; mend this"):
        run()

    (tmp_path / "target" / "T").unlink()
    assert list(run().files) == ["L/p1_c", "T/p1_a", "T/p2_b"]


CSV = """id,"frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","uncertainty [nm]"
1,5,100.25,200.5,130.0,1000,5
2,3,0.1,-7.000000001,131.0,900,6
3,2,nan,5,131.0,900,6
4,9,3,4,131.0,-1,6
"""


@pytest.fixture
def converted(tmp_path):
    """Converts a file and gives where to, and what it says of itself."""

    def convert(path, columns=None, limit=1.0, label=None, class_names=(), group=None, digest="00", loc_labels=False):
        settings = {"columns": "auto", "max_refused_fraction": limit}
        recipe = ConvertRecipe(columns or FileColumns(), limit, settings)
        source = FovSource("a", path, label, group, loc_labels)
        wanted = convert_fingerprint(source, class_names, recipe, digest)
        target = tmp_path / "target" / "a.parquet"
        convert_fov(ConvertTask(source, class_names, recipe, target, digest, wanted))
        return target, read_converted(target)

    return convert


@pytest.fixture
def csv(tmp_path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    return path


def test_lengths_are_nm_and_frames_start_at_0(converted, csv):
    target, about = converted(csv)

    table = pl.read_parquet(target)
    assert table.to_dict(as_series=False) == {
        "x": [100.25, 0.1],
        "y": [200.5, -7.000000001],
        "frame": [2, 0],
        "photons": [1000.0, 900.0],
        "precision": [5.0, 6.0],
        "sigma": [130.0, 131.0],
    }
    assert about.first_frame == 3, "the row of frame 2 was refused"
    assert about.counts == {
        "rows_read": 4,
        "rows_refused": 2,
        "n_localisations": 2,
        "rows_refused: x is missing or not a finite number": 1,
        "rows_refused: photons is negative": 1,
    }


def test_the_record_names_source_reader_and_columns(converted, csv):
    _, about = converted(csv, label="L", class_names=("O", "L"), group="g", digest="77")

    assert (about.label, about.class_names, about.group) == ("L", ("O", "L"), "g")
    assert about.source == {"path": str(csv), "digest": "77", "reader": "delimited", "software": "ThunderSTORM"}
    assert about.recipe["columns"] == "auto"
    assert about.recipe["names"]["precision"] == ["uncertainty [nm]"]
    assert about.recipe["units"] == {"x": "nm", "y": "nm", "precision": "nm", "sigma": "nm"}
    assert about.recipe["not_taken"] == ["id"]


def assert_same_again(target):
    """Read by ``columns=auto``, and converted again, a converted file gives the same numbers, to the last bit."""
    table = pl.read_parquet(target)
    result = read_localisations(target, FileColumns(), 0.0)
    assert result.table.schema == table.schema
    assert result.table.equals(table)
    for name in table.select(cs.numeric()).columns:
        assert result.table[name].to_numpy().tobytes() == table[name].to_numpy().tobytes(), name
    assert result.refused == {}


def test_read_again_the_numbers_are_the_same_to_the_last_bit(converted, tmp_path):
    rng = np.random.default_rng(0)
    n = 2000
    source = pl.DataFrame(
        {
            "X": rng.uniform(0, 512, n),
            "Y": rng.uniform(0, 512, n).astype(np.float32),
            "Z": rng.normal(0, 300, n),
            "T": rng.integers(17, 9000, n),
            "N": rng.exponential(1000, n),
            "lpx": rng.uniform(0.01, 0.2, n),
            "lpy": rng.uniform(0.01, 0.2, n),
            "C": rng.integers(0, 3, n),
            "G": rng.integers(-1, 9, n),
        }
    )
    source.write_parquet(tmp_path / "a.parquet", metadata={"gt_label": "3", "Camera": "\u00fc"})
    columns = ColumnMap(
        {
            "x": "X",
            "y": "Y",
            "z": "Z",
            "frame": "T",
            "photons": "N",
            "precision": ("lpx", "lpy"),
            "channel": "C",
            "source_cluster": "G",
        },
        unit="px",
        units={"z": "nm"},
        pixel_size_nm=107.3,
    )

    target, about = converted(tmp_path / "a.parquet", columns)

    assert_same_again(target)
    assert about.dimensions == 3
    assert about.first_frame == source["T"].min()
    assert about.recipe["pixel_size_nm"] == 107.3
    assert about.recipe["units"] == {"x": "px", "y": "px", "z": "nm", "precision": "px"}
    assert about.source_metadata == {"gt_label": "3", "Camera": "\u00fc"}
    np.testing.assert_array_equal(pl.read_parquet(target)["x"], source["X"].to_numpy() * 107.3)


def test_a_flat_z_is_left_out_with_a_note(converted, tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,0\n3,4,0\n")

    target, about = converted(tmp_path / "a.csv", ColumnMap({"x": "x", "y": "y", "z": "z"}, unit="nm"))

    assert pl.read_parquet(target).columns == ["x", "y"]
    assert (about.dimensions, about.notes) == (2, ("z is 0 everywhere: read in 2D",))
    assert about.first_frame is None
    assert_same_again(target)


def test_names_of_channels_are_kept(converted, tmp_path):
    (tmp_path / "a.csv").write_text("x,y,c\n1,2,actin\n3,4,tubulin\n")
    columns = ColumnMap({"x": "x", "y": "y", "channel": "c"}, unit="nm", channels=("tubulin", "actin"))

    target, about = converted(tmp_path / "a.csv", columns)

    assert pl.read_parquet(target)["channel"].to_list() == [1, 0]
    assert about.channels == {"0": "tubulin", "1": "actin"}
    assert_same_again(target)


def test_the_first_frame_survives_a_second_conversion(converted, csv, tmp_path):
    first, _ = converted(csv)
    again = first.rename(tmp_path / "again.parquet")

    _, about = converted(again)

    assert about.first_frame == 3
    assert about.source["software"] == "locgraph"


def test_the_fingerprint_changes_with_all_that_could_change_the_file(csv, tmp_path):
    def fingerprint(digest="0", label=None, classes=(), group=None, path=csv, **settings):
        recipe = ConvertRecipe(settings.pop("columns", FileColumns()), 0.1, settings)
        return convert_fingerprint(FovSource("a", path, label, group), classes, recipe, digest)

    other = tmp_path / "b.csv"
    other.write_text(CSV)
    result = [
        fingerprint(),
        fingerprint(digest="1"),
        fingerprint(label="L", classes=("L",)),
        fingerprint(label="L", classes=("L", "O")),
        fingerprint(group="g"),
        fingerprint(limit=0.2),
        fingerprint(columns=FileColumns(leave_out=["sigma"])),
    ]
    assert len(set(result)) == len(result)
    assert fingerprint() == result[0]
    assert fingerprint(path=other) == result[0], "the same file elsewhere is the same file"


def test_what_stands_beside_a_file_counts_too(test_data, tmp_path):
    for suffix in (".hdf5", ".yaml"):
        shutil.copyfile(test_data / "formats" / f"picasso_locs{suffix}", tmp_path / f"a{suffix}")
    path, recipe = tmp_path / "a.hdf5", ConvertRecipe(FileColumns(), 0.1, {})
    before = convert_fingerprint(FovSource("a", path, None, None), (), recipe, "0")
    assert convert_fingerprint(FovSource("a", path, None, None), (), recipe, "0") == before
    sidecar = path.with_suffix(".yaml")
    sidecar.write_text(sidecar.read_text().replace("Pixelsize: 130", "Pixelsize: 131"))

    assert convert_fingerprint(FovSource("a", path, None, None), (), recipe, "0") != before


def test_classes_of_localisations_become_indices(converted, tmp_path):
    (tmp_path / "a.csv").write_text("x,y,c\n1,2,free\n3,4,bound\n5,6,\n")
    columns = ColumnMap({"x": "x", "y": "y", "loc_label": "c"}, unit="nm")

    target, about = converted(tmp_path / "a.csv", columns, class_names=("bound", "free"), loc_labels=True)

    assert pl.read_parquet(target)["loc_label"].to_list() == [1, 0, -1]
    assert (about.loc_labels, about.label, about.class_names) == (True, None, ("bound", "free"))
    assert_same_again(target)
    file = RawFile("a", target, (), pl.read_parquet_metadata(target))
    assert LocalisationLabels().labels([file]).class_names == ("bound", "free")


@pytest.mark.parametrize(
    ("name", "rows", "software", "first_frame"),
    [
        ("thunderstorm_dstorm.csv", 19, "ThunderSTORM", 2001),
        ("picasso_locs.hdf5", 564, "Picasso", 11),
        ("rapidstorm_dstorm.txt", 14, "rapidSTORM", 0),
        ("oni_nanoimager_dstorm.csv", 14, "ONI Nanoimager", 0),
    ],
)
def test_real_files(converted, test_data, name, rows, software, first_frame):
    path = test_data / "formats" / name

    target, about = converted(path)

    direct = read_localisations(path, FileColumns(), 0.0)
    assert pl.read_parquet(target).equals(direct.table)
    assert about.counts["n_localisations"] == rows
    assert about.source["software"] == software
    assert about.first_frame == first_frame
    assert_same_again(target)
