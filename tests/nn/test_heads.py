"""Heads: logits of FOVs, of localisations, and of both."""

from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.data import Batch

from locgraph.errors import ConfigError
from locgraph.graphs.build import GraphRecipe, build_graph
from locgraph.graphs.edges import Nearest
from locgraph.nn.cluster_encoders import ClusterMlp, ContinuousFilter, PointTransformerClusters
from locgraph.nn.heads import Both, ClassifyFov, LinearHead, SegmentLocalisations
from locgraph.nn.loc_encoders import DeepSets, NoEncoder, SetAbstraction
from locgraph.nn.network import Network
from locgraph.nn.readouts import Pooled
from locgraph.nn.sizes import HeadSizes
from locgraph.preparation.clustering.kmeans import KMeans
from locgraph.simulate.origami import Origami

FOV, HEAD = partial(ClassifyFov, hidden=8), partial(SegmentLocalisations, channels=12)
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


def test_every_localisation_depends_on_the_whole_fov(make_network, make_graph):
    graph, network = make_graph(), make_network("levels")
    before = network.logits(Batch.from_data_list([graph]))["localisation"]
    graph["cluster"].x = graph["cluster"].x + torch.tensor([[0.0], [0.0], [0.0], [5.0]])

    changed = (network.logits(Batch.from_data_list([graph]))["localisation"] - before).abs().amax(dim=1)

    assert (changed > 0).all()


def test_the_class_of_a_fov_is_not_known(make_network, make_batch):
    with pytest.raises(ConfigError, match="the classes of localisation nodes alone; choose the head both"):
        make_network("levels")(make_batch())


@pytest.mark.parametrize(
    ("changes", "setting", "message"),
    [
        ({"levels": 0}, "head", "prepare graphs with localisations=true"),
        ({"localisation_classes": 0}, "head", r"which have none in these data; name their column \(loc_label\)"),
        ({"head": partial(HEAD, channels=0)}, "head.channels", "found 0"),
        ({"head": partial(HEAD, dropout=1.0)}, "head.dropout", "found 1.0"),
        ({"head": partial(ClassifyFov, hidden=0)}, "head.hidden", "found 0"),
        ({"head": partial(Both, fov=partial(FOV, hidden=0), localisation=HEAD)}, "head.fov.hidden", "found 0"),
    ],
)
def test_errors_name_the_setting_of_the_head(changes, setting, message, make_network):
    with pytest.raises(ConfigError, match=message) as error:
        make_network("none", **changes)
    assert error.value.setting == setting


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


# -- heads of FOVs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("make", [FOV, LinearHead])
def test_logits_of_each_class(n, make, make_sizes, check_gradients, under_autocast):
    head, x = make(4, make_sizes(n_classes=7)), torch.randn(n, 4)

    found = head.classify(x)

    assert found.shape == (n, 7)
    assert found.dtype == under_autocast(head.classify, x).dtype == torch.float32
    if n:
        check_gradients(head, found)


def test_dropout_in_training_alone(make_sizes):
    torch.manual_seed(0)
    head, x = ClassifyFov(4, make_sizes(), hidden=64, dropout=0.5), torch.randn(1, 4).expand(2, -1)

    assert not torch.equal(*head.classify(x))
    assert torch.equal(*head.eval().classify(x))


def test_after_the_mean_each_cluster_votes(make_sizes, make_batch):
    parts = DeepSets, partial(ClusterMlp, channels=8), partial(Pooled, reduce=("mean",))
    network, batch = Network(make_sizes(), *parts, LinearHead, cluster_features=False), make_batch((6, 5, 9), (4, 3))

    votes = network.head.classify(network.encode(batch).clusters)

    torch.testing.assert_close(network(batch), torch.stack([votes[:3].mean(dim=0), votes[3:].mean(dim=0)]))


# -- both at once ------------------------------------------------------------------------------------------------------


@pytest.fixture
def network_of_both(make_sizes):
    torch.manual_seed(0)
    head = partial(Both, fov=FOV, localisation=HEAD)
    return Network(make_sizes(localisation_classes=4), DeepSets, partial(ContinuousFilter, channels=8), Pooled, head)


@pytest.mark.parametrize("sizes", [((6, 5, 9), (4,)), ((1,),), ((7,),)], ids=["two", "one localisation", "one cluster"])
def test_logits_of_both(sizes, network_of_both, make_batch, under_autocast):
    network, batch = network_of_both, make_batch(*sizes)
    encoded = network.encode(batch)

    found = network.logits(batch)

    assert network.predicts == ("field_of_view", "localisation")
    assert found["field_of_view"].shape == (len(sizes), 3)
    assert found["localisation"].shape == (sum(map(sum, sizes)), 4)
    assert torch.equal(network(batch), found["field_of_view"])
    torch.testing.assert_close(found["field_of_view"], network.head.fov.classify(encoded.fovs))
    torch.testing.assert_close(found["localisation"], network.head.localisation(encoded)["localisation"])
    assert {logits.dtype for logits in under_autocast(network.logits, batch).values()} == {torch.float32}


def test_gradients_of_both_reach_all_parameters(network_of_both, make_batch, check_gradients):
    logits = network_of_both.logits(make_batch((16, 15, 19, 17), (18, 14, 13)))

    check_gradients(network_of_both, torch.cat([each.flatten() for each in logits.values()]))
