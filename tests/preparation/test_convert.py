"""Many files to canonical parquet: where to, what is left alone, what is never touched."""

import json

import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.catalogue import scan
from locgraph.io.converted import read_converted
from locgraph.io.file_columns import FileColumns
from locgraph.io.groups import NoGroups, RegexGroups
from locgraph.io.labels import FolderLabels, MetadataLabels, NoLabels
from locgraph.preparation.convert import ConvertRecipe, check_target, convert, find_sources
from locgraph.preparation.executors import Processes, Serial

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
    found = sorted(path.relative_to(tmp_path / "target").as_posix() for path in (tmp_path / "target").rglob("*.*"))
    assert found == ["L/p1_c.parquet", "T/p1_a.parquet", "T/p2_b.parquet"]
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


def test_other_settings_do_all_again(run):
    run()

    assert len(run(settings={"columns": "auto", "more": 1}).made) == 3


def test_a_source_that_moved_is_still_the_same(run, raw, tmp_path):
    run()
    moved = raw.rename(tmp_path / "moved")

    assert run(source=moved).made == ()


def test_executors_give_the_same_files(run, tmp_path):
    run(target=tmp_path / "one")
    done = run(target=tmp_path / "two", executor=Processes(workers=2, head_start_s=0.0))

    assert len(done.made) == 3
    for path in (tmp_path / "one").rglob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


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


def test_what_is_no_longer_confirmed_is_told_and_kept(run, raw, tmp_path):
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


def test_what_cannot_be_written_is_a_failure_of_its_fov(run, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "T").write_text("in the way of a folder")

    done = run()

    assert list(done.files) == ["L/p1_c"]
    assert sorted(done.manifest.failures) == ["L/p2_bad", "T/p1_a", "T/p2_b"]


def test_an_interrupted_run_goes_on_where_it_stopped(run, tmp_path):
    class Interrupted(Serial):
        """Stops after the first FOV, as by Ctrl-C."""

        def run(self, function, items):
            yield next(super().run(function, items))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(executor=Interrupted())
    before = modified(tmp_path / "target")
    assert len(before) == 1

    done = run()

    assert len(done.made) == 2
    assert modified(tmp_path / "target").items() >= before.items()
