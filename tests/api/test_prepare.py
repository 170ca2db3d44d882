"""From files to graphs: what is shared, what is made again, and what is refused with which words."""

import json
import logging
import re
import shutil

import numpy as np
import polars as pl
import pytest

import locgraph
from locgraph.api import prepare, recipes
from locgraph.api.config import plain
from locgraph.api.training.network import make_probe
from locgraph.errors import ConfigError, DataError, TooManyFailuresError
from locgraph.graphs.edges import AllPairs
from locgraph.graphs.store import GraphStore
from locgraph.io.featextracted import feature_columns
from locgraph.io.manifest import Manifest
from locgraph.preparation.executors import Outcome
from locgraph.provenance import fingerprint

LABEL_MAP = json.dumps({"0": "A", "1": "B"})


def table(dimensions=2, clusters=4, seed=0):
    """Blobs of 10 localisations, 500 nm apart."""
    centres = 500.0 * np.arange(clusters)[:, None] * np.ones(dimensions)
    rng = np.random.default_rng(seed)
    points = np.repeat(centres, 10, axis=0) + rng.normal(size=(clusters * 10, dimensions)) * 5
    return pl.DataFrame(points, schema=["x", "y", "z"][:dimensions])


def write(folder, name, locs, label="0", label_map=LABEL_MAP):
    folder.mkdir(parents=True, exist_ok=True)
    locs.write_parquet(folder / f"{name}.parquet", metadata={"gt_label": label, "gt_label_map": label_map})


@pytest.fixture
def raw(tmp_path):
    """A folder of four good FOVs."""
    for index in range(4):
        write(tmp_path / "raw", f"fov{index}", table(seed=index), label=str(index % 2))
    return tmp_path / "raw"


@pytest.fixture
def make(composed, tmp_path):
    """Prepares with these overrides; the raw files do not say their unit."""

    def make(*overrides, data="raw"):
        parts = () if data == "featextracted" else ("views=one",)
        parts = ("columns=nm", "executor=serial", "model=locclusternet", *parts)
        fixed = (f"data={data}", *parts, f"paths.output_dir={tmp_path}")
        return prepare.prepare_settings(plain(composed("prepare", *fixed, *overrides)))

    return make


def failures(prepared):
    """Why FOVs were left out: FOV -> reason."""
    return prepared.manifest.failures


def test_raw_files_become_tables_graphs_and_a_manifest(make, raw, tmp_path):
    prepared = make(f"data.raw_dir={raw}")

    manifest = prepared.manifest.table
    assert manifest["fov_id"].to_list() == ["fov0", "fov1", "fov2", "fov3"]
    assert manifest["label"].to_list() == ["A", "B", "A", "B"]
    assert manifest.select("dimensions", "n_localisations", "n_clusters").unique().rows() == [(2, 40, 4)]
    assert prepared.tables.parent == prepared.store.parent == tmp_path / "prepared" / "run"
    assert prepared.units["area_hull"] == "nm^2"
    features = prepared.graph_settings["cluster_features"]
    assert "count" in features
    assert not {"x_mean", "y_mean", "view", "cluster_id"} & set(features)
    (graph,) = GraphStore(prepared.store).load("fov2")
    assert graph["cluster"].x.shape == (4, len(features))
    assert graph["localisation"].num_nodes == 40
    assert json.loads((prepared.store / "recipe.json").read_text()) == prepared.graph_settings
    assert json.loads((prepared.tables / "recipe.json").read_text())["clustering"]["eps_nm"] == 20.0


def test_folders_are_shared_where_settings_do_not_decide(make, raw):
    first = make(f"data.raw_dir={raw}")
    stamps = {
        path: path.stat().st_mtime_ns
        for path in (*first.tables.rglob("*.parquet"), *first.store.rglob("*.safetensors"))
    }

    same = make(
        f"data.raw_dir={raw.parent}/./raw", "seed=3", "fold.index=2", "training.optimizer.lr=0.1", "augment=none",
        "scaling.positions=per_fov", "loader.batch_size=2", "model.readout.reduce=[mean]",
        "limits.max_failed_fraction=0.9",
    )  # fmt: skip

    assert (same.tables, same.store) == (first.tables, first.store)
    manifest = first.tables / "manifest.parquet"
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items() if path != manifest)


@pytest.mark.parametrize(
    ("override", "tables_differ"),
    [
        ("clustering.eps_nm=30", True),
        ("views.count=2", True),
        ("limits.min_clusters=2", True),
        ("~features.features.hull", True),
        ("graph.cluster_edges.k=2", False),
        ("graph.cluster_features=[count]", False),
        ("model=clusternet", False),
    ],
)
def test_folders_differ_where_settings_decide(make, raw, override, tables_differ):
    first, other = make(f"data.raw_dir={raw}"), make(f"data.raw_dir={raw}", override)

    assert (other.tables != first.tables) is tables_differ
    assert other.store != first.store


def test_folders_differ_by_raw_dir(make, raw, tmp_path):
    shutil.copytree(raw, tmp_path / "copy")

    first, other = make(f"data.raw_dir={raw}"), make(f"data.raw_dir={tmp_path / 'copy'}")

    assert other.tables != first.tables
    assert other.store != first.store


def test_the_name_decides_the_folder(make, raw, tmp_path):
    assert make(f"data.raw_dir={raw}", "name=mine").store.parent == tmp_path / "prepared" / "mine"


def test_simulated_files_are_made_first(make, tmp_path):
    prepared = make(
        "simulation=origami", "simulation.fovs_per_class=1", "simulation.origami.classes=[T]", "clustering=kmeans",
        "data.raw_dir=${simulation.folder}",
    )  # fmt: skip

    assert prepared.manifest.table["fov_id"].to_list() == ["T_000"]
    assert (tmp_path / "simulated" / "run" / "T_000.parquet").is_file()


def test_own_featextracted_tables_are_taken_as_they_are(make, raw):
    before = make(f"data.raw_dir={raw}", "graph/cluster_edges=all_pairs")

    after = make(f"data.featextracted_dir={before.tables}", "graph/cluster_edges=all_pairs", data="featextracted")

    assert after.tables == before.tables
    assert after.graph_settings == before.graph_settings
    assert after.store == before.store
    assert after.manifest.table.drop("path").equals(before.manifest.table.drop("path"))
    assert after.manifest.class_names == before.manifest.class_names


def write_locpix(folder, name, label="0"):
    """Four clusters of four localisations on a square of 2 px side, 50 px apart."""
    corners = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)])
    points = np.vstack([corners + 50 * index for index in range(4)])
    locs = pl.DataFrame(points, schema=["x", "y"]).with_columns(clusterID=pl.Series(np.repeat([0, 1, 2, 3], 4)))
    middle = [50.0 * index for index in range(4)]
    clusters = {"clusterID": [0, 1, 2, 3], "count": [4] * 4, "x_mean": middle, "y_mean": middle, "RGyration": [2.0] * 4}
    for kind, content in (("locs", locs), ("clusters", pl.DataFrame(clusters))):
        write(folder / "preprocessed" / "featextract" / kind, name, content, label)


def test_locpix_folders_are_converted_once(make, tmp_path):
    for index in range(3):
        write_locpix(tmp_path / "project", f"fov{index}", label=str(index % 2))
    overrides = [f"data.featextracted_dir={tmp_path / 'project'}", "data.unit=px"]

    prepared = make(*overrides, "data.pixel_size_nm=100", data="featextracted")

    assert prepared.manifest.table["label"].to_list() == ["A", "B", "A"]
    assert prepared.tables.parent == tmp_path / "prepared" / "run"
    assert prepared.graph_settings["cluster_features"] == ["count", "radius_of_gyration"]
    (graph,) = GraphStore(prepared.store).load("fov1")
    assert graph["cluster"].x[:, 1].tolist() == pytest.approx([100 * 2**0.5] * 4)
    stamps = {path: path.stat().st_mtime_ns for path in prepared.tables.rglob("*.parquet")}
    again = make(*overrides, "data.pixel_size_nm=100", data="featextracted")
    assert (again.tables, again.store) == (prepared.tables, prepared.store)
    assert {path: path.stat().st_mtime_ns for path in prepared.tables.rglob("*.parquet")} == stamps
    other = make(*overrides, "data.pixel_size_nm=130", data="featextracted")
    assert other.tables != prepared.tables


def test_a_locpix_folder_needs_its_unit(make, tmp_path):
    write_locpix(tmp_path / "project", "fov0")

    with pytest.raises(ConfigError, match=r"data\.unit: .*found none\. It is never guessed"):
        make(f"data.featextracted_dir={tmp_path / 'project'}", data="featextracted")


def test_too_many_bad_featextracted_tables(make, raw):
    tables = make(f"data.raw_dir={raw}").tables
    (tables / "clusters" / "fov1.parquet").write_bytes(b"PAR1")

    with pytest.raises(
        TooManyFailuresError, match=r"(?s)limits\.max_failed_fraction: .*10\.00% of 4.*\n  fov1: .*truncated"
    ):
        make(f"data.featextracted_dir={tables}", data="featextracted")


def test_a_folder_that_is_none(make, tmp_path):
    with pytest.raises(DataError, match=r"nowhere.*locs"):
        make(f"data.featextracted_dir={tmp_path / 'nowhere'}", data="featextracted")


def test_settings_that_would_have_no_effect_are_refused(fails, tmp_path):
    message = fails(tmp_path, "prepare", "data=featextracted", f"data.featextracted_dir={tmp_path}", "views.count=3")

    assert "['views.count=3'] would have no effect" in message


def test_values_that_could_not_work_are_refused(make, raw):
    with pytest.raises(ConfigError, match=r"limits\.min_clusters: expected a whole number of at least 1, found 'few'"):
        make(f"data.raw_dir={raw}", "limits.min_clusters=few")


def test_two_and_three_dimensions_are_not_mixed(make, raw):
    write(raw, "deep", table(dimensions=3))

    with pytest.raises(DataError, match=r"FOVs in \[2, 3\] dimensions are mixed.*leave z out of columns\.names"):
        make(f"data.raw_dir={raw}")
    assert make(f"data.raw_dir={raw}", "~columns.names.z").manifest.table["dimensions"].unique().to_list() == [2]


def test_no_fov_is_left(make, tmp_path):
    write(tmp_path / "raw", "few", table(clusters=2))

    with pytest.raises(DataError, match=r"no FOV is left to work with: .*'few': .*found 2"):
        make(f"data.raw_dir={tmp_path / 'raw'}", "limits.max_failed_fraction=1.0")


def test_a_fov_far_from_the_rest_is_named(make, raw, caplog):
    for index in range(4, 10):
        write(raw, f"fov{index}", table(seed=index), label=str(index % 2))
    assert make(f"data.raw_dir={raw}").warnings == ()
    write(raw, "whole", pl.concat([table(seed=seed) + 3000.0 * seed for seed in range(20)]))

    prepared = make(f"data.raw_dir={raw}")

    (warning,) = prepared.warnings
    assert warning.startswith("1 FOV is far from the rest of 11: whole: ")
    assert "800 localisations, 67% of all (20 times above the median)" in warning
    assert warning in caplog.messages
    assert make(f"data.raw_dir={raw}", "limits.max_localisations=100").warnings == ()


def test_a_fov_that_fails_as_a_graph_is_left_out(make, raw, caplog):
    caplog.set_level(logging.INFO)
    write(raw, "crowd", table(clusters=9))
    overrides = [f"data.raw_dir={raw}", "graph/cluster_edges=all_pairs", "graph.cluster_edges.limit=5"]

    prepared = make(*overrides, "limits.max_failed_fraction=0.2")

    assert prepared.manifest.table["fov_id"].to_list() == ["fov0", "fov1", "fov2", "fov3"]
    assert "limit=5 clusters to join by all pairs, found 9" in failures(prepared)["crowd"]
    assert "4 FOVs ready, 1 failed" in caplog.messages
    with pytest.raises(TooManyFailuresError, match=r"(?s)10\.00% of 5 FOVs.*crowd: .*all pairs, found 9"):
        make(*overrides)


def test_every_kind_of_bad_file_is_named_with_its_reason_and_the_others_go_on(make, raw):
    good = table()
    write(raw, "renamed", good.rename({"x": "x_nm"}))
    write(raw, "not_a_number", good.with_columns(x=pl.lit(float("nan"))))
    write(raw, "infinite", good.with_columns(y=pl.when(pl.int_range(pl.len()) < 20).then(float("inf")).otherwise("y")))
    write(raw, "negative", good.with_columns(photons=pl.lit(-5.0)))
    write(raw, "no_rows", good.clear())
    write(raw, "two_clusters", table(clusters=2))
    write(raw, "noise", pl.DataFrame({"x": [0.0, 1e4, 2e4], "y": [0.0, 0.0, 0.0]}))
    write(raw, "twice", good)
    write(raw, "other_map", good, label_map=json.dumps({"0": "B", "1": "A"}))
    write(raw, "no_such_label", good, label="7")
    good.write_parquet(raw / "no_label.parquet")
    good.write_csv(raw / "twice.csv")
    good.write_csv(raw / "text.parquet")
    (raw / "empty.parquet").touch()
    (raw / "cut.parquet").write_bytes((raw / "fov0.parquet").read_bytes()[:-300])
    (raw / "no_table.txt").write_text("these are notes, and no table\n")

    prepared = make(f"data.raw_dir={raw}", "limits.max_failed_fraction=0.9")

    assert prepared.manifest.table["fov_id"].to_list() == ["fov0", "fov1", "fov2", "fov3"]
    expected = {
        "renamed": "expected the column 'x' (x); found the columns 'x_nm', 'y'",
        "not_a_number": "40 rows: x is missing or not a finite number",
        "infinite": "20 rows: y is missing or not a finite number",
        "negative": "40 rows: photons is negative",
        "no_rows": "found a header without rows",
        "two_clusters": "expected at least 3 clusters of at least 3 localisations, found 2",
        "noise": "expected at least 3 clusters of at least 3 localisations, found 0",
        "twice": "expected one file for the FOV twice; found",
        "other_map": "expected the gt_label_map of most files, {0: 'A', 1: 'B'}; found {0: 'B', 1: 'A'}",
        "no_such_label": "expected gt_label in the file's metadata to be one of 0, 1, the keys of gt_label_map; found",
        "no_label": "expected gt_label_map in the file's metadata; found",
        "text": "expected parquet, as its name says",
        "empty": "found an empty file (0 bytes)",
        "cut": "truncated",
        "no_table": "expected",
    }
    found = failures(prepared)
    assert {name: reason for name, reason in expected.items() if reason not in found.get(name, "")} == {}
    assert set(found) == set(expected)
    assert Manifest.read(prepared.tables / "manifest.parquet").failures == found


def test_refused_rows_are_said_at_the_end(make, raw, caplog):
    bad = table(seed=7).with_columns(x=pl.when(pl.int_range(pl.len()) < 2).then(None).otherwise("x"))
    write(raw, "some_rows", bad)

    with caplog.at_level(logging.WARNING):
        prepared = make(f"data.raw_dir={raw}", "limits.max_refused_fraction=0.1")

    reason = "x is missing or not a finite number"
    sentence = f"rows refused: 2 of 200 in 1 of 5 FOVs (2: {reason}). Most: some_rows (2 of 40)"
    assert caplog.messages[-1] == sentence
    assert Manifest.read(prepared.tables / "manifest.parquet").refused.describe() == sentence


def test_above_the_limit_all_reasons_are_told_and_nothing_goes_on(make, raw):
    write(raw, "two_clusters", table(clusters=2))
    (raw / "empty.parquet").touch()

    with pytest.raises(
        TooManyFailuresError,
        match=r"(?s)limits\.max_failed_fraction: expected at most 30\.00% of 6 FOVs to fail; found 2\..*"
        r"\n  empty: .*0 bytes.*\n  two_clusters: .*found 2",
    ):
        make(f"data.raw_dir={raw}", "limits.max_failed_fraction=0.3")


def test_exactly_three_clusters_are_enough(make, tmp_path):
    write(tmp_path / "raw", "three", table(clusters=3))

    assert make(f"data.raw_dir={tmp_path / 'raw'}").manifest.table["n_clusters"].to_list() == [3]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["columns=nm", "columns.unit=null"], r"columns\.unit"),
        (["columns=custom"], r"columns\.unit"),
        (["columns=nm", "columns.unit=px"], "pixel_size_nm"),
        (["columns=nm", "columns.unit=inch"], r"columns\.unit.*inch"),
        (["columns=nm", "~columns.names.x"], r"columns\.names.*x"),
        (
            ["columns=nm", "columns.names.x=X"],
            r"required columns|expected the column.*'X'.*found the columns 'x', 'y'",
        ),
        ([], r"fov0\.parquet: expected columns of a known software, with their units; found the columns 'x', 'y'"),
        (["columns.leave_out=[x]"], r"columns\.leave_out: expected some of z, frame.*found x"),
    ],
)
def test_columns_and_units_are_told_by_name(fails, raw, tmp_path, overrides, message):
    text = fails(tmp_path, "prepare", f"data.raw_dir={raw}", *overrides)

    assert re.search(message, text)


@pytest.mark.parametrize("names", [[], ["notes.md"], ["empty.csv"]])
def test_a_folder_with_no_readable_file(make, tmp_path, names):
    (tmp_path / "raw").mkdir()
    for name in names:
        (tmp_path / "raw" / name).touch()

    with pytest.raises(
        DataError, match=r"data\.raw_dir: expected files of localisations, .*found none that can be read"
    ):
        make(f"data.raw_dir={tmp_path / 'raw'}")


def a_manifest(n_failures):
    empty = pl.DataFrame(schema=["fov_id", "path", "label", "group", "dimensions", "n_localisations", "n_clusters"])
    return Manifest(empty, (), {f"fov{index:02d}": f"reason {index}" for index in range(n_failures)})


@pytest.mark.parametrize(("n", "shown"), [(0, 0), (10, 10), (13, 10)])
def test_at_most_ten_failures_are_logged(caplog, n, shown):
    caplog.set_level(logging.INFO)

    prepare._log_failures(a_manifest(n))

    assert caplog.messages[0] == f"0 FOVs ready, {n} failed"
    assert caplog.messages[1 : shown + 1] == [f"left out fov{index:02d}: reason {index}" for index in range(shown)]
    rest = ["... and 3 more; all are in the manifest"] if n > 10 else []
    assert caplog.messages[shown + 1 :] == rest


def test_features_are_the_numbers_that_describe_the_cluster_itself():
    clusters = pl.DataFrame(
        {"view": [0], "cluster_id": [0], "x_mean": [1.0], "y_mean": [1.0], "z_mean": [1.0], "count": [3], "area": [2.0],
         "name": ["a"]}
    )  # fmt: skip

    assert feature_columns(clusters) == ["count", "area"]


def test_progress_hands_outcomes_on(capsys):
    outcomes = [Outcome("a", 1), Outcome("b", None, "why")]

    assert list(prepare.progress(iter(outcomes), 2, "clusters and features")) == outcomes
    assert "clusters and features" in capsys.readouterr().out


def test_progress_of_nothing_shows_nothing(capsys):
    assert list(prepare.progress(iter([]), 0, "graphs")) == []
    assert capsys.readouterr().out == ""


@pytest.fixture
def settings(composed):
    """All settings with these overrides."""
    return lambda *overrides: plain(composed("train", "data.raw_dir=raw", *overrides))


def test_settings_and_recipe_of_the_tables(settings):
    overrides = ["columns=nm", "clustering=kmeans", "clustering.n_clusters=7", "limits.min_clusters=4"]

    decisive = recipes.table_settings(settings(*overrides))
    recipe = recipes.table_recipe(decisive)

    limits = {"min_localisations": 3, "min_clusters": 4, "max_refused_fraction": 0.05, "keep_unclustered": True}
    limits["max_localisations"] = None
    assert decisive["limits"] == limits
    assert set(decisive) == {"limits", "columns", "preprocess", "clustering", "features", "views"}
    assert (recipe.columns.unit, recipe.views.count, recipe.min_clusters, recipe.preprocess) == ("nm", 4, 4, {})
    assert recipe.settings == decisive


def test_the_order_of_filters_is_kept_and_counts(settings):
    orders = (["merge_blinks", "frames", "precision"], ["precision", "merge_blinks", "frames"])
    decisive = [recipes.table_settings(settings(f"preprocess=[{','.join(names)}]")) for names in orders]

    for names, each in zip(orders, decisive, strict=True):
        assert list(recipes.table_recipe(each).preprocess) == names
    assert fingerprint(decisive[0]) != fingerprint(decisive[1])


@pytest.mark.parametrize("wanted", [True, False])
def test_localisations_are_stored_where_the_model_reads_them_or_the_user_wants_them(settings, wanted):
    chosen = settings("model=locclusternet", f"graph.localisations={wanted}")

    assert recipes.graph_settings(chosen, [], uses_localisations=not wanted)["localisations"] is wanted
    assert recipes.graph_settings(settings(), [], uses_localisations=wanted)["localisations"] is wanted


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["model=invariantnet"], False),
        (["model=clusternet"], False),
        (["model=locclusternet"], True),
        (["model=hgt"], True),
        (["model=clusternet", "model/head=segment"], True),
    ],
)
def test_a_probe_of_the_model_knows_what_it_reads(settings, overrides, expected):
    assert make_probe(settings(*overrides)).uses_localisations is expected


def test_features_left_open_are_those_of_the_tables(settings):
    tables = ["count", "area_hull"]

    assert recipes.graph_settings(settings(), tables, uses_localisations=True)["cluster_features"] == tables
    for features in ([], ["count"]):
        chosen = settings(f"graph.cluster_features={features}")
        assert recipes.graph_settings(chosen, tables, uses_localisations=True)["cluster_features"] == features


def test_recipe_of_the_graphs(settings):
    overrides = ["graph/cluster_edges=all_pairs", "graph.localisation_features=[photons]", "graph/descriptors=standard"]
    superclusters = ["graph/superclusters=linked", "graph.superclusters.scales_nm=[50,70.5]"]
    decisive = recipes.graph_settings(settings(*overrides, *superclusters), ["count"], uses_localisations=True)

    recipe = recipes.graph_recipe(decisive)

    assert (recipe.cluster_features, recipe.localisation_features) == (("count",), ("photons",))
    assert isinstance(recipe.cluster_edges, AllPairs)
    assert (recipe.localisations, recipe.localisation_k, recipe.ratios) == (True, 5, (0.5, 0.5))
    assert set(recipe.descriptors) == {"pair_distances", "ripley", "covariance"}
    assert recipe.superclusters.scales_nm == (50, 70.5)
    plain_recipe = recipes.graph_recipe(recipes.graph_settings(settings(), ["count"], uses_localisations=True))
    assert (plain_recipe.descriptors, plain_recipe.superclusters) == ({}, None)


def test_a_folder_is_prepared_by_overrides_or_by_a_mapping(raw, tmp_path):
    fixed = ("columns=nm", "executor=serial", f"paths.output_dir={tmp_path}")

    prepared = locgraph.prepare(raw, *fixed)

    assert repr(prepared).startswith("Prepared(4 FOVs of 2 classes, 160 localisations in 16 clusters, 0 failed")
    assert "<table" in prepared._repr_html_()
    assert prepared.labels["fov1"] == "B"
    assert prepared.clusters("fov0").height == 4
    assert prepared.localisations("fov0").height == 40
    again = locgraph.prepare(raw, locgraph.compose("prepare", "data.raw_dir=elsewhere", *fixed))
    assert again.tables == prepared.tables
    with pytest.raises(ConfigError, match="expected overrides or one mapping"):
        locgraph.compose("prepare", {}, "seed=1")
    with pytest.raises(ConfigError, match="Could not override 'nonsense'"):
        locgraph.prepare(raw, "nonsense=1")
