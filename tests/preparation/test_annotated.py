"""Labels from annotations while data are prepared: what is made anew, what is counted, files that have changed."""

import polars as pl
import pytest

from locgraph.io.annotations.labels import AnnotationLabels
from locgraph.io.annotations.table import append_annotations
from locgraph.io.catalogue import scan
from locgraph.io.columns import ColumnMap
from locgraph.io.featextracted import read_counts, read_fov
from locgraph.io.groups import NoGroups
from locgraph.preparation.convert import ConvertRecipe, convert
from locgraph.preparation.executors import Serial
from locgraph.preparation.prepare import prepare
from locgraph.preparation.snapshot import describe_changes, take_snapshot
from locgraph.provenance import file_digest

COLUMNS = ColumnMap({"x": "x", "y": "y"}, unit="nm")
FIRST = {"x": [-100.0, 500.0, 500.0, -100.0], "y": [-100.0, -100.0, 100.0, 100.0]}
"""Around the first blob of each raw file, which has 10 localisations."""


@pytest.fixture
def raw(make_raw):
    return make_raw()


@pytest.fixture
def table(tmp_path):
    return tmp_path / "annotations.parquet"


def state(table, fov_id, label, annotator="Ada", **values):
    row = {"fov_id": fov_id, "target": "fov", "label": label, "annotator": annotator, "tool": "key"}
    return append_annotations(table, [row | values])


@pytest.fixture
def run(raw, table, tmp_path, make_recipe):
    """Prepares with labels from the table; returns the manifest, and the names of the FOVs made by this call."""
    folder = tmp_path / "tables"

    def run(recipe=None, **settings):
        labels = AnnotationLabels(table, **settings)
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("clusters/**/*.parquet")}
        manifest = prepare(scan(raw, COLUMNS, labels, NoGroups()), recipe or make_recipe(), folder, Serial(), 0.5)
        after = {path: path.stat().st_mtime_ns for path in folder.rglob("clusters/**/*.parquet")}
        made = {path.relative_to(folder / "clusters").with_suffix("").as_posix() for path in after}
        same = {path.relative_to(folder / "clusters").with_suffix("").as_posix() for path in before}
        changed = {name for name in made & same if _time(before, name) != _time(after, name)}
        return manifest, sorted(made - same | changed)

    run.folder = folder
    return run


def _time(times, name):
    return next(time for path, time in times.items() if path.as_posix().endswith(f"clusters/{name}.parquet"))


def test_another_label_makes_exactly_its_fov_anew_and_another_share_none(run, table):
    for fov_id, label in (("A/0", "a"), ("A/2", "b"), ("B/1", "a"), ("B/3", "b")):
        state(table, fov_id, label)
    manifest, made = run()
    assert made == ["A/0", "A/2", "B/1", "B/3"]
    assert manifest.table["label"].to_list() == ["a", "b", "a", "b"]
    assert manifest.table["shares"].to_list() == ['{"a": 1.0}', '{"b": 1.0}', '{"a": 1.0}', '{"b": 1.0}']
    assert run()[1] == []

    state(table, "A/2", "a")
    assert run()[1] == ["A/2"]

    for name in ("Bob", "Cy"):
        state(table, "B/1", {"Bob": "a", "Cy": "b"}[name], name)
    manifest, made = run()
    assert made == []
    assert manifest.table["shares"][2] == '{"a": 0.6666666666666666, "b": 0.3333333333333333}'


def test_localisations_and_only_the_fov_whose_regions_changed(run, table):
    state(table, "A/0", "first", target="region", tool="polygon", **FIRST)
    manifest, made = run(target="localisation")
    assert len(made) == 4
    assert manifest.class_names == ("first",)
    assert manifest.table["n_labelled"].to_list() == [10, 0, 0, 0]
    assert manifest.table["label"].null_count() == 4
    locs = read_fov(run.folder, "A/0").locs
    assert locs["loc_label"].to_list() == [0 if x < 500 else -1 for x in locs["x"]]
    assert read_fov(run.folder, "A/2").locs["loc_label"].unique().to_list() == [-1]

    state(table, "A/2", "first", target="region", tool="polygon", **FIRST)
    manifest, made = run(target="localisation")
    assert made == ["A/2"]
    assert manifest.table["n_labelled"].to_list() == [10, 10, 0, 0]


def test_disagreement_on_localisations_is_counted(run, table, caplog):
    state(table, "A/0", "one", target="region", tool="polygon", **FIRST)
    state(table, "A/0", "two", "Bob", target="region", tool="brush", x=[0.0], y=[0.0], radius=1100.0)
    manifest, _ = run(target="localisation")
    assert manifest.table["n_labelled"][0] == 8  # those of the second blob, which the brush reaches, too
    assert read_counts(run.folder, "A/0")["localisations_without_label: tie"] == 10
    assert "annotated localisations without a label: 10 with tie" in caplog.text


def test_clusters_of_all_views_follow_those_that_were_annotated(run, table, make_recipe):
    state(table, "A/0", "x")  # a label of the FOV does not count here
    recipe = make_recipe()
    run(recipe, target="fov")
    clusters = read_fov(run.folder, "A/0").clusters
    centre = {"x": [clusters["x_mean"][1]], "y": [clusters["y_mean"][1]]}
    state(table, "A/0", "second", target="cluster", cluster_id=1, tool="click", **centre)
    manifest, _ = run(recipe, target="localisation")
    locs = read_fov(run.folder, "A/0").locs
    assert locs["loc_label"].to_list() == [0 if cluster == 1 else -1 for cluster in locs["cluster_id"]]
    assert manifest.failures == {}

    far = {"x": [centre["x"][0] + 30.0], "y": centre["y"]}
    state(table, "A/2", "second", target="cluster", cluster_id=1, tool="click", **far)
    manifest, _ = run(recipe, target="localisation")
    assert list(manifest.failures) == ["A/2"]
    assert "A/2: Ada annotated a cluster at" in manifest.failures["A/2"]


def test_a_file_that_has_changed_since_fails_alone_unless_it_is_allowed(run, raw, table):
    for fov_id in ("A/0", "A/2"):
        state(table, fov_id, "a", data_fingerprint=file_digest(raw / f"{fov_id}.csv"))
    assert run()[0].failures == {}
    path = raw / "A/2.csv"
    path.write_text(path.read_text() + "1.0,1.0\n")

    manifest, _ = run()
    assert list(manifest.failures) == ["A/2"]
    assert manifest.failures["A/2"].startswith("A/2: its raw file has changed since it was annotated (it was ")
    assert "look at the FOV again with `locgraph annotate`, or set labels.check_data=false" in manifest.failures["A/2"]
    assert manifest.failed_labels == {"A/2": "a"}

    manifest, made = run(check_data=False)
    assert (manifest.failures, made) == ({}, ["A/2"])


def test_a_record_of_what_a_run_was_trained_on_knows_other_annotations(run, raw, table, make_recipe):
    state(table, "A/0", "first", target="region", tool="polygon", **FIRST)
    labels = AnnotationLabels(table, target="localisation")
    run(target="localisation")
    snapshot = take_snapshot(scan(raw, COLUMNS, labels, NoGroups()), run.folder)
    assert describe_changes(snapshot, scan(raw, COLUMNS, labels, NoGroups()), make_recipe()) == ""
    state(table, "A/2", "first", target="region", tool="polygon", **FIRST)
    changes = describe_changes(snapshot, scan(raw, COLUMNS, labels, NoGroups()), make_recipe())
    assert changes == "1 with other annotations (A/2)"


def test_a_file_that_cannot_be_read_keeps_its_label_and_is_all_that_is_warned_of(run, raw, table, caplog):
    for fov_id in ("A/0", "A/2", "B/1", "B/3"):
        state(table, fov_id, fov_id[0])
    (raw / "B/3.csv").write_bytes(b"PAR1 this is no table PAR1")
    manifest, _ = run()
    assert list(manifest.failures) == ["B/3"]
    assert manifest.failed_labels == {"B/3": "B"}
    assert "1 annotated FOVs have no file that can be read, such as 'B/3'" in caplog.text
    assert caplog.text.count("have no file that can be read") == 1


def test_the_table_may_lie_among_the_raw_files(run, raw, table):
    inside = raw / "annotations.parquet"
    state(inside, "A/0", "a")
    catalogue = scan(raw, COLUMNS, AnnotationLabels(inside), NoGroups())
    assert [source.fov_id for source in catalogue.sources] == ["A/0", "A/2", "B/1", "B/3"]
    assert [source.label for source in catalogue.sources] == ["a", None, None, None]
    assert pl.read_parquet(inside).height == 1


def test_converted_files_hold_the_labels_and_only_those_that_changed_are_made_anew(raw, table, tmp_path):
    recipe, target = ConvertRecipe(COLUMNS, 0.1, {}), tmp_path / "converted"
    state(table, "A/0", "first", target="region", tool="polygon", **FIRST)
    state(table, "A/2", "first", data_fingerprint="another file")

    def run(**settings):
        catalogue = scan(raw, COLUMNS, AnnotationLabels(table, **settings), NoGroups())
        return convert(catalogue, recipe, raw, target, Serial())

    assert len(run(target="localisation").made) == 4
    locs = pl.read_parquet(target / "A" / "0.parquet")
    assert locs["loc_label"].to_list() == [0 if x < 500 and y < 500 else -1 for x, y in locs.select("x", "y").rows()]
    assert run(target="localisation").made == ()
    state(table, "B/1", "first", target="region", tool="polygon", **FIRST)
    assert run(target="localisation").made == ("B/1",)

    done = run()
    assert list(done.manifest.failures) == ["A/2"]
    assert "A/2: its raw file has changed since it was annotated (it was another file" in done.manifest.failures["A/2"]
    assert run(check_data=False).manifest.table["label"].to_list() == [None, "first", None, None]
