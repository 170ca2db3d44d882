"""Scenes: outlines of clusters, and graphs of the store read without torch."""

import json

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from builders.fovs import SITES, draw_points, write_tables
from locgraph.errors import DataError
from locgraph.graphs.build import GraphRecipe, build_graph
from locgraph.graphs.edges import Nearest
from locgraph.graphs.store import GraphStore
from locgraph.graphs.superclusters import Linked
from locgraph.io.featextracted import read_fov
from locgraph.viewer import clusters as module
from locgraph.viewer import graph_file
from locgraph.viewer.clusters import clusters_of_column, clusters_of_table, outlines
from locgraph.viewer.levels.columns import ColumnNames
from locgraph.viewer.levels.levels import POSITION, ROW, build_levels
from locgraph.viewer.opened import NotThereError, OpeningSettings
from locgraph.viewer.opening import open_source

CUBE = np.array([[x, y, z] for x in (0, 9) for y in (0, 9) for z in (0, 9)], dtype=float)


def outlined(points, owners):
    """Vertices of the outline of each cluster, in the coordinates of the points."""
    axes = "xyz"[: points.shape[1]]
    table = pl.DataFrame({axis: points[:, i] for i, axis in enumerate(axes)} | {"cluster_id": owners})
    levels = build_levels(table, points.shape[1])
    means = [pl.col(axis).mean().alias(f"{axis}_mean") for axis in axes]
    clusters = table.filter(pl.col("cluster_id") >= 0).group_by("cluster_id").agg(*means, count=pl.len())
    result = outlines(levels, clusters_of_table(clusters.sort("cluster_id"), points.shape[1], ColumnNames()))
    vertices = result.vertices + levels.origin
    return result.kind, [vertices[a:b] for a, b in zip(result.starts[:-1], result.starts[1:], strict=True)]


def test_outlines_in_the_plane_are_hulls_in_turn():
    square = np.array([[0, 0], [9, 0], [9, 9], [0, 9], [4, 5], [4, 0]], dtype=float)
    line = np.array([[20, 0], [22, 2], [24, 4]], dtype=float)
    points = np.concatenate([square, line, [[50, 50]], [[-99, 99]]])
    kind, (first, second, third) = outlined(points, [0] * 6 + [1] * 3 + [2, -1])
    assert kind == "polygons"
    assert_allclose(first, [[0, 0], [9, 0], [9, 9], [0, 9]], atol=1e-4)
    assert_allclose(second, [[20, 0], [24, 4]], atol=1e-4)
    assert_allclose(third, [[50, 50]], atol=1e-4)


def lengths(segments):
    return np.linalg.norm(segments[::2] - segments[1::2], axis=1)


def test_outlines_in_space_are_edges_of_hulls():
    inside = np.random.default_rng(0).uniform(1, 8, (30, 3))
    points = np.concatenate([CUBE, inside, CUBE[:3] + 100])
    kind, (cube, triangle) = outlined(points, [5] * 38 + [7] * 3)
    assert kind == "segments"
    assert np.isin(np.round(cube, 3), [0, 9]).all()
    assert (np.isclose(lengths(cube), 9)).sum() == 12
    assert len(cube) == 2 * (12 + 6)  # a diagonal for each face
    assert sorted(np.round(lengths(triangle), 2)) == [9, 9, 12.73]


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_flat_clusters_in_space_have_outlines_of_their_size(rank):
    points = np.random.default_rng(1).uniform(0, 50, (20, 3))
    points[:, rank:] = 3.0
    _, (edges,) = outlined(points, [0] * 20)
    if rank == 0:
        assert len(edges) == 0 or lengths(edges).max() < 1e-3
    else:
        assert_allclose(edges.min(axis=0), points.min(axis=0), atol=1e-3)
        assert_allclose(edges.max(axis=0), points.max(axis=0), atol=1e-3)


def test_too_many_clusters_have_no_outlines(monkeypatch):
    table = pl.DataFrame({"x": CUBE[:, 0], "y": CUBE[:, 1], "source_cluster": [0] * 4 + [1] * 4})
    levels = build_levels(table, 2)
    clusters = clusters_of_column(levels, "source_cluster")
    assert len(outlines(levels, clusters).starts) == 3
    monkeypatch.setattr(module, "MOST_HULLS", 1)
    assert outlines(levels, clusters) is None


@pytest.fixture
def prepared(tmp_path):
    """Tables of a FOV, and stores of graphs made from them: with localisations, and without."""
    points = draw_points(SITES["square"], np.random.default_rng(0), 100) + 1e6
    tables = write_tables(tmp_path / "tables-1", {"wt/a": points})
    fov = read_fov(tables, "wt/a")
    for name, localisations in (("graphs-1", True), ("graphs-2", False)):
        settings = {"cluster_features": ["count", "radius"], "localisation_features": []}
        recipe = GraphRecipe(("count", "radius"), (), Nearest(2), localisations, 2, (0.5,), settings, Linked([50.0]))
        graphs = [build_graph(fov.locs, fov.clusters, 2, recipe, "a") for _ in range(2)]  # a second view
        GraphStore(tmp_path / name).save("wt/a", graphs, "mark")
        (tmp_path / name / "recipe.json").write_text(json.dumps(settings))
    return tmp_path, graphs[0], points


@pytest.fixture
def open_path(tmp_path):
    return lambda path: open_source(path, OpeningSettings(tmp_path / "cache"))


def test_a_graph_shows_its_localisations_clusters_and_edges(prepared, open_path):
    folder, _, points = prepared
    source = open_path(folder / "graphs-1")
    assert (source.kind, source.fovs()["fov_id"].to_list()) == ("graphs", ["wt/a"])
    scene = source.scene(0)
    assert_allclose(scene.levels.values[POSITION] + scene.levels.origin, points[scene.levels.values[ROW]], atol=1e-3)
    assert_array_equal(scene.levels.values["cluster_id"], scene.levels.values[ROW] // 10)
    assert [column.name for column in scene.clusters.columns] == ["count", "radius"]
    (graph,) = GraphStore(folder / "graphs-1").load("wt/a")[:1]
    assert {edges.name for edges in scene.edges} == {
        " ".join(kind) for kind in graph.edge_types if graph[kind].num_edges
    }
    origin = graph.origin.numpy()
    for index, edges in enumerate(scene.edges):
        ends, pairs = scene.edge_ends(index)
        assert_array_equal(pairs.T, graph[edges.types].edge_index)
        for side, node in enumerate((edges.types[0], edges.types[2])):
            given = graph[node].pos.numpy()[pairs[:, side]] + origin
            assert_allclose(ends[:, side] + scene.levels.origin, given, atol=1e-3)
    between = {edges.name: edges.between for edges in scene.edges}
    assert between["cluster near cluster"] == between["cluster in supercluster"] == "cluster"
    assert between["localisation in cluster"] == between["localisation_1 near localisation_1"] == "localisation"
    assert scene.table(np.arange(2)).columns == ["x", "y", "cluster_id", "density"]


def test_a_graph_of_clusters_alone_shows_them_as_points(prepared, open_path):
    folder, graph, _ = prepared
    scene = open_path(folder / "graphs-2" / "wt" / "a.safetensors").scene(0)
    assert scene.notes == ("the graph holds clusters alone: each point is a cluster",)
    assert len(scene.levels) == len(scene.clusters.ids) == 10
    given = graph["cluster"].x.numpy()
    names = [column.name for column in scene.clusters.columns]
    assert names == ["feature_0", "feature_1", "count"]  # the recipe lies in another folder
    assert_array_equal(scene.clusters.values["feature_1"], given[:, 1])


def test_tables_get_the_edges_of_the_graph_that_was_made_of_them(prepared, open_path):
    folder, graph, _ = prepared
    scene = open_path(folder / "tables-1").scene(0)
    assert scene.edges[0].path.parts[-3] == "graphs-1"
    other = graph.clone()
    other["cluster"].pos = other["cluster"].pos + 1.0
    for name in ("graphs-1", "graphs-2"):
        GraphStore(folder / name).save("wt/a", [other], "mark")
    assert open_path(folder / "tables-1").scene(0).edges == ()


def test_a_damaged_graph_beside_tables_is_left_out(prepared, open_path, caplog):
    folder, _, _ = prepared
    for name in ("graphs-1", "graphs-2"):
        (folder / name / "wt" / "a.safetensors").write_bytes(b"damaged")
    assert open_path(folder / "tables-1").scene(0).edges == ()
    assert "expected graphs of locgraph (safetensors)" in caplog.text


@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_a_damaged_graph_is_named(tmp_path, open_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.safetensors: expected graphs of locgraph \(safetensors\)"):
        open_path(path)


def test_of_many_edges_some_are_drawn_evenly(prepared, open_path, monkeypatch):
    folder, _, _ = prepared
    scene = open_path(folder / "graphs-1").scene(0)
    _, every = scene.edge_ends(0)
    monkeypatch.setattr(graph_file, "MOST_EDGES", 5)
    header = scene.header()["edges"][0]
    assert (header["n"], header["sent"]) == (len(every), 5)
    _, some = scene.edge_ends(0)
    assert_array_equal(some, every[[0, 4, 8, 12, 16]])
    with pytest.raises(NotThereError, match="type of edges"):
        scene.edge_ends(99)
