"""The head of localisations: its contract, and that it learns."""

from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.data import Batch

from locgraph.errors import ConfigError
from locgraph.graphs.build import GraphRecipe, build_graph
from locgraph.graphs.edges import Nearest
from locgraph.nn.cluster_encoders.point_transformer import PointTransformerClusters
from locgraph.nn.heads.segment import SegmentLocalisations
from locgraph.nn.loc_encoders.deep_sets import DeepSets
from locgraph.nn.loc_encoders.none import NoEncoder
from locgraph.nn.loc_encoders.set_abstraction import SetAbstraction
from locgraph.nn.network import Network
from locgraph.nn.readouts.pooled import Pooled
from locgraph.nn.sizes import HeadSizes
from locgraph.preparation.clustering.kmeans import KMeans
from locgraph.simulate.origami import Origami

HEAD = partial(SegmentLocalisations, channels=12)
ORIGAMI = Origami(["grid", "ring"], paint={"background_localisations": 100.0}, field_nm=250.0)
UNIT_NM = 60.0


ENCODERS = {"levels": partial(SetAbstraction, channels=(6, 7)), "localisations": DeepSets, "none": NoEncoder}
"""With vectors of two levels, of one, and of none."""

every_encoder = pytest.mark.parametrize("name", ENCODERS)


@pytest.fixture
def make_network(make_sizes):
    def make(name, dimensions=2, features=2, head=HEAD, **changes):
        torch.manual_seed(0)
        sizes = make_sizes(dimensions, features, **{"localisation_classes": 4} | changes)
        encoder = partial(PointTransformerClusters, channels=(6, 8))
        return Network(sizes, ENCODERS[name], encoder, partial(Pooled, reduce=("mean", "max")), head)

    return make


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("sizes", [((6, 5, 9), (4,)), ((1,),), ((7,),)], ids=["two", "one localisation", "one cluster"])
def test_logits_of_each_localisation(name, dimensions, features, sizes, make_network, make_batch):
    network = make_network(name, dimensions, features)

    found = network.logits(make_batch(*sizes, dimensions=dimensions, features=features))

    assert list(found) == list(network.predicts) == ["localisation"]
    assert found["localisation"].shape == (sum(map(sum, sizes)), 4)
    assert found["localisation"].dtype == torch.float32
    assert found["localisation"].isfinite().all()


@every_encoder
def test_batch_equals_graphs_one_by_one(name, make_network, make_graph, emptied):
    graphs = [make_graph(seed, sizes) for seed, sizes in enumerate([(6, 9, 4), (1,), (5, 1, 30), (3, 3)])]
    network = make_network(name)

    alone = torch.cat([network.logits(Batch.from_data_list([graph]))["localisation"] for graph in graphs])

    for more in (graphs, [emptied(graphs[0]), *graphs]):
        found = network.logits(Batch.from_data_list(more))["localisation"]
        torch.testing.assert_close(found, alone, atol=1e-5, rtol=1e-5)


@every_encoder
def test_order_of_localisations_is_that_of_the_logits(name, make_network, make_graph, reorder):
    graph, network = make_graph(), make_network(name)
    before = network.logits(Batch.from_data_list([graph]))["localisation"]
    order = torch.randperm(len(before), generator=torch.Generator().manual_seed(1))
    reorder(graph, "localisation", order)

    after = network.logits(Batch.from_data_list([graph]))["localisation"]

    torch.testing.assert_close(after, before[order], atol=1e-5, rtol=1e-5)


@every_encoder
def test_gradients_reach_all_parameters(name, make_network, make_batch, check_gradients):
    network = make_network(name)

    found = network.logits(make_batch((16, 15, 19, 17), (18, 14, 13)))["localisation"]

    check_gradients(network, found, idle=["attention.2.bias"])


@every_encoder
def test_32_bits_under_autocast(name, make_network, make_batch, under_autocast):
    network, batch = make_network(name), make_batch()

    found = under_autocast(network.logits, batch)["localisation"]

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, network.logits(batch)["localisation"], atol=0.15, rtol=0.15)


def test_the_whole_fov_is_heard(make_network, make_graph):
    graph, network = make_graph(), make_network("levels")
    before = network.logits(Batch.from_data_list([graph]))["localisation"]
    graph["cluster"].x = graph["cluster"].x + torch.tensor([[0.0], [0.0], [0.0], [5.0]])

    changed = (network.logits(Batch.from_data_list([graph]))["localisation"] - before).abs().amax(dim=1)

    assert (changed > 0).all()


def test_the_class_of_a_fov_is_not_known(make_network, make_batch):
    with pytest.raises(ConfigError, match=r"names the classes of localisation nodes alone.*choose model/head=both"):
        make_network("levels")(make_batch())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": 0}, r"the graph store has none; set graph\.localisations=true"),
        ({"localisation_classes": 0}, r"which have none in these data; name their column in columns\.names\.loc_label"),
        ({"head": partial(HEAD, channels=0)}, "at least 1"),
        ({"head": partial(HEAD, dropout=1.0)}, "dropout must be at least 0 and below 1"),
    ],
)
def test_what_cannot_work(changes, message, make_network):
    with pytest.raises(ConfigError, match=message):
        make_network("none", **changes)


def test_sizes_of_vectors(make_sizes):
    sizes = HeadSizes.of(make_sizes(localisation_classes=4), 5, (6, 7))

    head = SegmentLocalisations(3, sizes, channels=12)

    assert head.context[0].in_features == 5 + 3
    assert [layers[0].in_features for layers in head.down] == [12 + 6 + 2 + 2, 12 + 7]


def simulated(seed):
    """One FOV: localisations of the structure are class 1, background is class 0."""
    table = ORIGAMI.simulate_fov(("grid", "ring")[seed % 2], np.random.default_rng(seed))
    points = table.select("x", "y").to_numpy()
    locs = table.with_columns(
        pl.Series("cluster_id", KMeans(12)(points, seed=0)), (pl.col("site") >= 0).cast(pl.Int64).alias("loc_label")
    ).sort("cluster_id")
    clusters = locs.group_by("cluster_id", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("count"), pl.col("x").mean().alias("x_mean"), pl.col("y").mean().alias("y_mean")
    )
    graph = build_graph(locs, clusters, 2, GraphRecipe((), (), Nearest(3), True, 5, (0.5,), {}), "fov")
    for name in graph.node_types:
        graph[name].pos = graph[name].pos / UNIT_NM
    return graph


def test_it_learns_to_tell_a_structure_from_its_background(make_network):
    graphs = [simulated(seed) for seed in range(24)]
    network = make_network("levels", features=0, levels=2, localisation_classes=2)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    train, test = Batch.from_data_list(graphs[:16]), Batch.from_data_list(graphs[16:])
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network.logits(train)["localisation"], train["localisation"].y).backward()
        optimizer.step()

    with torch.no_grad():
        found = network.logits(test)["localisation"].argmax(dim=1)

    truth = test["localisation"].y
    right = [(found == truth)[truth == label].float().mean().item() for label in (0, 1)]
    assert np.mean(right) > 0.8  # 0.5 by chance
