"""Attention that is recorded equals that computed by hand."""

import pytest
import torch
from torch.nn.functional import leaky_relu
from torch_geometric.explain import AttentionExplainer
from torch_geometric.explain import Explainer as PygExplainer

from locgraph.errors import ConfigError
from locgraph.explain.attention import Attention

NEAR = ("cluster", "near", "cluster")


def by_target(scores, target):
    """Softmax over the edges into each cluster, one after the other: (E, H) to (E, H)."""
    weights = torch.zeros_like(scores)
    for each in target.unique():
        weights[target == each] = scores[target == each].softmax(dim=0)
    return weights


def received(edges, edge_index, count, listeners=None):
    """Attention that each cluster receives."""
    found = torch.zeros(count)
    for weight, source, target in zip(edges, *edge_index.tolist(), strict=True):
        found[source] += weight if listeners is None else weight * listeners[target]
    return found


def vectors_before(network, graph):
    """What each layer of a cluster encoder is handed."""
    seen = []
    handles = [
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        for layer in network.cluster_encoder.layers
    ]
    network(graph)
    for handle in handles:
        handle.remove()
    return seen


@torch.no_grad()
def test_point_transformer(make_network, make_full_example, generator):
    network, example = make_network("clusternet"), make_full_example()
    graph = example.graph
    source, target = graph[NEAR].edge_index
    layers = []
    for layer, x in zip(network.cluster_encoder.layers, vectors_before(network, graph), strict=True):
        offset = layer.position(graph["cluster"].pos[target] - graph["cluster"].pos[source])
        scores = layer.attention(layer.query(x)[target] - layer.key(x)[source] + offset)
        layers.append(by_target(scores, target).mean(dim=1))
    expected = torch.stack(layers).mean(dim=0)

    found = Attention().explain(network, example, generator())

    torch.testing.assert_close(found.edges, expected)
    torch.testing.assert_close(found.clusters, received(expected, graph[NEAR].edge_index, 5))


@torch.no_grad()
def test_gatv2(make_network, make_full_example, generator):
    network = make_network("invariantnet", "model/cluster_encoder=gatv2", "model.cluster_encoder.layers=1")
    example = make_full_example()
    source, target = example.graph[NEAR].edge_index
    (x,) = vectors_before(network, example.graph)
    block, positions = network.cluster_encoder.layers[0], example.graph["cluster"].pos
    layer, x = block.gather, block.norm(x)
    lengths = (positions[source] - positions[target]).norm(dim=1)
    mixed = layer.left(x)[source] + layer.edge(network.cluster_encoder.expand(lengths)) + layer.right(x)[target]
    scores = (leaky_relu(mixed, 0.2).view(len(source), *layer.score.shape) * layer.score).sum(dim=2)

    found = Attention().explain(network, example, generator())

    torch.testing.assert_close(found.edges, by_target(scores, target).mean(dim=1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("encoder", ["gatv2", "graph_transformer", "point_transformer", "hgt"])
def test_shares_of_each_cluster(encoder, make_network, make_full_example, generator):
    example = make_full_example()

    edges = (
        Attention()
        .explain(make_network("clusternet", f"model/cluster_encoder={encoder}", *_sizes(encoder)), example, generator())
        .edges
    )

    shares = torch.zeros(5).index_add(0, example.graph[NEAR].edge_index[1], edges)
    if encoder == "hgt":  # localisations and superclusters have shares too
        assert 0 < shares.min() <= shares.max() < 1
    else:
        torch.testing.assert_close(shares, torch.ones(5))


def _sizes(encoder):
    # the settings of `clusternet` are those of its own encoder
    return () if encoder == "point_transformer" else ("model.cluster_encoder.channels=8",)


@torch.no_grad()
@pytest.mark.parametrize("encoder", ["gatv2", "graph_transformer"])
def test_equals_the_attention_explainer_of_pyg(encoder, make_network, make_full_example, generator):
    network = make_network("invariantnet", f"model/cluster_encoder={encoder}")
    example = make_full_example()

    class Clusters(torch.nn.Module):
        """Vectors of clusters from their features, as PyG's explainer wants it."""

        def __init__(self):
            super().__init__()
            self.encoder = network.cluster_encoder

        def forward(self, x, edge_index):
            return self.encoder.encode(x, example.graph["cluster"].pos, edge_index)

    explainer = PygExplainer(
        Clusters(),
        AttentionExplainer(reduce="mean"),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "node"},
    )
    expected = explainer(example.graph["cluster"].x, example.graph[NEAR].edge_index).edge_mask

    found = Attention().explain(network, example, generator())

    torch.testing.assert_close(found.edges, expected)


@torch.no_grad()
def test_readout_alone(make_network, make_full_example, generator):
    network, example = make_network("clustermlp", "model/readout=attention"), make_full_example()
    expected = network.readout.weigh(network.encode(example.graph).clusters).softmax(dim=0)[:, 0]

    found = Attention().explain(network, example, generator())

    torch.testing.assert_close(found.clusters, expected)
    assert found.edges is None


@torch.no_grad()
@pytest.mark.parametrize("by_channel", [False, True])
def test_readout_and_edges(by_channel, make_network, make_full_example, generator):
    network = make_network("clusternet", "model/readout=attention", f"model.readout.by_channel={by_channel}")
    example = make_full_example()
    weights = network.readout.weigh(network.encode(example.graph).clusters).softmax(dim=0).mean(dim=1)

    found = Attention().explain(network, example, generator())

    heard = received(found.edges, example.graph[NEAR].edge_index, 5, weights)
    torch.testing.assert_close(found.clusters, weights + heard)


@torch.no_grad()
@pytest.mark.parametrize("seeds", [1, 2])
def test_set_transformer(seeds, make_network, make_full_example, generator):
    network = make_network("clustermlp", "model/readout=set_transformer", f"model.readout.seeds={seeds}")
    example, readout = make_full_example(), network.readout
    x = readout.lift(network.encode(example.graph).clusters)[None]
    for block in readout.aggregation.encoders:
        x = block(x)
    pool = readout.aggregation.pma
    x = pool.lin(x).relu()
    _, weights = pool.mab.attn(pool.seed, x, x)
    expected = weights[0].mean(dim=0)

    found = Attention().explain(network, example, generator())

    torch.testing.assert_close(found.clusters, expected)


def test_a_readout_within_another(make_network, make_full_example, generator):
    network = make_network(
        "clustermlp", "model/readout=with_descriptors", "model/readout@model.readout.readout=attention"
    )
    Attention().check(network)

    found = Attention().explain(network, make_full_example(), generator())

    assert found.clusters.sum().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", ["invariantnet", "clustermlp", "locnet_pointtransformer"])
def test_models_without_attention_are_refused(name, make_network):
    message = r"point_transformer, graph_transformer, gatv2 or hgt\).*attention or set_transformer\), found \w+ with"
    with pytest.raises(ConfigError, match=message):
        Attention().check(make_network(name))
