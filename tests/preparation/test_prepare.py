"""The stage from raw files to tables: bad FOVs apart, nothing done twice or kept too long, resumed when killed."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from locgraph.errors import ConfigError, TooManyFailuresError
from locgraph.io.catalogue import Catalogue, FovSource, scan
from locgraph.io.columns import ColumnMap
from locgraph.io.featextracted import CLUSTERS, LOCS, fov_path, read_counts, read_fov
from locgraph.io.groups import NoGroups
from locgraph.io.labels import MetadataLabels
from locgraph.io.manifest import Manifest
from locgraph.preparation.clustering.kmeans import KMeans
from locgraph.preparation.executors import Processes, Serial
from locgraph.preparation.prepare import manifest_of_catalogue, prepare
from locgraph.preparation.stage import remove_abandoned
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
    found = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*.parquet")}
    return {name: (stat.st_mtime_ns, stat.st_ino) for name, stat in found.items() if name != "manifest.parquet"}


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

    assert manifest.table.rows() == [
        ("A/0", str(tmp_path / "raw/A/0.csv"), "A", None, 2, 24, 3),
        ("A/2", str(tmp_path / "raw/A/2.csv"), "A", None, 2, 24, 3),
        ("B/1", str(tmp_path / "raw/B/1.csv"), "B", None, 2, 24, 3),
    ]
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

    manifest = run(raw, max_failed_fraction=0.5, executor=Processes(workers=2, head_start_s=0))

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


def test_all_failed(run, make_raw):
    raw = make_raw(2)
    for path in raw.rglob("*.csv"):
        path.write_text("x,y\n1,nan\n")

    with pytest.raises(TooManyFailuresError, match="found 2"):
        run(raw, max_failed_fraction=0.9)
    assert run(raw, max_failed_fraction=1.0).table.is_empty()


def test_the_fraction_is_checked(run, make_raw):
    with pytest.raises(ConfigError, match=r"data\.max_failed_fraction"):
        run(make_raw(1), max_failed_fraction=2)


def test_a_raw_file_that_vanished_is_a_failure(make_raw, make_recipe, catalogue_of, tmp_path):
    raw = make_raw(3)
    catalogue = catalogue_of(raw)
    (raw / "A" / "0.csv").unlink()

    manifest = prepare(catalogue, make_recipe(), tmp_path / "tables", Serial(), 0.5)

    assert manifest.table["fov_id"].to_list() == ["A/2", "B/1"]
    assert "0.csv: cannot be read" in manifest.failures["A/0"]


def test_failures_of_the_catalogue_count(make_raw, make_recipe, catalogue_of, tmp_path):
    found = catalogue_of(make_raw(2))
    catalogue = Catalogue(found.sources, found.class_names, {"C/9": "no label"})

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


def test_a_touched_raw_file_is_not_redone(run, make_raw, tmp_path):
    raw = make_raw(2)
    run(raw)
    before = stamps(tmp_path / "tables")

    (raw / "A" / "0.csv").touch()
    run(raw)

    assert stamps(tmp_path / "tables") == before


def test_another_label_is_redone_alone(catalogue_of, make_raw, make_recipe, tmp_path):
    catalogue, recipe = catalogue_of(make_raw(3)), make_recipe()
    prepare(catalogue, recipe, tmp_path / "tables", Serial(), 0.0)
    before = stamps(tmp_path / "tables")
    first = catalogue.sources[0]

    sources = (FovSource(first.fov_id, first.path, "B", first.group), *catalogue.sources[1:])
    manifest = prepare(Catalogue(sources, ("A", "B"), {}), recipe, tmp_path / "tables", Serial(), 0.0)

    assert redone(before, stamps(tmp_path / "tables")) == {"A/0"}
    assert manifest.table["label"].to_list() == ["B", "A", "B"]
    assert read_fov(tmp_path / "tables", "A/0").label == "B"


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


def test_progress_is_told(make_raw, make_recipe, catalogue_of, tmp_path):
    seen = []

    def track(outcomes, total, description):
        for outcome in outcomes:
            seen.append((total, description, outcome.fov_id))
            yield outcome

    prepare(catalogue_of(make_raw(2)), make_recipe(), tmp_path / "tables", Serial(), 0.0, track)

    assert seen == [(2, "clusters and features", "A/0"), (2, "clusters and features", "B/1")]


def test_real_fovs(test_data, make_recipe, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for path in sorted((test_data / "digits_letters").glob("*.parquet"))[::25]:
        shutil.copy(path, raw)
    columns = ColumnMap({"x": "x", "y": "y", "precision": "sigma"}, unit="px", pixel_size_nm=130.0)
    recipe = make_recipe(columns=columns, clusterer=KMeans(20), views=Views(count=2), min_clusters=3)

    manifest = prepare(scan(raw, columns, MetadataLabels(), NoGroups()), recipe, tmp_path / "tables", Serial(), 0.0)

    assert manifest.table.height == len(list(raw.iterdir()))
    for row in manifest.table.iter_rows(named=True):
        assert row["label"] in manifest.class_names
        rows = pl.read_parquet(row["path"]).height
        counts = read_counts(tmp_path / "tables", row["fov_id"])
        kept = counts["n_localisations"] + counts["localisations_in_small_clusters"]
        assert kept + counts["localisations_unclustered"] + counts["rows_refused"] == rows


def test_what_killed_runs_left_is_removed_after_a_day(run, make_raw, tmp_path):
    raw, folder = make_raw(2), tmp_path / "tables"
    run(raw)
    before = stamps(folder)
    left = [folder / LOCS / "A" / f".0.parquet.{name}.part" for name in ("old", "young")]
    left.append(folder / f".manifest.parquet.{'x' * 8}.part")
    for path in left:
        path.write_bytes(b"PAR1")
    for path in left[::2]:
        os.utime(path, (time.time() - 25 * 3600,) * 2)

    run(raw)

    assert [path.exists() for path in left] == [False, True, False]
    assert before.items() <= stamps(folder).items()


def test_what_cannot_be_removed_stops_nothing(tmp_path, monkeypatch):
    path = tmp_path / ".a.parquet.x.part"
    path.touch()
    os.utime(path, (0, 0))

    def refuse(self):
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "unlink", refuse)
    remove_abandoned(tmp_path)
    remove_abandoned(tmp_path / "nowhere")

    assert path.exists()


def test_torch_is_never_loaded():
    program = (
        "import sys\n"
        "import locgraph.preparation.executors, locgraph.preparation.extract, locgraph.preparation.featextracted\n"
        "import locgraph.preparation.prepare, locgraph.preparation.views\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'torch_geometric', 'lightning')])"
    )

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
