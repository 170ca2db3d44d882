"""Objects of a FOV as units: tables as of separate files, groups, classes, what is left out, and what is redone."""

import json
import pickle
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from locgraph import schema
from locgraph.errors import ConfigError, DataError, TooManyFailuresError
from locgraph.io.annotations.labels import AnnotationLabels
from locgraph.io.annotations.table import append_annotations
from locgraph.io.catalogue import scan
from locgraph.io.columns import ColumnMap
from locgraph.io.featextracted import list_fovs, read_fov
from locgraph.io.groups import FolderGroups, NoGroups
from locgraph.io.labels import FolderLabels, LocalisationLabels, NoLabels
from locgraph.io.object_labels import ObjectLabels
from locgraph.preparation.executors import Outcome, Serial, attempt
from locgraph.preparation.featextracted import manifest_of
from locgraph.preparation.filters.selection import Region
from locgraph.preparation.objects.base import ObjectFinder, ObjectRows
from locgraph.preparation.objects.extract import UNMATCHED, read_objects
from locgraph.preparation.objects.picks import Picks
from locgraph.preparation.prepare import prepare
from locgraph.provenance import file_digest

COLUMNS = ColumnMap({"x": "x", "y": "y", "pick": "pick", "loc_label": "kind"}, unit="nm", required=["x", "y"])

PICKS = Picks()


def blobs(seed, sizes=(10, 8, 6)):
    """Localisations of three blobs, 200 nm apart: a structure that is one object."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return rng.normal(size=(len(owner), 2)) * 3 + owner[:, None] * [200.0, 0.0]


def write_picks(path, picks, kinds=None):
    """Writes a FOV: each pick a structure of its seed, 1 um apart, in random order."""
    parts = [
        pl.DataFrame(points, schema=["x", "y"]).with_columns(
            pl.col("y") + 1000.0 * place, pick=pl.lit(pick), kind=pl.lit((kinds or {}).get(pick, -1))
        )
        for place, (pick, points) in enumerate(picks.items())
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.concat(parts).sample(fraction=1.0, shuffle=True, seed=3).write_csv(path)


@pytest.fixture
def run(tmp_path, make_recipe):
    """Prepares a raw folder whose FOVs are divided into picks."""

    def prepared(labels=None, groups=None, limit=0.0, objects=None, **changes):
        recipe = make_recipe(columns=COLUMNS, objects=objects or PICKS, **changes)
        catalogue = scan(tmp_path / "raw", COLUMNS, labels or NoLabels(), groups or NoGroups())
        return prepare(catalogue, recipe, tmp_path / "tables", Serial(), limit)

    return prepared


def test_objects_have_the_tables_of_separate_files(run, tmp_path, make_recipe):
    structures = {4: blobs(1), 7: blobs(2), 11: blobs(3)}
    write_picks(tmp_path / "raw/A/cell.csv", structures | {-1: np.random.default_rng(0).uniform(0, 3000, (5, 2))})
    for pick, points in structures.items():
        write_picks(tmp_path / f"single/A/{pick}.csv", {pick: points})

    manifest = run(labels=FolderLabels())
    catalogue = scan(tmp_path / "single", COLUMNS, FolderLabels(), NoGroups())
    prepare(catalogue, make_recipe(columns=COLUMNS), tmp_path / "alone", Serial(), 0.0)

    assert manifest.table["fov_id"].to_list() == ["A/cell/11", "A/cell/4", "A/cell/7"]
    assert manifest.table["label"].to_list() == ["A"] * 3
    assert manifest.table["parent_fov"].unique().to_list() == ["A/cell"]
    assert manifest.table["y"].to_list() == pytest.approx(
        [2000 + structures[11][:, 1].mean(), structures[4][:, 1].mean(), 1000 + structures[7][:, 1].mean()]
    )
    for pick in structures:
        of_object, alone = read_fov(tmp_path / "tables", f"A/cell/{pick}"), read_fov(tmp_path / "alone", f"A/{pick}")
        names = [name for name in of_object.clusters.columns if name not in ("x_mean", "y_mean")]
        assert np.allclose(of_object.clusters.select(names), alone.clusters.select(names))
        assert (of_object.parent, alone.parent) == ("A/cell", None)


def test_objects_of_a_fov_are_a_group_unless_it_is_in_one(run, tmp_path):
    write_picks(tmp_path / "raw/A/cell.csv", {0: blobs(1), 1: blobs(2)})
    assert run().table["group"].to_list() == ["A/cell"] * 2
    assert run(groups=FolderGroups()).table["group"].to_list() == ["A"] * 2


def test_what_is_left_out_is_named_and_counted(run, tmp_path, caplog):
    write_picks(
        tmp_path / "raw/cell.csv",
        {0: blobs(1), 1: blobs(2)[:2], 2: np.vstack([blobs(3), blobs(4)]), 3: np.arange(40.0).reshape(20, 2) * 500},
    )
    caplog.set_level("INFO")
    manifest = run(objects=Picks(min_localisations=5, max_localisations=30), limit=0.5)

    objects = read_objects(tmp_path / "tables", "cell")
    reasons = dict(objects.table.select("object", "reason").iter_rows())
    assert manifest.table["fov_id"].to_list() == ["cell/0"]
    assert reasons["0"] is None
    assert reasons["1"] == "fewer than 5 localisations"
    assert reasons["2"] == "more than 30 localisations"
    assert "expected at least 1 clusters" in reasons["3"]
    assert list(manifest.failures) == ["cell/3"]  # within the limits, but of no use
    assert "cell: 1 of 4 objects are used" in caplog.text
    assert "1 left out, fewer than 5 localisations (1)" in caplog.text
    assert objects.counts["localisations in no object"] == 2 + 48
    rows = objects.table.filter(object="0")["rows"][0].to_numpy()
    assert (pl.read_csv(tmp_path / "raw/cell.csv")["pick"].to_numpy()[rows] == 0).all()
    assert len(rows) == 24
    with pytest.raises(TooManyFailuresError, match="cell/3"):
        run(objects=Picks(min_localisations=5, max_localisations=30))


def test_filters_come_before_objects(run, tmp_path):
    write_picks(tmp_path / "raw/cell.csv", {0: blobs(1), 1: blobs(2)})
    manifest = run(preprocess={"region": Region(y=[500, None])})
    assert manifest.table["fov_id"].to_list() == ["cell/1"]


@pytest.mark.parametrize("number", [0, 1])
def test_a_fov_without_objects_stops_no_other(run, tmp_path, number):
    write_picks(tmp_path / "raw/good.csv", {0: blobs(1)})
    write_picks(tmp_path / "raw/bad.csv", {-1: blobs(2)} if number == 0 else {5: blobs(2)[:1]})
    manifest = run(objects=Picks(min_localisations=4), limit=0.5)
    assert manifest.table["fov_id"].to_list() == ["good/0"]
    assert "it holds -1 alone" if number == 0 else "1 with fewer than 4 localisations" in manifest.failures["bad"]


def test_a_file_without_picks(run, tmp_path):
    (tmp_path / "raw").mkdir()
    pl.DataFrame(blobs(1), schema=["x", "y"]).write_csv(tmp_path / "raw/cell.csv")
    with pytest.raises(TooManyFailuresError, match=r"expected a column pick or source_cluster .*objects=sites"):
        run()


def test_classes_of_objects_from_a_table(run, tmp_path, caplog):
    write_picks(tmp_path / "raw/a.csv", {0: blobs(1), 1: blobs(2)})
    write_picks(tmp_path / "raw/b.csv", {0: blobs(3)})
    rows = [("a.csv", "0", "pore"), ("a", "1", "ring"), ("a", "9", "ring"), ("c", "0", "ring"), ("b", "0", None)]
    pl.DataFrame(rows, schema=["fov_id", "object", "label"], orient="row").write_csv(tmp_path / "classes.csv")
    manifest = run(labels=ObjectLabels(tmp_path / "classes.csv"))
    assert manifest.class_names == ("pore", "ring")
    assert dict(manifest.table.select("fov_id", "label").iter_rows()) == {"a/0": "pore", "a/1": "ring", "b/0": None}
    assert read_objects(tmp_path / "tables", "a").counts[UNMATCHED] == 1
    assert "1 FOVs have no file that can be read, such as ['c']" in caplog.text


def test_classes_of_objects_from_annotations(run, tmp_path):
    write_picks(tmp_path / "raw/a.csv", {0: blobs(1), 1: blobs(2)})
    write_picks(tmp_path / "raw/b.csv", {0: blobs(3)})
    table = tmp_path / "annotations.parquet"
    row = {"target": "fov", "tool": "key", "data_fingerprint": file_digest(tmp_path / "raw/a.csv")}
    said = [("a/0", "Ada", "pore"), ("a/0", "Bob", "pore"), ("a/1", "Ada", "ring"), ("a/1", "Bob", "pore")]
    append_annotations(table, [row | dict(zip(("fov_id", "annotator", "label"), each, strict=True)) for each in said])
    manifest = run(labels=AnnotationLabels(table, target="object"))
    assert manifest.class_names == ("pore", "ring")
    assert dict(manifest.table.select("fov_id", "label").iter_rows()) == {"a/0": "pore", "a/1": None, "b/0": None}
    assert manifest.table["shares"].to_list() == ['{"pore": 1.0}', '{"pore": 0.5, "ring": 0.5}', None]

    # regions label localisations of objects, too; clusters of whole FOVs do not
    square = row | {"fov_id": "b", "annotator": "Ada", "target": "region", "tool": "lasso", "data_fingerprint": None}
    everywhere = {"x": [-1e6, 1e6, 1e6, -1e6], "y": [-1e6, -1e6, 1e6, 1e6]}
    append_annotations(table, [square | everywhere | {"label": "ring"}])
    run(labels=AnnotationLabels(table, target="localisation"))
    assert read_fov(tmp_path / "tables", "b/0").locs["loc_label"].unique().to_list() == [0]
    assert read_fov(tmp_path / "tables", "a/0").locs["loc_label"].unique().to_list() == [-1]
    cluster = square | {"target": "cluster", "cluster_id": 0, "x": [0.0], "y": [0.0], "label": "ring"}
    append_annotations(table, [cluster | {"fov_id": "a"}])
    with pytest.raises(TooManyFailuresError, match=r"a: Ada annotated a cluster at .* no clusters of whole FOVs here"):
        run(labels=AnnotationLabels(table, target="localisation"))


def test_an_object_of_two_classes_is_refused(run, tmp_path):
    write_picks(tmp_path / "raw/a.csv", {0: blobs(1)})
    (tmp_path / "classes.csv").write_text("fov_id,object,label\na,0,pore\na,0,ring\n")
    with pytest.raises(DataError, match=r"one class for each object; found several for \['a/0'\]"):
        run(labels=ObjectLabels(tmp_path / "classes.csv"))


def test_the_class_of_most_localisations(run, tmp_path):
    write_picks(tmp_path / "raw/a.csv", {0: blobs(1), 1: blobs(2), 2: blobs(3)}, kinds={0: 1, 1: 0})
    manifest = run(labels=LocalisationLabels(["pore", "ring"], majority=True))
    assert dict(manifest.table.select("fov_id", "label").iter_rows()) == {"a/0": "ring", "a/1": "pore", "a/2": None}
    assert schema.LOC_LABEL not in read_fov(tmp_path / "tables", "a/0").locs.columns


def test_classes_of_objects_need_objects(tmp_path, make_recipe):
    write_picks(tmp_path / "raw/a.csv", {0: blobs(1)})
    labels = LocalisationLabels(["pore", "ring"], majority=True)
    catalogue = scan(tmp_path / "raw", COLUMNS, labels, NoGroups())
    with pytest.raises(ConfigError, match="labels: gives classes of objects"):
        prepare(catalogue, make_recipe(columns=COLUMNS), tmp_path / "tables", Serial(), 0.0)


def test_nothing_is_done_twice_and_nothing_stays_too_long(run, tmp_path):
    write_picks(tmp_path / "raw/a.csv", {0: blobs(1), 1: blobs(2)})
    run()
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "tables").rglob("*.parquet")}
    run()
    unchanged = {path: path.stat().st_mtime_ns for path in (tmp_path / "tables").rglob("*.parquet")}
    written.pop(tmp_path / "tables/manifest.parquet")
    unchanged.pop(tmp_path / "tables/manifest.parquet")
    assert written == unchanged

    write_picks(tmp_path / "raw/a.csv", {1: blobs(2)})
    assert run().table["fov_id"].to_list() == ["a/1"]
    assert list_fovs(tmp_path / "tables") == ["a/1"]
    assert manifest_of(tmp_path / "tables").table["parent_fov"].to_list() == ["a"]


class Overlapping(ObjectFinder):
    """The first and the last 20 localisations."""

    def assign(self, table, dimensions, fov_id):
        rows = np.concatenate([np.arange(20), np.arange(table.height - 20, table.height)])
        return ObjectRows(("first", "last"), rows, np.array([0, 20, 40]))


def test_localisations_of_several_objects_are_counted(run, tmp_path):
    write_picks(tmp_path / "raw/a.csv", {0: blobs(1)})
    run(objects=Overlapping(), min_localisations=1)
    objects = read_objects(tmp_path / "tables", "a")
    assert objects.counts["localisations in several objects"] == 16
    assert objects.counts["localisations in no object"] == 0


def test_names_with_a_slash_are_refused(run, tmp_path):
    class Slash(Overlapping):
        def assign(self, table, dimensions, fov_id):
            return replace(super().assign(table, dimensions, fov_id), names=("a/b", "c"))

    write_picks(tmp_path / "raw/a.csv", {0: blobs(1)})
    with pytest.raises(TooManyFailuresError, match="without a slash"):
        run(objects=Slash())


def test_a_damaged_record_is_made_again(run, tmp_path):
    write_picks(tmp_path / "raw/a.csv", {0: blobs(1)})
    run()
    path = tmp_path / "tables/objects/a.parquet"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"a\.parquet"):
        read_objects(tmp_path / "tables", "a")
    run()
    assert json.dumps(read_objects(tmp_path / "tables", "a").table["object"].to_list()) == '["0"]'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"column": "group"}, "column: expected one of null, pick, source_cluster, found 'group'"),
        ({"min_localisations": 0}, "min_localisations"),
        ({"min_localisations": 5, "max_localisations": 4}, "max_localisations: expected at least min_localisations, 5"),
    ],
)
def test_wrong_settings(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Picks(**arguments)


class Elsewhere:
    """Runs the last first, each on a copy as another process would get it."""

    def run(self, function, items):
        for fov_id, item in reversed(items.items()):
            outcome = attempt(*pickle.loads(pickle.dumps((function, fov_id, item))))
            yield pickle.loads(pickle.dumps(outcome))


def test_objects_of_one_fov_are_spread_over_processes(tmp_path, make_recipe):
    picks = {number: blobs(number) for number in range(120)} | {130: blobs(1)[:2]}
    write_picks(tmp_path / "raw/cell.csv", picks)
    catalogue = scan(tmp_path / "raw", COLUMNS, NoLabels(), NoGroups())
    for name, executor in (("here", Serial()), ("elsewhere", Elsewhere())):
        prepare(catalogue, make_recipe(columns=COLUMNS, objects=PICKS), tmp_path / name, executor, 0.5)
    here, elsewhere = (read_objects(tmp_path / name, "cell").table for name in ("here", "elsewhere"))
    assert_frame_equal(here, elsewhere)
    assert here["failed"].sum() == 1
    for fov_id in here.filter(~pl.col("failed"))["fov_id"]:
        assert_frame_equal(
            read_fov(tmp_path / "here", fov_id).clusters, read_fov(tmp_path / "elsewhere", fov_id).clusters
        )
    assert len(list_fovs(tmp_path / "elsewhere")) == 120


def test_a_failure_of_the_executor_is_that_of_the_fov(tmp_path, make_recipe):
    class Broken:
        def run(self, function, items):
            yield from (Outcome(fov_id, None, "no more memory") for fov_id in items)

    write_picks(tmp_path / "raw/cell.csv", {0: blobs(0)})
    catalogue = scan(tmp_path / "raw", COLUMNS, NoLabels(), NoGroups())
    with pytest.raises(TooManyFailuresError, match="cell: cell: 0 to 0: no more memory"):
        prepare(catalogue, make_recipe(columns=COLUMNS, objects=PICKS), tmp_path / "tables", Broken(), 0.0)
