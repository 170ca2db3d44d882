"""Level of detail: each localisation in one node, even samples, small nodes; on disk whole or made again."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from locgraph.errors import ConfigError, DataError, StorageError
from locgraph.viewer.levels import cache as cache_module
from locgraph.viewer.levels.cache import LevelCache
from locgraph.viewer.levels.columns import ColumnAbout, ColumnNames
from locgraph.viewer.levels.levels import POSITION, ROW, build_levels
from locgraph.viewer.levels.nodes import MOST_ROWS, make_nodes
from locgraph.viewer.opened import NotThereError


def paint(size, dimensions=2, seed=0):
    """Positions like those of DNA-PAINT: most in small clusters, the others anywhere, in random order."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 20_000, (200, dimensions))
    points = centres[rng.integers(0, 200, size)] + rng.normal(0, 8, (size, dimensions))
    stray = rng.random(size) < 0.2
    points[stray] = rng.uniform(0, 20_000, (stray.sum(), dimensions))
    return points


def localisations(size, dimensions=2, seed=0):
    rng = np.random.default_rng(seed + 1)
    points = paint(size, dimensions, seed)
    columns = {
        "frame": rng.integers(0, 1000, size),
        "photons": rng.lognormal(8, 1, size),
        "channel": rng.integers(0, 3, size),
    }
    return pl.DataFrame({name: points[:, axis] for axis, name in enumerate("xyz"[:dimensions])} | columns)


def nodes_of(points, **options):
    return make_nodes([np.ascontiguousarray(axis) for axis in points.T], **options)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("size", [1, 2, MOST_ROWS, MOST_ROWS + 1, 300_000])
def test_each_localisation_is_in_exactly_one_small_node(size, dimensions):
    nodes = nodes_of(paint(size, dimensions))
    assert_array_equal(np.sort(nodes.order), np.arange(size))
    assert nodes.first[0] == 0
    assert nodes.first[-1] == size
    rows = np.diff(nodes.first)
    assert rows.min() >= 1
    assert rows.max() <= MOST_ROWS
    inner = np.unique(nodes.parent[1:])
    assert (rows[inner] > MOST_ROWS / 2).all()
    assert len(nodes) <= 1 + 2**dimensions * len(inner)
    assert_array_equal(nodes.level[1:], nodes.level[nodes.parent[1:]] + 1)


def test_every_occupied_cell_of_a_box_is_in_its_node():
    points = paint(300_000)
    nodes = nodes_of(points)
    low, side = points.min(axis=0), (points.max(axis=0) - points.min(axis=0)).max()

    def cells(rows):
        inside = np.minimum(np.floor((points[rows] - low) / side * 256), 255).astype(int)
        return inside[:, 0] * 256 + inside[:, 1]

    every, own = np.bincount(cells(np.arange(len(points)))), np.bincount(cells(nodes.order[: nodes.first[1]]))
    assert_array_equal(own > 0, every > 0)
    most = own.max()
    assert_array_equal(own, np.minimum(every, most))  # the same number of each cell, or all where there are fewer
    assert np.minimum(every, most + 1).sum() > MOST_ROWS
    assert nodes.spacing[0] == pytest.approx(side / 256)
    assert_allclose(nodes.spacing, nodes.spacing[0] / 2.0**nodes.level)


def test_the_order_of_the_rows_does_not_matter():
    points = paint(150_000)
    order = np.random.default_rng(3).permutation(len(points))
    one, other = nodes_of(points), nodes_of(points[order])
    assert_array_equal(one.first, other.first)
    assert_array_equal(one.order, order[other.order])


@pytest.mark.parametrize("move", [lambda points: points * 4.0, lambda points: points + 2.0**20])
def test_shift_and_scale_do_not_matter(move):
    points = np.round(paint(150_000))  # exact in both
    one, other = nodes_of(points), nodes_of(move(points))
    assert_array_equal(one.first, other.first)
    assert_array_equal(one.level, other.level)


def test_a_million_at_one_position_are_a_chain_of_full_nodes():
    nodes = nodes_of(np.full((1_000_000, 2), 1e9))
    assert_array_equal(np.sort(nodes.order), np.arange(1_000_000))
    assert_array_equal(np.diff(nodes.first)[:-1], MOST_ROWS)
    assert_array_equal(nodes.parent, np.arange(len(nodes)) - 1)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_line_and_a_far_outlier_work(dimensions):
    points = paint(200_000, dimensions)
    points[:, 1] = 5.0
    points[0] = 1e9
    nodes = nodes_of(points)
    assert_array_equal(np.sort(nodes.order), np.arange(len(points)))
    assert np.diff(nodes.first).max() <= MOST_ROWS


def test_nodes_grow_in_proportion():
    counts = [len(nodes_of(paint(size))) for size in (100_000, 400_000, 1_600_000)]
    assert counts[2] / counts[1] < 8


@pytest.mark.parametrize("dimensions", [2, 3])
def test_boxes_hold_all_below_and_columns_are_those_of_the_table(dimensions):
    table = localisations(150_000, dimensions)
    levels = build_levels(table, dimensions)
    for node in range(len(levels.level)):
        position = levels.node(node, POSITION)
        above = node
        while above >= 0:
            low, high = levels.box[above]
            assert (position >= low).all()
            assert (position <= high).all()
            above = levels.parent[above]
    rows = levels.values[ROW]
    whole = np.stack([table[name].to_numpy() for name in "xyz"[:dimensions]], axis=1)[rows]
    assert_allclose(levels.values[POSITION] + levels.origin, whole, atol=2e-3)
    assert_array_equal(levels.values["frame"], table["frame"].to_numpy()[rows].astype(np.float32))
    assert_array_equal(levels.values["photons"], table["photons"].to_numpy()[rows].astype(np.float32))
    assert_array_equal(levels.values["channel"], table["channel"].to_numpy()[rows])
    assert levels.values["channel"].dtype == np.uint32
    assert levels.values[POSITION].dtype == np.float32


def test_a_header_states_nodes_and_columns():
    header = build_levels(localisations(150_000), 2).header()
    assert header["n"] == sum(node["rows"] for node in header["nodes"]) == 150_000
    assert [column["name"] for column in header["columns"]] == ["frame", "photons", "channel", "density"]
    assert header["columns"][1]["unit"] == "photons"
    assert header["columns"][1]["scale"] == "log"
    assert header["columns"][3]["unit"] == "1/nm^2"
    below = [child for node in header["nodes"] for child in node["children"]]
    assert sorted(below) == [node["id"] for node in header["nodes"][1:]]
    json.dumps(header, allow_nan=False)


def test_histograms_count_all_and_ranges_are_robust():
    table = localisations(50_000).with_columns(photons=pl.when(pl.col("frame") == 0).then(1e9).otherwise("photons"))
    levels = build_levels(table, 2)
    for column in levels.columns:
        assert sum(column.counts) == 50_000
    photons = levels.column("photons")
    assert photons.high == 1e9
    assert photons.robust == pytest.approx(np.quantile(table["photons"].cast(pl.Float32), [0.005, 0.995]), rel=1e-5)
    channel = levels.column("channel")
    assert channel.labels == ["0", "1", "2"]
    assert channel.counts == np.bincount(table["channel"]).tolist()


def test_categories_know_none_and_their_names():
    table = pl.DataFrame({"x": [0.0, 1.0, 2.0], "y": 0.0, "cluster_id": [-1, 4, 0], "loc_label": [0, 1, -1]})
    levels = build_levels(
        table.with_columns(kept=pl.Series([True, False, True])), 2, ColumnNames(labels={"loc_label": ["a", "b"]})
    )
    order = levels.values[ROW]
    cluster = levels.column("cluster_id")
    assert (cluster.first, cluster.labels[:2]) == (-1, ["none", "0"])
    assert_array_equal(levels.values["cluster_id"], np.array([0, 5, 1])[order])
    assert levels.column("loc_label").labels == ["none", "a", "b"]
    assert levels.column("kept").labels == ["no", "yes"]
    assert levels.column("kept").counts == [1, 2]


def test_many_categories_have_codes_without_names():
    levels = build_levels(pl.DataFrame({"x": np.arange(999.0), "y": 0.0, "site": np.arange(999) - 1}), 2)
    site = levels.column("site")
    assert (site.first, site.labels, sum(site.counts)) == (-1, None, 999)
    assert ColumnAbout.from_header(site.header()) == site


def test_values_that_are_no_numbers_are_left_out_of_ranges():
    table = pl.DataFrame({"x": [0.0, 1.0, 2.0], "y": 0.0, "photons": [np.nan, 2.0, None], "sigma": [np.nan] * 3})
    levels = build_levels(table, 2)
    photons = levels.column("photons")
    assert (photons.low, photons.high, sum(photons.counts)) == (2.0, 2.0, 1)
    assert levels.column("sigma").robust is None
    json.dumps(levels.header(), allow_nan=False)


def test_density_is_larger_where_there_are_more():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(0, 1000, (2000, 2)), rng.uniform(400, 420, (500, 2))])
    levels = build_levels(pl.DataFrame({"x": points[:, 0], "y": points[:, 1]}), 2)
    density = np.empty(2500)
    density[levels.values[ROW]] = levels.values["density"]
    assert density[2000:].min() > 10 * np.median(density[:2000])
    assert np.median(density[:2000]) == pytest.approx(2000 / 1000**2, rel=0.2)


def test_density_of_one_localisation_and_of_coincident_ones_is_finite():
    for size in (1, 10):
        levels = build_levels(pl.DataFrame({"x": np.full(size, 1e9), "y": np.full(size, -1e9)}), 2)
        assert np.isfinite(levels.values["density"]).all()
        assert_array_equal(levels.values[POSITION], 0)
        assert levels.origin.tolist() == [1e9, -1e9]


@pytest.mark.parametrize(
    ("table", "message"),
    [({"x": [0.0]}, "column y of positions; found x"), ({"x": [0.0], "y": [np.inf]}, "finite positions.*column y")],
)
def test_wrong_positions_are_refused(table, message):
    with pytest.raises(DataError, match=message):
        build_levels(pl.DataFrame(table), 2)


def test_asking_for_what_is_not_there():
    levels = build_levels(pl.DataFrame({"x": [0.0], "y": [0.0]}), 2)
    with pytest.raises(NotThereError, match="expected a node from 0 to 0; found 1"):
        levels.node(1, POSITION)
    with pytest.raises(NotThereError, match="expected one of the columns density; found 'photons'"):
        levels.node(0, "photons")


@pytest.fixture
def small(monkeypatch):
    """Tables of a few rows count as large."""
    monkeypatch.setattr(cache_module, "IN_MEMORY", 10)


def same(one, other):
    assert one.header() == other.header()
    for name in one.values:
        assert_array_equal(one.values[name], other.values[name])


def test_levels_on_disk_are_those_in_memory(tmp_path, small):
    table = localisations(1000)
    cache = LevelCache(tmp_path / "cache")
    assert cache.open("key") is None
    made = cache.build("key", table, 2, about={"notes": ["é"]})
    opened = LevelCache(tmp_path / "cache").open("key")
    same(made, build_levels(table, 2))
    same(opened, made)
    assert opened.about == {"notes": ["é"]}
    assert isinstance(opened.values["photons"], np.memmap)
    assert cache.open("other") is None


def test_few_localisations_leave_nothing_on_the_disk(tmp_path):
    cache = LevelCache(tmp_path / "cache")
    same(cache.build("key", localisations(100), 2), build_levels(localisations(100), 2))
    assert not (tmp_path / "cache").exists()


def truncate(file: Path):
    os.truncate(file, file.stat().st_size // 2)


def flip(file: Path):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [truncate, flip, Path.unlink])
@pytest.mark.parametrize("name", ["column_1.bin", "index.json"])
def test_a_damaged_cache_is_made_anew(tmp_path, small, caplog, harm, name):
    cache, table = LevelCache(tmp_path), localisations(100)
    made = build_levels(table, 2)
    cache.build("key", table, 2)
    (folder,) = tmp_path.glob("[!.]*/")
    if harm is flip and name == "index.json":
        (folder / name).write_text("[]")
    else:
        harm(folder / name)
    assert cache.open("key") is None
    assert "is damaged" in caplog.text
    same(cache.build("key", table, 2), made)
    same(cache.open("key"), made)


def test_several_that_index_the_same_at_once_agree(tmp_path, small):
    table = localisations(1000)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: LevelCache(tmp_path).build("key", table, 2), range(4)))
    for each in made:
        same(each, build_levels(table, 2))
    assert len(list(tmp_path.glob("[!.]*"))) == 1
    assert list(tmp_path.glob("*.part")) == []


def test_the_oldest_make_room(tmp_path, small):
    cache = LevelCache(tmp_path)
    for key in ("a", "b"):
        cache.build(key, localisations(100), 2)
    size = sum(file.stat().st_size for file in tmp_path.rglob("*.*")) / 2
    cache = LevelCache(tmp_path, 2.5 * size)
    for key, time in (("a", 200), ("b", 100)):
        os.utime(cache._path(key) / "index.json", (time, time))
    cache.build("c", localisations(100), 2)
    assert [cache.open(key) is not None for key in "abc"] == [True, False, True]


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path, small):
    for name, time in ((".old.part", 1), (".new.part", None)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, None if time is None else (time, time))
    LevelCache(tmp_path).build("key", localisations(100), 2)
    assert [(tmp_path / name).exists() for name in (".old.part", ".new.part")] == [False, True]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, small):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cache: expected a folder that can be written to.*file"):
        LevelCache(tmp_path / "file").build("key", localisations(100), 2)


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, small, monkeypatch):
    def refuse(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(StorageError, match="no space is left on the disk"):
        LevelCache(tmp_path).build("key", localisations(100), 2)
    assert list(tmp_path.iterdir()) == []
