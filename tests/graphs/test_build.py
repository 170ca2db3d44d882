"""Tables to graphs: hand-made cases, and what must not change the graph."""

import numpy as np
import polars as pl
import pytest
import torch

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.graphs.build import build_graph
from locgraph.graphs.descriptors import Covariance, PairDistances
from locgraph.graphs.edges import AllPairs
from locgraph.graphs.superclusters import Linked

NEAR, IN = schema.level_near, schema.level_in


def edges(graph, edge_type):
    return graph[edge_type].edge_index.tolist()


def two_dimensions():
    """A triangle about (1, 1) and a line about (8, 3); their common centre of mass is (4, 2) with 4 and 3 points."""
    locs = pl.DataFrame(
        {
            "x": [0.0, 1.0, 1.0, 2.0, 7.0, 8.0, 9.0],
            "y": [0.0, 3.0, 1.0, 1.0, 3.0, 3.0, 3.0],
            "photons": [10, 20, 30, 40, 50, 60, 70],
            "cluster_id": [0, 0, 0, 0, 1, 1, 1],
        }
    )
    clusters = pl.DataFrame(
        {"cluster_id": [0, 1], "count": [4, 3], "x_mean": [1.0, 8.0], "y_mean": [1.25, 3.0], "area": [3.0, 0.5]}
    )
    return locs, clusters


def test_clusters_by_hand(make_recipe):
    graph = build_graph(*two_dimensions(), 2, make_recipe(localisations=False), "fov")

    assert graph.node_types == ["cluster"]
    assert graph.edge_types == [schema.CLUSTER_NEAR]
    torch.testing.assert_close(graph["origin"], torch.tensor([[4.0, 2.0]], dtype=torch.float64))
    squares = [16 + 4, 9 + 1, 9 + 1, 4 + 1, 9 + 1, 16 + 1, 25 + 1]
    torch.testing.assert_close(graph["extent"], torch.tensor([[np.sqrt(np.mean(squares))]], dtype=torch.float32))
    torch.testing.assert_close(graph["cluster"].pos, torch.tensor([[-3.0, -0.75], [4.0, 1.0]]))
    torch.testing.assert_close(graph["cluster"].x, torch.tensor([[4.0, 3.0], [3.0, 0.5]]))
    torch.testing.assert_close(graph["cluster"]["count"], torch.tensor([4.0, 3.0]))
    assert edges(graph, schema.CLUSTER_NEAR) == [[1, 0], [0, 1]]


def test_localisations_by_hand(make_recipe):
    recipe = make_recipe(localisation_features=("photons",), localisation_k=1)

    graph = build_graph(*two_dimensions(), 2, recipe, "fov")

    assert graph.node_types == ["cluster", "localisation", "localisation_1"]
    positions = [[-4, -2], [-3, 1], [-3, -1], [-2, -1], [3, 1], [4, 1], [5, 1]]
    torch.testing.assert_close(graph["localisation"].pos, torch.tensor(positions, dtype=torch.float32))
    assert graph["localisation"].x.tolist() == [[10], [20], [30], [40], [50], [60], [70]]
    assert edges(graph, IN(0)) == [[0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 1, 1, 1]]
    source, target = edges(graph, NEAR(0))
    assert target == [0, 1, 2, 3, 4, 5, 6]
    assert source[:4] == [2, 2, 3, 2]
    assert source[4] == 5
    assert source[5] in (4, 6)  # as far from one as from the other
    assert source[6] == 5
    # cluster 0, about (1, 1.25): farthest is (1, 3), then (0, 0). Cluster 1: both ends, the first row first
    assert graph["localisation_1"].parent.tolist() == [0, 1, 4, 6]
    torch.testing.assert_close(graph["localisation_1"].pos, graph["localisation"].pos[[0, 1, 4, 6]])
    assert edges(graph, schema.level_pooled(0)) == [[0, 1, 4, 6], [0, 1, 2, 3]]
    assert edges(graph, NEAR(1)) == [[1, 0, 3, 2], [0, 1, 2, 3]]
    assert edges(graph, IN(1)) == [[0, 1, 2, 3], [0, 0, 1, 1]]


def test_superclusters_by_hand(make_recipe):
    """Centres of the clusters are 7.2 nm apart; the first has 4 localisations, the second 3."""
    recipe = make_recipe(localisations=False, superclusters=Linked([7.0, 8.0]))

    graph = build_graph(*two_dimensions(), 2, recipe, "fov")

    graph.validate(raise_on_error=True)
    assert graph.node_types == ["cluster", "supercluster", "supercluster_1"]
    assert schema.superlevel_in(0) == ("cluster", "in", "supercluster")
    assert schema.superlevel_in(1) == ("supercluster", "in", "supercluster_1")
    assert edges(graph, schema.superlevel_in(0)) == [[0, 1], [0, 1]]
    assert edges(graph, schema.superlevel_near(0)) == [[1, 0], [0, 1]]
    torch.testing.assert_close(graph["supercluster"].pos, graph["cluster"].pos)
    assert graph["supercluster"].x.tolist() == [[1.0, 4.0, 0.0], [1.0, 3.0, 0.0]]
    assert graph["supercluster"]["count"].tolist() == [4.0, 3.0]
    assert edges(graph, schema.superlevel_in(1)) == [[0, 1], [0, 0]]
    assert graph[schema.superlevel_near(1)].edge_index.shape == (2, 0)
    torch.testing.assert_close(graph["supercluster_1"].pos, torch.zeros(1, 2))  # the centre of mass is the origin
    gyration = np.sqrt((4 * (9 + 0.75**2) + 3 * 17) / 7)
    torch.testing.assert_close(graph["supercluster_1"].x, torch.tensor([[2.0, 7.0, gyration]], dtype=torch.float32))
    assert graph["supercluster_1"]["count"].tolist() == [7.0]


def test_descriptors_by_hand(make_recipe):
    recipe = make_recipe(localisations=False, descriptors={"b": Covariance(), "a": PairDistances(2, 7.0, 1.0)})

    graph = build_graph(*two_dimensions(), 2, recipe, "fov")

    assert graph.node_types == ["cluster", "field_of_view"]
    assert graph["field_of_view"].pos.tolist() == [[0.0, 0.0]]
    # of 21 pairs those within the triangle and within the line are less than 3.5 apart
    x, y = np.array([-4.0, -3, -3, -2, 3, 4, 5]), np.array([-2.0, 1, -1, -1, 1, 1, 1])
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(x, y, bias=True)))[::-1]
    expected = torch.tensor([[9 / 21, 12 / 21, *deviations]], dtype=torch.float32)
    torch.testing.assert_close(graph["field_of_view"].x, expected)
    assert graph["field_of_view"].length_power.tolist() == [[0.0, 0.0, 1.0, 1.0]]


@pytest.mark.parametrize(
    ("added", "nodes", "edges"),
    [
        ({"descriptors": {"covariance": Covariance()}}, {"field_of_view"}, set()),
        ({"superclusters": Linked([100.0])}, {"supercluster"}, {schema.superlevel_in(0), schema.superlevel_near(0)}),
    ],
)
def test_further_nodes_change_nothing_else(make_recipe, make_tables, added, nodes, edges):
    plain = build_graph(*make_tables(), 2, make_recipe(), "fov")
    more = build_graph(*make_tables(), 2, make_recipe(**added), "fov")

    assert set(more.node_types) == {*plain.node_types, *nodes}
    assert set(more.edge_types) == {*plain.edge_types, *edges}
    for name in (*plain.node_types, *plain.edge_types):
        torch.testing.assert_close(more[name].to_dict(), plain[name].to_dict(), rtol=0, atol=0)
    assert all(more[name].pos.dtype == more[name].x.dtype == torch.float32 for name in nodes)


def test_labels_of_localisations(make_recipe, make_tables):
    locs, clusters = make_tables(sizes=(3, 2))

    labelled = locs.with_columns(loc_label=pl.Series([0, 2, None, -1, 1], dtype=pl.Int32))
    graph = build_graph(labelled, clusters, 2, make_recipe(), "fov")

    assert graph["localisation"].y.tolist() == [0, 2, -1, -1, 1]
    assert graph["localisation"].y.dtype == torch.int64
    assert all("y" not in graph[name] for name in graph.node_types if name != "localisation")
    assert "y" not in build_graph(locs, clusters, 2, make_recipe(), "fov")["localisation"]
    assert "y" not in graph._global_store


@pytest.mark.parametrize("last", [False, True])
def test_localisations_of_no_cluster_are_left_out(make_recipe, make_tables, last):
    locs, clusters = make_tables()
    locs = locs.with_columns(precision=pl.lit(3.0), loc_label=pl.lit(1))
    noise = locs.head(5).with_columns(pl.col("x", "y") * 50, cluster_id=pl.lit(-1, pl.Int64))
    recipe = make_recipe(localisation_features=("photons",), superclusters=Linked([100.0]))

    kept = build_graph(pl.concat([locs, noise] if last else [noise, locs]), clusters, 2, recipe, "fov")

    expected = build_graph(locs, clusters, 2, recipe, "fov")
    assert kept.node_types == expected.node_types
    torch.testing.assert_close(kept.to_dict(), expected.to_dict(), rtol=0, atol=0)


def test_three_dimensions_by_hand(make_recipe):
    locs = pl.DataFrame({"x": [0.0, 0.0, 6.0], "y": [0.0, 0.0, 3.0], "z": [-1.0, 1.0, 6.0], "cluster_id": [0, 0, 1]})
    clusters = pl.DataFrame(
        {"cluster_id": [0, 1], "count": [2, 1], "x_mean": [0.0, 6.0], "y_mean": [0.0, 3.0], "z_mean": [0.0, 6.0]}
    )

    graph = build_graph(locs, clusters, 3, make_recipe(cluster_features=("count",), ratios=()), "fov")

    assert graph["origin"].tolist() == [[2.0, 1.0, 2.0]]
    assert graph["cluster"].pos.tolist() == [[-2.0, -1.0, -2.0], [4.0, 2.0, 4.0]]
    assert graph["localisation"].pos.tolist() == [[-2.0, -1.0, -3.0], [-2.0, -1.0, -1.0], [4.0, 2.0, 4.0]]
    assert edges(graph, NEAR(0)) == [[1, 0], [0, 1]]
    assert graph.node_types == ["cluster", "localisation"]


def test_one_localisation_is_a_graph(make_recipe):
    locs = pl.DataFrame({"x": [5.0], "y": [7.0], "cluster_id": [0]})
    clusters = pl.DataFrame({"cluster_id": [0], "count": [1], "x_mean": [5.0], "y_mean": [7.0], "area": [0.0]})

    graph = build_graph(locs, clusters, 2, make_recipe(ratios=(0.5, 0.5)), "fov")

    assert graph["origin"].tolist() == [[5.0, 7.0]]
    assert graph["extent"].tolist() == [[0.0]]
    for index in range(3):
        assert graph[schema.level(index)].pos.tolist() == [[0.0, 0.0]]
        assert graph[NEAR(index)].edge_index.shape == (2, 0)
        assert edges(graph, IN(index)) == [[0], [0]]
    assert edges(graph, schema.level_pooled(1)) == [[0], [0]]
    assert graph[schema.CLUSTER_NEAR].edge_index.shape == (2, 0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_types_and_shapes(make_recipe, make_tables, dimensions):
    locs, clusters = make_tables(sizes=(12, 6, 9, 4), dimensions=dimensions)
    locs = locs.with_columns(precision=pl.lit(7.5))

    graph = build_graph(locs, clusters, dimensions, make_recipe(ratios=(0.5, 0.5)), "fov")

    graph.validate(raise_on_error=True)
    sizes = {"cluster": 4, "localisation": 31, "localisation_1": 16, "localisation_2": 9}
    assert {name: graph[name].num_nodes for name in graph.node_types} == sizes
    for name in graph.node_types:
        assert graph[name].pos.dtype == torch.float32
        assert graph[name].pos.shape == (sizes[name], dimensions)
    assert graph["origin"].dtype == torch.float64
    assert graph["origin"].shape == (1, dimensions)
    assert graph["extent"].dtype == torch.float32
    assert graph["extent"].shape == (1, 1)
    assert graph["cluster"].x.shape == (4, 2)
    assert graph["cluster"].x.dtype == torch.float32
    assert graph["cluster"]["count"].shape == (4,)
    assert graph["localisation"].x.shape == (31, 0)
    assert graph["localisation"].precision.tolist() == [7.5] * 31
    assert [graph[schema.level(index)].parent.dtype for index in (1, 2)] == [torch.int64] * 2
    for edge_type in graph.edge_types:
        source, target = graph[edge_type].edge_index
        assert source.dtype == torch.int64
        order = np.lexsort((source.numpy(), target.numpy()))
        assert (order == np.arange(len(order))).all()
        assert len(set(zip(source.tolist(), target.tolist(), strict=True))) == len(source)


def test_levels_hang_together(make_recipe, make_tables):
    locs, clusters = make_tables(sizes=(20, 3, 11))

    graph = build_graph(locs, clusters, 2, make_recipe(ratios=(0.5, 0.3)), "fov")

    owner = [graph[IN(index)].edge_index[1] for index in range(3)]
    for index in range(3):
        source, target = graph[NEAR(index)].edge_index
        assert (owner[index][source] == owner[index][target]).all()
        assert set(owner[index].tolist()) == {0, 1, 2}
    for index in range(2):
        parent = graph[schema.level(index + 1)].parent
        torch.testing.assert_close(graph[schema.level(index + 1)].pos, graph[schema.level(index)].pos[parent])
        below, above = graph[schema.level_pooled(index)].edge_index
        assert (owner[index][below] == owner[index + 1][above]).all()
        own = set(zip(parent.tolist(), range(len(parent)), strict=True))
        assert own <= set(zip(below.tolist(), above.tolist(), strict=True))


def test_features_keep_their_order(make_recipe, make_tables):
    locs, clusters = make_tables()

    recipe = make_recipe(cluster_features=("area", "y_mean", "count"), localisation_features=("photons", "x"))
    graph = build_graph(locs, clusters, 2, recipe, "fov")

    expected = clusters.select("area", "y_mean", pl.col("count").cast(pl.Float64)).to_numpy().astype(np.float32)
    np.testing.assert_array_equal(graph["cluster"].x.numpy(), expected)
    expected = locs.select("photons", "x").to_numpy().astype(np.float32)
    np.testing.assert_array_equal(graph["localisation"].x.numpy(), expected)


def test_one_metre_from_the_origin(make_recipe, make_tables):
    here = build_graph(*make_tables(), 2, make_recipe(), "fov")
    there = build_graph(*make_tables(offset=1e9), 2, make_recipe(), "fov")

    assert there["origin"].min() > 0.999e9
    for name in here.node_types:
        torch.testing.assert_close(there[name].pos, here[name].pos, rtol=0, atol=1e-4)
    for edge_type in here.edge_types:
        assert edges(there, edge_type) == edges(here, edge_type)


def test_rotation_leaves_every_edge(make_recipe, make_tables):
    locs, clusters = make_tables(sizes=(20, 30, 15))
    angle = 0.7
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = []
    for table, names in ((locs, ("x", "y")), (clusters, ("x_mean", "y_mean"))):
        points = table.select(names).to_numpy() @ turn
        turned.append(table.with_columns(pl.Series(name, points[:, i]) for i, name in enumerate(names)))

    before = build_graph(locs, clusters, 2, make_recipe(ratios=(0.5, 0.5)), "fov")
    after = build_graph(*turned, 2, make_recipe(ratios=(0.5, 0.5)), "fov")

    for edge_type in before.edge_types:
        assert edges(after, edge_type) == edges(before, edge_type)
    torch.testing.assert_close(after["extent"], before["extent"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"cluster_features": ("area", "colour")},
            r"fov: .*\['colour'\], found .*change cluster_features",
        ),
        ({"localisation_features": ("sigma",)}, r"fov: .*\['sigma'\], found .*change localisation_features"),
    ],
)
def test_absent_features(make_recipe, make_tables, changes, message):
    with pytest.raises(DataError, match=message):
        build_graph(*make_tables(), 2, make_recipe(**changes), "fov")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_values_that_are_not_finite(make_recipe, make_tables, bad):
    locs, clusters = make_tables()
    second = pl.int_range(pl.len()) == 1

    def spoilt(table, name):
        return table.with_columns(pl.when(second).then(pl.lit(bad, pl.Float64)).otherwise(pl.col(name)).alias(name))

    with pytest.raises(DataError, match=r"fov: .*\['area'\]; change cluster_features"):
        build_graph(locs, spoilt(clusters, "area"), 2, make_recipe(), "fov")
    with pytest.raises(DataError, match=r"fov: .*\['photons'\]; change localisation_features"):
        build_graph(spoilt(locs, "photons"), clusters, 2, make_recipe(localisation_features=("photons",)), "fov")
    with pytest.raises(DataError, match=r"fov: .*\['x'\]; extract"):
        build_graph(spoilt(locs, "x"), clusters, 2, make_recipe(cluster_edges=AllPairs()), "fov")
    precise = spoilt(locs.with_columns(precision=pl.lit(5.0)), "precision")
    with pytest.raises(DataError, match=r"fov: .*\['precision'\]; extract"):
        build_graph(precise, clusters, 2, make_recipe(), "fov")


@pytest.mark.parametrize("column", ["count", "x_mean"])
def test_tables_without_size(make_recipe, make_tables, column):
    locs, clusters = make_tables()

    with pytest.raises(DataError, match=rf"fov: .*\['{column}'\].*add the feature `size`"):
        build_graph(locs, clusters.drop(column), 2, make_recipe(cluster_features=("area",)), "fov")


def test_no_cluster(make_recipe, make_tables):
    locs, clusters = make_tables()

    with pytest.raises(DataError, match="fov: expected at least one cluster, found none"):
        build_graph(locs.clear(), clusters.clear(), 2, make_recipe(), "fov")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"localisation_k": 0}, "localisation_k: .* at least 1, found 0"),
        ({"ratios": (0.5, 0.0)}, r"ratios: .*found \[0\.5, 0\.0\]"),
        ({"ratios": (1.5,)}, r"ratios: .*found \[1\.5\]"),
        ({"cluster_features": ("area", "area")}, "cluster_features: expected each column once"),
        ({"localisation_features": ("x", "x")}, "localisation_features: expected each column once"),
    ],
)
def test_settings_that_cannot_work(make_recipe, changes, message):
    with pytest.raises(ConfigError, match=message):
        make_recipe(**changes)


def in_3d(make_tables, **precisions):
    locs, clusters = make_tables(sizes=(12,) * 15, dimensions=3)
    return locs.with_columns(pl.lit(value).alias(name) for name, value in precisions.items()), clusters


@pytest.mark.parametrize("scale", ["precision", 0.25])
def test_neighbours_in_units_of_precision_are_those_of_a_flattened_fov(make_recipe, make_tables, scale):
    locs, clusters = in_3d(make_tables, precision=5.0, precision_z=20.0)
    graph = build_graph(locs, clusters, 3, make_recipe(axial_scale=scale, ratios=(0.5, 0.5)), "fov")

    z = pl.col("z"), pl.col("z_mean")
    flat = build_graph(
        locs.with_columns(z[0] / 4), clusters.with_columns(z[1] / 4), 3, make_recipe(ratios=(0.5, 0.5)), "fov"
    )
    plain = build_graph(locs, clusters, 3, make_recipe(ratios=(0.5, 0.5)), "fov")
    for edge_type in graph.edge_types:
        assert edges(graph, edge_type) == edges(flat, edge_type)
    assert edges(graph, NEAR(0)) != edges(plain, NEAR(0))
    assert edges(graph, schema.CLUSTER_NEAR) != edges(plain, schema.CLUSTER_NEAR)
    torch.testing.assert_close(graph["localisation"].pos, plain["localisation"].pos, rtol=0, atol=0)
    torch.testing.assert_close(graph["localisation_1"].pos, graph["localisation"].pos[graph["localisation_1"].parent])


def test_neighbours_in_units_of_precision_need_it_in_3d(make_recipe, make_tables):
    recipe = make_recipe(axial_scale="precision")
    with pytest.raises(DataError, match=r"fov: expected the columns \['precision_z'\].*axial_scale"):
        build_graph(*in_3d(make_tables, precision=5.0), 3, recipe, "fov")
    with pytest.raises(DataError, match="along z 0 nm"):
        build_graph(*in_3d(make_tables, precision=5.0, precision_z=0.0), 3, recipe, "fov")
    with pytest.raises(DataError, match="in 3D, found 2D"):
        build_graph(*make_tables(), 2, recipe, "fov")


@pytest.mark.parametrize("scale", [0.0, "wide", None])
def test_wrong_axial_scale(make_recipe, scale):
    with pytest.raises(ConfigError) as caught:
        make_recipe(axial_scale=scale)
    assert caught.value.setting == "axial_scale"
