"""One FOV from raw file to tables: what is kept, what is dropped, and that every row is accounted for."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.catalogue import FovSource
from locgraph.io.columns import ColumnMap
from locgraph.io.featextracted import read_fov
from locgraph.io.readers.delimited import DelimitedReader
from locgraph.preparation import extract
from locgraph.preparation.extract import ExtractTask, cluster_view, extract_fingerprint, extract_fov
from locgraph.preparation.features.shape import Size
from locgraph.preparation.features.table import FeatureSet
from locgraph.preparation.filters.merge_blinks import MergeBlinks
from locgraph.preparation.filters.selection import Between, Region
from locgraph.preparation.views import Views
from locgraph.schema import Column


def clusterer(*needs):
    """Makes a function a clusterer that needs these columns."""

    def mark(function):
        function.needs = needs
        return function

    return mark


@clusterer()
def by_hundreds(points, seed):
    """Cluster 0 is x from 0 to 100, cluster 1 from 100 to 200, and so on; below 0 is noise."""
    return np.maximum(np.floor(points[:, 0] / 100), -1).astype(np.int64)


class Photons:
    """A feature that needs a column."""

    needs = ("photons",)

    def columns(self, dimensions):
        return (Column("photons_sum", pl.Float64, "photons", "photons of the cluster"),)

    def compute(self, groups):
        return {"photons_sum": groups.sums(groups.extra["photons"])}


class Depth:
    """A feature of localisations: photons above those of the dimmest of the cluster."""

    needs = ("photons",)

    def columns(self, dimensions):
        return (Column("depth", pl.Float64, "photons", "photons above the dimmest"),)

    def measure(self, groups):
        dimmest = np.minimum.reduceat(groups.extra["photons"], groups.offsets[:-1])
        return {"depth": groups.extra["photons"] - np.repeat(dimmest, groups.counts)}


def raw_table():
    """Clusters of 3, 1, 4 and 2 localisations in mixed order, one outside, two unusable rows."""
    return pl.DataFrame(
        {
            "x": [310.0, 10.0, 210.0, -5.0, 20.0, 220.0, 110.0, 230.0, 30.0, 240.0, 320.0, float("nan"), 15.0],
            "y": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
            "photons": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, -1.0],
        }
    )


@pytest.fixture
def run(tmp_path, make_recipe):
    """Extracts one table; returns the counts and the FOV."""

    def extracted(table, **changes):
        path = tmp_path / "raw" / "fov.parquet"
        path.parent.mkdir(exist_ok=True)
        table.write_parquet(path)
        given = {
            "columns": ColumnMap({"x": "x", "y": "y", "photons": "photons"}, unit="nm"),
            "clusterer": by_hundreds,
            "min_localisations": 1,
            "max_refused_fraction": 0.5,
        }
        recipe = make_recipe(**(given | changes))
        source = FovSource("fov", path, "b", "patient 1")
        counts = extract_fov(ExtractTask(source, ("a", "b"), recipe, tmp_path / "tables", "mark"))
        return counts, read_fov(tmp_path / "tables", "fov")

    return extracted


def test_tables_by_hand(run):
    _, fov = run(raw_table(), min_localisations=2)

    assert fov.locs.select("cluster_id", "x", "y", "photons", "view").rows() == [
        (0, 30.0, 8.0, 9.0, 0),  # in each cluster from the mean of the FOV outwards, x = 154.1
        (0, 20.0, 4.0, 5.0, 0),
        (0, 10.0, 1.0, 2.0, 0),
        (1, 210.0, 2.0, 3.0, 0),
        (1, 220.0, 5.0, 6.0, 0),
        (1, 230.0, 7.0, 8.0, 0),
        (1, 240.0, 9.0, 10.0, 0),
        (2, 310.0, 0.0, 1.0, 0),
        (2, 320.0, 10.0, 11.0, 0),
    ]
    assert fov.clusters.select("view", "cluster_id", "count").rows() == [(0, 0, 3), (0, 1, 4), (0, 2, 2)]
    assert fov.clusters["x_mean"].to_list() == pytest.approx([20.0, 225.0, 315.0])
    assert fov.clusters["y_mean"].to_list() == pytest.approx([13 / 3, 5.75, 5.0])


def test_every_row_is_accounted_for(run):
    counts, fov = run(raw_table(), min_localisations=3)

    assert counts == fov.counts
    assert counts == {
        "dimensions": 2,
        "rows_refused": 2,
        "localisations_read": 11,
        "localisations_unclustered": 1,
        "clusters_too_small": 2,
        "localisations_in_small_clusters": 3,
        "n_localisations": 7,
        "n_clusters": 2,
    } | {name: 1 for name in counts if name.startswith("rows_refused: ")}
    assert len([name for name in counts if name.startswith("rows_refused: ")]) == 2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("min_localisations", [1, 4, 9])
def test_counts_add_up_to_the_rows_read(run, seed, min_localisations):
    rng = np.random.default_rng(seed)
    xy = {"x": rng.uniform(-300, 1500, 200), "y": rng.uniform(0, 9, 200)}
    table = pl.DataFrame(xy | {"photons": rng.normal(size=200) + 2})

    counts, fov = run(table, min_localisations=min_localisations, views=Views(count=3))

    assert counts["rows_refused"] + counts["localisations_read"] == 200
    dropped = counts["localisations_unclustered"] + counts["localisations_in_small_clusters"]
    assert counts["n_localisations"] + dropped == counts["localisations_read"]
    whole = fov.clusters.filter(view=0)
    assert whole["count"].sum() == counts["n_localisations"] == fov.locs.filter(view=0).height
    assert whole.height == counts["n_clusters"]
    assert fov.clusters["count"].min() >= min_localisations


def test_files_record_label_group_units_and_settings(run):
    _, fov = run(raw_table())

    assert (fov.fov_id, fov.label, fov.group, fov.class_names) == ("fov", "b", "patient 1", ("a", "b"))
    assert fov.dimensions == 2
    assert fov.fingerprint == "mark"
    assert fov.recipe["min_localisations"] == "1"
    assert set(fov.units) == set(fov.locs.columns) | set(fov.clusters.columns)
    assert [fov.units[name] for name in ("x", "photons", "count", "x_mean")] == ["nm", "photons", "1", "nm"]


def test_a_column_that_a_feature_needs_is_missing(run):
    with pytest.raises(DataError, match=r"fov\.parquet: the features expected the columns \['photons'\], found"):
        run(raw_table().drop("photons"), features=FeatureSet({"photons": Photons()}))


def test_a_fov_of_too_many_localisations_is_refused_after_the_filters(run):
    with pytest.raises(
        DataError, match=r"fov\.parquet: expected at most 9 localisations \(limits\.max_localisations\), found 11; cut"
    ):
        run(raw_table(), max_localisations=9)

    counts, _ = run(raw_table(), max_localisations=9, preprocess={"region": Region(x=[0, 230], y=None)})
    assert counts["n_localisations"] == 7
    assert run(raw_table(), max_localisations=11)[0]["n_localisations"] == 10


def test_files_record_how_columns_are_scaled_and_measures(run):
    _, fov = run(raw_table(), features=FeatureSet({"size": Size(), "photons": Photons()}))

    assert {name: fov.scales[name] for name in ("count", "radius_of_gyration", "photons_sum", "x", "photons")} == {
        "count": "log",
        "radius_of_gyration": "log",
        "photons_sum": "linear",
        "x": "linear",
        "photons": "log",
    }
    points = fov.locs.select("x", "y").to_numpy()
    assert fov.measures == {"extent": pytest.approx(np.sqrt(points.var(axis=0).sum()))}


@pytest.mark.parametrize(
    ("changes", "found"), [({"min_clusters": 5}, 4), ({"min_localisations": 4}, 1), ({"min_localisations": 9}, 0)]
)
def test_too_few_clusters(run, tmp_path, changes, found):
    changes = {"min_clusters": 2} | changes

    with pytest.raises(
        DataError,
        match=rf"fov\.parquet: expected at least {changes['min_clusters']} clusters .*, found {found}; .* min_clusters",
    ):
        run(raw_table(), **changes)

    assert not (tmp_path / "tables").exists()


def test_views_are_thinned_and_clustered_anew(run):
    seeds = []

    @clusterer()
    def recording(points, seed):
        seeds.append((len(points), seed))
        return by_hundreds(points, seed)

    views = Views(count=4, keep=0.6, seed=5)
    _, fov = run(raw_table(), clusterer=recording, views=views)

    assert seeds == [(size, views.cluster_seed(view, 11)) for view, size in enumerate((11, 7, 7, 7))]
    assert fov.clusters["view"].unique().to_list() == [0, 1, 2, 3]
    whole = fov.locs.filter(view=0)
    for view in range(1, 4):
        rows = fov.locs.filter(view=view)
        assert rows.height in (6, 7)  # one of the eleven is noise
        assert rows.join(whole, on=["x", "y", "photons"], how="semi").height == rows.height
        clusters = fov.clusters.filter(view=view)
        assert clusters["cluster_id"].to_list() == list(range(clusters.height))
        assert clusters["count"].to_list() == rows.group_by("cluster_id").len().sort("cluster_id")["len"].to_list()


def test_views_with_too_few_clusters_are_left_out_and_counted(run):
    sizes = {}

    @clusterer()
    def joining(points, seed):
        view = len(sizes)
        sizes[view] = len(points)
        return np.zeros(len(points), dtype=np.int64) if view in (1, 3) else by_hundreds(points, seed)

    counts, fov = run(raw_table(), clusterer=joining, views=Views(count=5, keep=0.9), min_clusters=2)

    assert counts["views_left_out"] == 2
    assert fov.clusters["view"].unique().to_list() == [0, 1, 2]  # numbered without gaps
    assert fov.locs["view"].unique().to_list() == [0, 1, 2]


def test_numbers_that_no_cluster_has_are_not_clusters(make_recipe):
    @clusterer()
    def gaps(points, seed):
        return by_hundreds(points, seed) * 5

    points = raw_table().filter(pl.col("x").is_finite(), pl.col("x") > 0).select("x", "y").to_numpy()

    labels, dropped = cluster_view(points, {}, make_recipe(clusterer=gaps, min_localisations=2), 0)

    assert sorted({*labels.tolist()} - {-1}) == [0, 1, 2]
    assert dropped["clusters_too_small"] == 1


def test_the_fingerprint_changes_with_all_that_matters(tmp_path, make_recipe, monkeypatch):
    path, names, recipe = tmp_path / "raw.csv", ("a", "b"), make_recipe()
    path.write_text("x,y\n1,2\n")
    source = FovSource("fov", path, "a", "g")
    marks = [
        extract_fingerprint(source, names, recipe),
        extract_fingerprint(source, names, make_recipe(eps_nm=31.0)),
        extract_fingerprint(source, ("b", "a"), recipe),
        extract_fingerprint(FovSource("other", path, "a", "g"), names, recipe),
        extract_fingerprint(FovSource("fov", path, "b", "g"), names, recipe),
        extract_fingerprint(FovSource("fov", path, "a", None), names, recipe),
        extract_fingerprint(FovSource("fov", path, "a", "g", by_localisation=True), names, recipe),
    ]
    path.write_text("x,y\n1,3\n")
    marks.append(extract_fingerprint(source, names, recipe))
    monkeypatch.setattr(extract, "TABLES_VERSION", 0)
    marks.append(extract_fingerprint(source, names, recipe))

    assert len(set(marks)) == len(marks)


def test_the_fingerprint_does_not_depend_on_where_the_file_lies(tmp_path, make_recipe):
    paths = [tmp_path / "here.csv", tmp_path / "there.csv"]
    for path in paths:
        path.write_text("x,y\n1,2\n")

    marks = {extract_fingerprint(FovSource("fov", path, "a", None), ("a",), make_recipe()) for path in paths}

    assert len(marks) == 1


@pytest.mark.parametrize("setting", ["min_localisations", "min_clusters", "max_localisations"])
def test_settings_that_cannot_work(make_recipe, setting):
    with pytest.raises(ConfigError, match=rf"{setting}: .* at least 1, found 0"):
        make_recipe(**{setting: 0})


def test_filters_run_first_and_are_accounted_for(run):
    filters = {"bright": Between("photons", least=3), "box": Region(x=[0, 300])}

    counts, fov = run(raw_table(), preprocess=filters)

    assert counts == fov.counts
    assert counts["localisations_read"] == 11
    assert {name: counts[name] for name in counts if name.startswith("filtered")} == {
        "filtered: bright": 2,
        "filtered: box": 2,
    }
    assert counts["n_localisations"] == 7
    assert fov.locs["photons"].to_list() == [9.0, 5.0, 7.0, 3.0, 6.0, 8.0, 10.0]
    assert list(counts)[3:8] == [
        *(name for name in counts if name.startswith("rows_refused: ")),
        *("filtered: bright", "filtered: box", "localisations_unclustered"),
    ]


@pytest.mark.parametrize("keep", [False, True])
def test_counts_add_up_with_filters(run, keep):
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {"x": rng.uniform(-300, 1500, 300), "y": rng.uniform(0, 9, 300), "photons": rng.uniform(1, 9, 300)}
    ).with_columns(frame=pl.lit(rng.integers(0, 50, 300)))
    columns = ColumnMap({"x": "x", "y": "y", "photons": "photons", "frame": "frame"}, unit="nm")
    filters = {"merge": MergeBlinks(80.0, 1), "bright": Between("photons", least=3)}

    counts, fov = run(table, preprocess=filters, columns=columns, min_localisations=6, keep_unclustered=keep)

    taken = counts["filtered: merge"] + counts["filtered: bright"]
    dropped = counts["localisations_unclustered"] + counts["localisations_in_small_clusters"]
    assert min(counts["filtered: merge"], counts["filtered: bright"], counts["localisations_in_small_clusters"]) > 0
    assert counts["localisations_read"] == 300 == taken + dropped + counts["n_localisations"]
    assert fov.locs.height == counts["n_localisations"] + (dropped if keep else 0)
    assert fov.units["n_frames"] == "frames"


def test_clusterers_get_the_columns_they_need(run):
    @clusterer("photons", "x")
    def by_column(points, seed, photons, x):
        assert (points[:, 0] == x).all()
        return (photons > 5).astype(np.int64)

    _, fov = run(raw_table(), clusterer=by_column)

    assert fov.clusters["count"].to_list() == [5, 6]


def test_a_column_that_the_clusterer_needs_is_missing(run):
    @clusterer("channel")
    def by_channel(points, seed, channel):
        return channel

    with pytest.raises(
        DataError,
        match=r"fov\.parquet: the clusterer expected the columns \['channel'\], found",
    ):
        run(raw_table(), clusterer=by_channel)


def test_a_filter_may_make_a_column_that_others_need(run):
    table = raw_table().with_columns(frame=pl.int_range(pl.len()))
    columns = ColumnMap({"x": "x", "y": "y", "frame": "frame", "photons": "photons"}, unit="nm")

    @clusterer("n_frames")
    def by_frames(points, seed, n_frames):
        return n_frames - 1

    _, fov = run(table, columns=columns, clusterer=by_frames, preprocess={"merge": MergeBlinks(1.0, 0)})

    assert fov.clusters["count"].to_list() == [11]


def test_unclustered_localisations_may_be_kept(run):
    views = Views(count=2, keep=0.9)
    dropping, without = run(raw_table(), min_localisations=3, views=views)
    keeping, fov = run(raw_table(), min_localisations=3, views=views, keep_unclustered=True)

    assert keeping == dropping
    assert fov.clusters.equals(without.clusters)
    assert fov.locs.filter(pl.col("cluster_id") >= 0).equals(without.locs)
    whole = fov.locs.filter(view=0)
    # noise and the clusters that are too small, from the mean of the FOV outwards, before all clusters
    assert whole.head(4).select("cluster_id", "x").rows() == [(-1, 110.0), (-1, 310.0), (-1, -5.0), (-1, 320.0)]
    assert whole.height == keeping["localisations_read"]
    assert fov.locs["view"].is_sorted()


@pytest.mark.parametrize("keep", [False, True])
def test_localisations_are_measured_in_their_clusters(run, keep):
    features = FeatureSet({"size": Size()}, {"depth": Depth()})

    _, fov = run(raw_table(), features=features, keep_unclustered=keep, min_localisations=2)

    clustered = fov.locs.filter(pl.col("cluster_id") >= 0)
    assert clustered["depth"].to_list() == [7.0, 3.0, 0.0, 0.0, 3.0, 5.0, 7.0, 0.0, 10.0]
    assert fov.locs.filter(pl.col("cluster_id") < 0)["depth"].to_list() == ([None, None] if keep else [])
    assert fov.units["depth"] == "photons"


@pytest.mark.parametrize("by_localisation", [False, True])
def test_classes_of_localisations_become_indices(tmp_path, make_recipe, by_localisation):
    path = tmp_path / "fov.parquet"
    raw_table().with_columns(loc_label=pl.Series(["bound", "free"] * 6 + [""])).write_parquet(path)
    columns = ColumnMap({"x": "x", "y": "y", "loc_label": "loc_label"}, unit="nm")
    recipe = make_recipe(columns=columns, clusterer=by_hundreds, min_localisations=3)
    source = FovSource("fov", path, None, None, by_localisation)

    extract_fov(ExtractTask(source, ("free", "bound"), recipe, tmp_path / "tables", "mark"))

    locs = read_fov(tmp_path / "tables", "fov").locs
    assert ("loc_label" in locs.columns) is by_localisation  # text that nobody asked for is left out
    if by_localisation:
        assert locs["loc_label"].to_list() == [1, 1, -1, 0, 1, 0, 0, 0]


def test_the_fingerprint_changes_with_a_file_beside_the_raw_file(tmp_path, make_recipe, monkeypatch):
    path, beside = tmp_path / "raw.csv", tmp_path / "raw.yaml"
    path.write_text("x,y\n1,2\n")
    beside.write_text("Pixelsize: 130")
    source, recipe = FovSource("fov", path, "a", None), make_recipe()
    monkeypatch.setattr(DelimitedReader, "companions", lambda reader: (beside,))
    marks = [extract_fingerprint(source, ("a",), recipe)]
    beside.write_text("Pixelsize: 108")
    marks.append(extract_fingerprint(source, ("a",), recipe))
    monkeypatch.setattr(DelimitedReader, "companions", lambda reader: ())
    marks.append(extract_fingerprint(source, ("a",), recipe))

    assert len(set(marks)) == 3
