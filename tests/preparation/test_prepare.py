"""The stage from raw files to tables: bad FOVs apart, nothing done twice or kept too long, resumed when killed."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import TooManyFailuresError
from locgraph.io.catalogue import Catalogue
from locgraph.io.featextracted import CLUSTERS, LOCS, fov_path, read_fov
from locgraph.io.manifest import Manifest
from locgraph.preparation.executors import Processes, Serial
from locgraph.preparation.prepare import manifest_of_catalogue, prepare
from locgraph.preparation.views import Views


@pytest.fixture
def run(tmp_path, make_recipe, catalogue_of):
    """Prepares a raw folder into a tables folder."""

    def prepared(raw, folder=tmp_path / "tables", executor=None, max_failed_fraction=0.0, **changes):
        recipe = make_recipe(**changes)
        return prepare(catalogue_of(raw), recipe, folder, executor or Serial(), max_failed_fraction)

    return prepared


def stamps(folder):
    """What changes when a table is written anew."""
    result = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*.parquet")}
    return {name: (stat.st_mtime_ns, stat.st_ino) for name, stat in result.items() if name != "manifest.parquet"}


def redone(before, after):
    """FOVs whose tables were written anew; both of each, or something is wrong."""
    changed = {name for name in after if after[name] != before.get(name)}
    fovs = {name.split("/", 1)[1].removesuffix(".parquet") for name in changed}
    assert changed == {f"{kind}/{fov}.parquet" for kind in (LOCS, CLUSTERS) for fov in fovs}
    return fovs


def contents(folder):
    """All tables with their metadata, and the manifest."""
    paths = sorted(path for path in folder.rglob("*.parquet") if not path.name.startswith("."))
    return {
        path.relative_to(folder).as_posix(): (pl.read_parquet(path).to_dict(), pl.read_parquet_metadata(path))
        for path in paths
    }


def assert_same_contents(first, second):
    first, second = contents(first), contents(second)
    assert first.keys() == second.keys()
    for name, (table, metadata) in first.items():
        assert pl.DataFrame(table).equals(pl.DataFrame(second[name][0])), name
        assert metadata == second[name][1], name


def test_the_manifest_by_hand(run, make_raw, tmp_path):
    manifest = run(make_raw(3))

    assert manifest.table.drop("extent", "n_labelled", "shares", "parent_fov", "x", "y", "z").rows() == [
        ("A/0", str(tmp_path / "raw/A/0.csv"), "A", None, 2, 24, 3, None),
        ("A/2", str(tmp_path / "raw/A/2.csv"), "A", None, 2, 24, 3, None),
        ("B/1", str(tmp_path / "raw/B/1.csv"), "B", None, 2, 24, 3, None),
    ]
    points = read_fov(tmp_path / "tables", "B/1").locs.select("x", "y").to_numpy()
    extent = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert manifest.table["extent"][2] == pytest.approx(extent)
    assert manifest.class_names == ("A", "B")
    assert manifest.failures == {}
    written = Manifest.read(tmp_path / "tables" / "manifest.parquet")
    assert written.table.equals(manifest.table)
    assert written.class_names == ("A", "B")


def test_what_is_known_before_files_are_read(catalogue_of, make_raw):
    manifest = manifest_of_catalogue(catalogue_of(make_raw(3)))

    assert manifest.table["fov_id"].to_list() == ["A/0", "A/2", "B/1"]
    assert manifest.table["label"].to_list() == ["A", "A", "B"]
    assert manifest.table.select("dimensions", "n_localisations", "n_clusters").null_count().row(0) == (3, 3, 3)


def test_processes_make_the_same_tables_as_one(run, make_raw, tmp_path):
    raw = make_raw(7)

    one = run(raw, tmp_path / "one", views=Views(count=3))
    two = run(raw, tmp_path / "two", Processes(workers=2, head_start_s=0), views=Views(count=3))

    assert one.table.equals(two.table)
    assert_same_contents(tmp_path / "one", tmp_path / "two")


def test_bad_fovs_are_named_and_the_others_go_on(run, make_raw, write_raw, tmp_path):
    raw = make_raw(6)
    (raw / "A" / "2.csv").write_text("x,y\n1,nan\n2,3\n")
    write_raw(raw / "B" / "3.csv", sizes=(2, 2), noise=9)
    (raw / "B" / "5.csv").write_bytes(b"PAR1 is not all")

    manifest = run(raw, max_failed_fraction=0.7, executor=Processes(workers=2, head_start_s=0))

    assert manifest.table["fov_id"].to_list() == ["A/0", "A/4", "B/1"]
    assert set(manifest.failures) == {"A/2", "B/3", "B/5"}
    assert "found 1 of 2" in manifest.failures["A/2"]
    assert "at least 1 clusters of at least 3 localisations, found 0" in manifest.failures["B/3"]
    assert "truncated or damaged" in manifest.failures["B/5"]
    assert Manifest.read(tmp_path / "tables" / "manifest.parquet").failures == manifest.failures


def test_too_many_failures_stop_but_the_good_ones_are_kept(run, make_raw, tmp_path):
    raw = make_raw(4)
    (raw / "A" / "0.csv").write_text("x,y\n1,nan\n")

    with pytest.raises(TooManyFailuresError, match=r"at most 20\.00% of 4 FOVs.*found 1.*\n  A/0: .*0\.csv"):
        run(raw, max_failed_fraction=0.2)

    before = stamps(tmp_path / "tables")
    assert len(before) == 6
    assert run(raw, max_failed_fraction=0.25).table.height == 3
    assert stamps(tmp_path / "tables") == before


def test_a_raw_file_that_vanished_is_a_failure(make_raw, make_recipe, catalogue_of, tmp_path):
    raw = make_raw(3)
    catalogue = catalogue_of(raw)
    (raw / "A" / "0.csv").unlink()

    manifest = prepare(catalogue, make_recipe(), tmp_path / "tables", Serial(), 0.5)

    assert manifest.table["fov_id"].to_list() == ["A/2", "B/1"]
    assert "0.csv: expected a file; found none" in manifest.failures["A/0"]


def test_failures_of_the_catalogue_count(make_raw, make_recipe, catalogue_of, tmp_path):
    result = catalogue_of(make_raw(2))
    catalogue = Catalogue(result.sources, result.class_names, {"C/9": "no label"})

    manifest = prepare(catalogue, make_recipe(), tmp_path / "tables", Serial(), 0.5)

    assert manifest.failures == {"C/9": "no label"}
    with pytest.raises(TooManyFailuresError, match="found 1"):
        prepare(catalogue, make_recipe(), tmp_path / "tables", Serial(), 0.2)


def test_nothing_is_done_twice(run, make_raw, tmp_path):
    raw = make_raw(4)
    first = run(raw)
    before = stamps(tmp_path / "tables")

    second = run(raw)

    assert stamps(tmp_path / "tables") == before
    assert second.table.equals(first.table)


@pytest.mark.parametrize("changes", [{"eps_nm": 31.0}, {"min_localisations": 2}, {"views": Views(count=2)}])
def test_another_setting_redoes_all(run, make_raw, tmp_path, changes):
    raw = make_raw(3)
    run(raw)
    before = stamps(tmp_path / "tables")

    run(raw, **changes)
    between = stamps(tmp_path / "tables")
    run(raw)

    assert redone(before, between) == {"A/0", "A/2", "B/1"}
    assert redone(between, stamps(tmp_path / "tables")) == {"A/0", "A/2", "B/1"}


def test_another_raw_file_is_redone_alone(run, make_raw, write_raw, tmp_path):
    raw = make_raw(4)
    run(raw)
    before = stamps(tmp_path / "tables")

    write_raw(raw / "B" / "1.csv", sizes=(10, 8, 6, 5))
    manifest = run(raw)

    assert redone(before, stamps(tmp_path / "tables")) == {"B/1"}
    assert manifest.table["n_clusters"].to_list() == [3, 3, 4, 3]


def test_a_new_fov_is_added_and_a_removed_one_leaves_the_manifest(run, make_raw, write_raw, tmp_path):
    raw = make_raw(4)
    run(raw)
    before = stamps(tmp_path / "tables")

    write_raw(raw / "A" / "new.csv")
    (raw / "B" / "3.csv").unlink()
    manifest = run(raw)

    assert redone(before, stamps(tmp_path / "tables")) == {"A/new"}
    assert manifest.table["fov_id"].to_list() == ["A/0", "A/2", "A/new", "B/1"]


def test_a_fov_that_turned_bad_leaves_the_manifest(run, make_raw):
    raw = make_raw(3)
    run(raw)

    (raw / "A" / "0.csv").write_text("x,y\n1,nan\n")
    manifest = run(raw, max_failed_fraction=0.5)

    assert manifest.table["fov_id"].to_list() == ["A/2", "B/1"]
    assert set(manifest.failures) == {"A/0"}


@pytest.mark.parametrize("kind", [LOCS, CLUSTERS])
def test_what_is_missing_or_damaged_is_made_again(run, make_raw, tmp_path, kind):
    raw, folder = make_raw(4), tmp_path / "tables"
    run(raw)
    run(raw, tmp_path / "expected")
    before = stamps(folder)

    fov_path(folder, kind, "A/0").unlink()
    damaged = fov_path(folder, kind, "B/1")
    damaged.write_bytes(damaged.read_bytes()[:-30])
    run(raw)

    assert redone(before, stamps(folder)) == {"A/0", "B/1"}
    assert_same_contents(folder, tmp_path / "expected")


def test_tables_of_two_runs_are_never_mixed(run, make_raw, tmp_path):
    """As after a kill between the two files of a FOV, when the settings changed."""
    raw, folder = make_raw(2), tmp_path / "tables"
    run(raw)
    run(raw, tmp_path / "expected", eps_nm=31.0)
    fov_path(tmp_path / "expected", LOCS, "A/0").replace(fov_path(folder, LOCS, "A/0"))
    run(raw, tmp_path / "expected", eps_nm=31.0)

    run(raw, folder, eps_nm=31.0)

    assert_same_contents(folder, tmp_path / "expected")
