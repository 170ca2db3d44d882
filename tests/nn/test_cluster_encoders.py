"""Cluster encoders: what holds for all that configs/model/cluster_encoder names, and each against loops or PyG."""

import math

import pytest
import torch
import yaml
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import EdgeConv as PygEdgeConv
from torch_geometric.nn import GATv2Conv, GINEConv, HGTConv, TransformerConv

from locgraph.api.config import config_dir
from locgraph.errors import ConfigError
from locgraph.nn.base import ClusterEncoder
from locgraph.nn.cluster_encoders import ContinuousFilter, NoClusterEncoder, PointTransformerClusters
from locgraph.nn.cluster_encoders.convolutions import GatV2Conv, GinConv, GraphTransformerConv
from locgraph.nn.cluster_encoders.heterogeneous import HeterogeneousLayer, key, plan_relations
from locgraph.nn.cluster_encoders.points import EdgeGather
from locgraph.nn.cluster_encoders.stacks import BlockStack, DistanceEncoder, Stack
from locgraph.nn.geometry import cosines, sines

FILES = sorted((config_dir() / "model" / "cluster_encoder").glob("*.yaml"))
# `none` has no weights, and is tested by itself
LEAVES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES if path.stem != "none"}

CLAIMS = {
    "angular_filter": {"shift", "rotation", "reflection"},
    "chiral_filter": {"shift", "rotation"},
    "continuous_filter": {"shift", "rotation", "reflection"},
    "edge_conv": set(),
    "gatv2": {"shift", "rotation", "reflection"},
    "gin": {"shift", "rotation", "reflection"},
    "graph_transformer": {"shift", "rotation", "reflection"},
    "hgt": {"shift", "rotation", "reflection"},
    "mlp": {"shift", "rotation", "reflection", "scale"},
    "point_net": set(),
    "point_transformer": set(),
}
"""What each docstring says that the encoder cannot see; whatever is not named here it must see."""

IDLE = {
    "graph_transformer": ["lin_key.bias"],
    "point_transformer": ["attention.2.bias"],
}
"""A constant added to all scores leaves a softmax as it is."""

IDLE_WHERE_COINCIDENT = {
    "hgt": ["supercluster__near", "supercluster_1__near"],
    "point_net": ["position.weight"],
    "point_transformer": ["position.0.weight"],
}
"""Offsets are 0, so what multiplies them learns nothing; and there is one supercluster alone."""

SCALES = (0.5, 2.0)

every_encoder = pytest.mark.parametrize("name", LEAVES)


def those_with(*settings):
    """Encoders that have a setting, each with it."""
    return [(name, setting) for setting in settings for name, leaf in LEAVES.items() if setting in leaf]


@pytest.fixture
def make_encoder(make_part, make_sizes):
    def make(name, in_channels=5, dimensions=2, **changes):
        sizes = make_sizes(dimensions, superlevels=len(SCALES))
        return make_part("cluster_encoder", name, {"in_channels": in_channels, "sizes": sizes}, **changes)

    return make


@pytest.fixture
def make_case(make_batch):
    """Cluster vectors and the batch that they belong to."""

    def make(*sizes, in_channels=5, **changes):
        batch = make_batch(*sizes, scales=SCALES, **changes)
        generator = torch.Generator().manual_seed(1)
        return torch.randn(batch["cluster"].num_nodes, in_channels, generator=generator), batch

    return make


def without_edges(graph):
    for edge_type in graph.edge_types:
        if edge_type[1] != "in":
            graph[edge_type].edge_index = graph[edge_type].edge_index[:, :0]
    return graph


def test_claims_are_checked_for_every_encoder():
    assert CLAIMS.keys() == LEAVES.keys()


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("in_channels", [0, 5])
@pytest.mark.parametrize("sizes", [((6, 5, 9), (4,)), ((1,),), ((7,),), ((1, 1),)], ids=str)
def test_one_vector_for_each_cluster(name, dimensions, in_channels, sizes, make_encoder, make_case):
    encoder = make_encoder(name, in_channels, dimensions)
    x, batch = make_case(*sizes, in_channels=in_channels, dimensions=dimensions)

    for graph in (batch, without_edges(batch.clone())):
        found = encoder(x, graph)
        assert found.shape == (sum(map(len, sizes)), encoder.out_channels)
        assert found.dtype == torch.float32
        assert found.isfinite().all()


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
def test_batch_equals_graphs_one_by_one(name, dimensions, make_encoder, make_graph):
    sizes = [(6, 9, 4), (1,), (5, 1, 30), (3, 3)]
    graphs = [make_graph(seed, each, dimensions, scales=SCALES) for seed, each in enumerate(sizes)]
    encoder, x = make_encoder(name, dimensions=dimensions), [torch.randn(len(each), 5) for each in sizes]

    alone = torch.cat([encoder(values, graph) for values, graph in zip(x, graphs, strict=True)])

    torch.testing.assert_close(encoder(torch.cat(x), Batch.from_data_list(graphs)), alone, atol=1e-5, rtol=0)


@every_encoder
def test_same_input_same_output(name, make_encoder, make_case):
    encoder, case = make_encoder(name), make_case()

    assert torch.equal(encoder(*case), encoder(*case))


@every_encoder
def test_order_of_clusters_and_edges_changes_nothing(name, make_encoder, make_case, reorder):
    encoder, (x, batch) = make_encoder(name), make_case()
    before = encoder(x, batch)
    order = torch.tensor([3, 1, 5, 0, 4, 2, 6])
    reorder(batch, "cluster", order)
    edges = batch["cluster", "near", "cluster"]
    edges.edge_index = edges.edge_index.flip(1)

    torch.testing.assert_close(encoder(x[order], batch), before[order], atol=1e-5, rtol=1e-5)


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("in_channels", [0, 5])
@pytest.mark.parametrize("change", ["shift", "rotation", "reflection", "scale"])
def test_sees_what_it_does_not_disclaim(
    name, dimensions, in_channels, change, make_encoder, make_case, map_positions, rotation
):
    encoder = make_encoder(name, in_channels, dimensions)
    x, batch = make_case((6, 5, 9, 7, 8), in_channels=in_channels, dimensions=dimensions)
    before = encoder(x, batch)
    mirror = torch.diag(torch.tensor([-1.0, *[1.0] * (dimensions - 1)]))
    changes = {
        "shift": (None, 3.0),
        "rotation": (rotation(dimensions), 0.0),
        "reflection": (mirror, 0.0),
        "scale": (1.5 * torch.eye(dimensions), 0.0),
    }
    map_positions(batch, *changes[change])

    after = encoder(x, batch)

    if change in CLAIMS[name]:
        torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    else:
        assert (after - before).abs().max() > 1e-3


@every_encoder
@pytest.mark.parametrize("in_channels", [0, 5])
def test_gradients_reach_all_parameters(name, in_channels, make_encoder, make_case, check_gradients):
    encoder = make_encoder(name, in_channels)
    case = make_case((16, 15, 19, 17), (18, 14, 13), in_channels=in_channels)

    check_gradients(encoder, encoder(*case), idle=IDLE.get(name, []))


@every_encoder
def test_coincident_clusters(name, make_encoder, make_case, check_gradients):
    encoder = make_encoder(name)
    x, batch = make_case((16, 15, 19, 17), (18, 14, 13), coincident=True)
    positions = [batch[node_type].pos.requires_grad_() for node_type in batch.node_types]

    found = encoder(x, batch)

    assert found.isfinite().all()
    check_gradients(encoder, found, idle=[*IDLE.get(name, []), *IDLE_WHERE_COINCIDENT.get(name, [])])
    assert all(each.grad is None or each.grad.isfinite().all() for each in positions)


@every_encoder
def test_32_bits_under_autocast(name, make_encoder, make_case, under_autocast):
    encoder, case = make_encoder(name), make_case()

    found = under_autocast(lambda: encoder(*case))

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, encoder(*case), atol=0.1, rtol=0.1)


@pytest.mark.parametrize("name", [name for name, blind_to in CLAIMS.items() if "shift" in blind_to])
def test_geometry_is_taken_in_32_bits_under_autocast(name, make_encoder, make_case, under_autocast, map_positions):
    encoder, (x, batch) = make_encoder(name), make_case()
    before = under_autocast(lambda: encoder(x, batch))
    map_positions(batch, shift=64.0)  # in bfloat16 positions would now be whole multiples of 0.5

    torch.testing.assert_close(under_autocast(lambda: encoder(x, batch)), before, atol=0.02, rtol=0.02)


@every_encoder
def test_dropout_in_training_alone(name, make_encoder, make_case):
    dropped, case = make_encoder(name, dropout=0.5), make_case()
    torch.manual_seed(1)
    first, second = dropped(*case), dropped(*case)

    assert (first - second).abs().max() > 1e-3
    torch.testing.assert_close(dropped.eval()(*case), make_encoder(name)(*case))


@pytest.mark.parametrize(("name", "setting"), those_with("residual", "normalise"))
def test_without_residual_or_normalisation(name, setting, make_encoder, make_case, check_gradients):
    encoder, (x, batch) = make_encoder(name, **{setting: False}), make_case()

    found = encoder(x, batch)

    check_gradients(encoder, found, idle=IDLE.get(name, []))
    assert (found - make_encoder(name)(x, batch)).abs().max() > 1e-3
    # clusters without neighbours keep what they are
    assert torch.pdist(encoder(x, without_edges(batch))).min() > 1e-4


OUT_OF_RANGE = {
    "layers": (0, "found 0"),
    "dropout": (1.0, "found 1.0"),
    "heads": (3, "divisor of channels=8, found 3"),
    "n_gaussians": (1, "found 1"),
    "longest": (0.0, "found 0.0"),
    "shortest": (4.0, "longest=4.0, found 4.0"),
    "harmonics": (0, "found 0"),
}


@pytest.mark.parametrize(("name", "setting"), those_with(*OUT_OF_RANGE))
def test_settings_out_of_range(name, setting, make_encoder):
    value, message = OUT_OF_RANGE[setting]
    with pytest.raises(ConfigError, match=message) as error:
        make_encoder(name, **{setting: value})
    assert error.value.setting == setting


@every_encoder
def test_channels_out_of_range(name, make_encoder):
    wrong = [8, 0] if isinstance(LEAVES[name]["channels"], list) else 0
    with pytest.raises(ConfigError, match="0") as error:
        make_encoder(name, channels=wrong)
    assert error.value.setting == "channels"


# -- each encoder against loops or the layer of PyG --------------------------------------------------------------------

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0], [0, 0, 0, 1, 1, 2]])
"""Cluster 3 receives nothing."""


def fan(*angles):
    """Cluster 0, and one neighbour at distance 1 in each direction."""
    return torch.tensor([[0.0, 0.0], *([math.cos(t), math.sin(t)] for t in angles)])


class Add(nn.Module):
    """Stands for a layer: adds a number."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, x, *edges):
        return x + self.number


def test_layers_of_a_stack_follow_each_other():
    numbers = iter([1.0, 10.0, 100.0])
    stack = Stack(0, 4, 3, lambda: Add(next(numbers)))

    assert stack.out_channels == 4
    torch.testing.assert_close(stack.run(torch.empty(5, 0)), (stack.start + 111.0).expand(5, 4))


def test_continuous_filter_layers_take_the_mean_of_filtered_neighbours(make_sizes):
    torch.manual_seed(0)
    encoder = ContinuousFilter(5, make_sizes(), channels=8, n_gaussians=6, layers=2)
    x, positions, edges = torch.randn(3, 5), torch.randn(3, 2), torch.tensor([[1, 2], [0, 0]])
    first, second = encoder.layers
    expanded = encoder.expand((positions[0] - positions[1:]).norm(dim=1))
    start = encoder.lift(x)

    message = sum(first.value(first.norm(start[j])) * first.filter(expanded[j - 1]) for j in (1, 2)) / 2

    middle = first(start, edges, expanded)
    torch.testing.assert_close(middle[0], start[0] + first.update(message[None])[0])
    torch.testing.assert_close(middle[1], start[1] + first.update(torch.zeros(1, 8))[0])
    torch.testing.assert_close(encoder.encode(x, positions, edges), second(middle, edges, expanded))


def test_angles_differ_where_all_distances_are_the_same(make_encoder):
    x, narrow, wide, edges = torch.randn(4, 5), fan(0.0, 0.3, 1.0), fan(0.0, 1.3, 2.0), EDGES[:, :3]

    difference = {}
    for name in ("continuous_filter", "angular_filter"):
        encoder = make_encoder(name)
        difference[name] = (encoder.encode(x, narrow, edges) - encoder.encode(x, wide, edges)).abs().max()

    assert difference["continuous_filter"] < 1e-5
    assert difference["angular_filter"] > 1e-3


def test_angles_stand_beside_expanded_distances(make_encoder):
    angular, chiral = make_encoder("angular_filter"), make_encoder("chiral_filter")
    positions, edges = fan(0.0, 0.3, 1.0), EDGES[:, :3]
    angles = cosines(positions, edges, 3), sines(positions, edges, 3)

    assert torch.equal(angular.edge_values(positions, edges)[:, 6:], angles[0])
    assert torch.equal(chiral.edge_values(positions, edges)[:, 6:], torch.cat(angles, dim=1))
    torch.testing.assert_close(angular.edge_values(positions, edges)[:, :6], angular.expand(torch.ones(3)))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_signed_angles_tell_a_shape_from_its_mirror_image(dimensions, make_encoder):
    # the letter L, in 3D with a foot
    strokes = [[0, 3, 0], [0, 2, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 2]]
    positions = torch.tensor(strokes, dtype=torch.float32)[: dimensions + 3, :dimensions]
    edges = torch.tensor([[j, i] for i in range(len(positions)) for j in range(len(positions)) if i != j]).T
    mirror = torch.eye(dimensions)
    mirror[0, 0] = -1.0

    difference = {}
    for name in ("angular_filter", "chiral_filter"):
        encoder, x = make_encoder(name, 0, dimensions), torch.empty(len(positions), 0)
        mirrored = encoder.encode(x, positions @ mirror, edges)
        difference[name] = (mirrored.mean(dim=0) - encoder.encode(x, positions, edges).mean(dim=0)).abs().max()

    assert difference["angular_filter"] < 1e-4
    assert difference["chiral_filter"] > 1e-3


def test_edge_convolution_equals_that_of_pyg():
    torch.manual_seed(0)
    gather = EdgeGather(8)
    first = nn.Linear(16, 8)
    other = PygEdgeConv(nn.Sequential(first, gather.pair))  # it draws the weights anew
    # h(x_i, x_j - x_i) = A x_i + B (x_j - x_i), so that x_i is multiplied by A - B
    first.weight.data = torch.cat([gather.target.weight + gather.source.weight, gather.source.weight], dim=1).detach()
    first.bias.data = gather.target.bias.data
    x = torch.randn(4, 8)

    torch.testing.assert_close(gather(x, EDGES), other(x, EDGES), atol=1e-5, rtol=1e-5)


def test_a_cluster_is_its_own_neighbour_where_the_largest_values_count(make_encoder):
    x, positions = torch.randn(1, 5), torch.randn(1, 2)
    for name, offsets in (("edge_conv", ()), ("point_net", (torch.zeros(1, 2),))):
        encoder = make_encoder(name, layers=1)
        first, block = encoder.lift(torch.cat([x, positions], dim=1)), encoder.layers[0]
        itself = block.gather(block.norm(first), *offsets, torch.tensor([[0], [0]]))

        encoded = encoder.encode(x, positions, torch.empty(2, 0, dtype=torch.int64))

        torch.testing.assert_close(encoded, first + block.update(itself))


def test_dense_layers_read_neither_positions_nor_edges(make_encoder):
    encoder, x = make_encoder("mlp"), torch.randn(3, 5)

    encoded = encoder.encode(x, torch.randn(3, 2), EDGES)

    assert torch.equal(encoded, encoder.encode(x, torch.full((3, 2), torch.nan), EDGES[:, :0]))
    first = encoder.lift(x)
    second = first + encoder.layers[0].update(encoder.layers[0].norm(first))
    torch.testing.assert_close(encoded, second + encoder.layers[1].update(encoder.layers[1].norm(second)))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_positions_join_the_vectors_of_point_transformers(dimensions, make_sizes):
    torch.manual_seed(0)
    encoder = PointTransformerClusters(5, make_sizes(dimensions), (6, 8))
    x, positions = torch.randn(4, 5), torch.randn(4, dimensions)

    middle = encoder.layers[0](torch.cat([x, positions], dim=1), positions, EDGES)

    torch.testing.assert_close(encoder.encode(x, positions, EDGES), encoder.layers[1](middle, positions, EDGES))
    assert encoder.encode(x[:0], positions[:0], EDGES[:, :0]).shape == (0, 8)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_gatv2_equals_that_of_pyg_but_for_the_geometry_in_messages(heads):
    torch.manual_seed(0)
    gather = GatV2Conv(8, heads, 6)
    nn.init.zeros_(gather.edge.weight)
    other = GATv2Conv(8, 8 // heads, heads, add_self_loops=False, residual=True)
    other.lin_l, other.lin_r, other.res = gather.left, gather.right, gather.own
    other.att.data = gather.score.data[None]
    x = torch.randn(4, 8)

    torch.testing.assert_close(gather(x, EDGES, torch.randn(6, 6)), other(x, EDGES))


def test_gatv2_equals_loops():
    torch.manual_seed(0)
    gather = GatV2Conv(8, 2, 6)
    x, edge_values = torch.randn(4, 8), torch.randn(6, 6)
    expected = gather.own(x)
    for i in range(4):
        messages, scores = [], []
        for (j, target), values in zip(EDGES.T.tolist(), edge_values, strict=True):
            if target == i:
                messages.append((gather.left(x[j]) + gather.edge(values)).view(2, 4))
                mixed = messages[-1] + gather.right(x[i]).view(2, 4)
                scores.append((torch.where(mixed > 0, mixed, 0.2 * mixed) * gather.score).sum(dim=1))
        for head in range(2 if scores else 0):
            weights = torch.softmax(torch.stack(scores)[:, head], dim=0)
            gathered = sum(weight * message[head] for weight, message in zip(weights, messages, strict=True))
            expected[i, 4 * head : 4 * head + 4] += gathered

    torch.testing.assert_close(gather(x, EDGES, edge_values), expected)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_graph_transformer_is_that_of_pyg(heads, under_autocast):
    torch.manual_seed(0)
    conv, other = GraphTransformerConv(8, heads, 6), TransformerConv(8, 8 // heads, heads, edge_dim=6)
    other.load_state_dict(conv.state_dict())
    x, edge_values = torch.randn(4, 8), torch.randn(6, 6)

    torch.testing.assert_close(conv(x, EDGES, edge_values), other(x, EDGES, edge_values))
    assert (
        under_autocast(
            lambda: conv.propagate(
                EDGES,
                query=x.view(4, heads, -1),
                key=x.view(4, heads, -1),
                value=x.view(4, heads, -1).bfloat16(),
                edge_attr=edge_values,
            )
        ).dtype
        == torch.float32
    )


def test_gin_is_that_of_pyg():
    torch.manual_seed(0)
    conv = GinConv(8, 6)
    conv.eps.data.fill_(0.3)
    other = GINEConv(nn.Sequential(nn.Linear(8, 8)), eps=0.3, edge_dim=6)
    other.nn, other.lin = conv.nn, conv.lin
    x, edge_values = torch.randn(4, 8), torch.randn(6, 6)

    torch.testing.assert_close(conv(x, EDGES, edge_values), other(x, EDGES, edge_values))


def test_gin_counts_neighbours():
    conv = GinConv(8, 6)
    conv.nn = nn.Identity()

    found = conv(torch.ones(4, 8), EDGES, torch.zeros(6, 6))

    step = torch.relu(1.0 + conv.lin.bias)
    torch.testing.assert_close(found, 1.0 + torch.tensor([3.0, 2.0, 1.0, 0.0])[:, None] * step)


@pytest.mark.parametrize("name", ["continuous_filter", "gatv2", "gin", "graph_transformer", "point_transformer"])
def test_edge_masks_of_pyg_reach_every_layer(name, make_encoder):
    encoder, x, positions = make_encoder(name), torch.randn(4, 5), torch.randn(4, 2)
    before = encoder.encode(x, positions, EDGES)

    # a sigmoid of 50 is 1, one of -50 is 0
    set_masks(encoder, nn.Parameter(torch.full((6,), 50.0)), EDGES)
    torch.testing.assert_close(encoder.encode(x, positions, EDGES), before)
    set_masks(encoder, nn.Parameter(torch.full((6,), -50.0)), EDGES)
    masked = encoder.encode(x, positions, EDGES)
    clear_masks(encoder)

    torch.testing.assert_close(masked, encoder.encode(x, positions, EDGES[:, :0]))
    torch.testing.assert_close(encoder.encode(x, positions, EDGES), before)


def test_an_encoder_of_ones_own_implements_encode(make_graph):
    class Mine(ClusterEncoder):
        pass

    with pytest.raises(NotImplementedError):
        Mine(3)(torch.zeros(4, 2), make_graph())


@pytest.mark.parametrize("base", [BlockStack, DistanceEncoder])
def test_a_stack_of_ones_own_implements_its_gather(base, make_sizes):
    with pytest.raises(NotImplementedError):
        base(3, make_sizes())


# -- the heterogeneous transformer -------------------------------------------------------------------------------------

NEAR, LOCALISATION_NEAR = ("cluster", "near", "cluster"), ("localisation", "near", "localisation")
IN, REV_IN = ("localisation", "in", "cluster"), ("cluster", "rev_in", "localisation")
RELATIONS = [("a", "near", "a"), ("b", "in", "a"), ("a", "rev_in", "b")]
N = {"a": 4, "b": 6}


@pytest.fixture
def make_hgt(make_part, make_sizes):
    def make(in_channels=2, dimensions=2, features=2, levels=3, superlevels=2, **changes):
        sizes = make_sizes(dimensions, features, levels=levels, superlevels=superlevels)
        return make_part("cluster_encoder", "hgt", {"in_channels": in_channels, "sizes": sizes}, **changes)

    return make


@pytest.fixture
def scaled_batch(make_batch):
    return make_batch(scales=(0.5, 2.0))


def test_the_last_layer_computes_messages_to_clusters_alone():
    plan = plan_relations([NEAR, LOCALISATION_NEAR, IN], 3)

    assert plan == [[NEAR, LOCALISATION_NEAR, IN, REV_IN], [NEAR, LOCALISATION_NEAR, IN, REV_IN], [NEAR, IN]]


def test_what_cannot_reach_the_clusters_in_time_is_left_out(make_hgt):
    # localisations two levels up need two steps to a cluster at most, superclusters of the second scale two
    assert sorted(make_hgt(layers=1).starts) == [
        "cluster",
        "localisation",
        *(f"localisation_{index}" for index in (1, 2)),
        "supercluster",
    ]
    assert "supercluster_1" in make_hgt(layers=2).starts


def test_a_store_of_clusters_alone(make_hgt, make_batch):
    encoder, batch = make_hgt(levels=0, superlevels=0), make_batch()
    for node_type in ("localisation", "localisation_1", "localisation_2"):
        del batch[node_type]

    assert list(encoder.starts) == ["cluster"]
    assert encoder(batch["cluster"].x, batch).shape == (7, 8)


def test_every_node_type_and_feature_is_read(make_hgt, scaled_batch):
    batch = scaled_batch
    encoder = make_hgt()
    before = encoder(batch["cluster"].x, batch)
    for node_type in batch.node_types:
        for name in ("pos", "x"):
            if name in batch[node_type] and (node_type, name) != ("cluster", "x"):
                changed = batch.clone()
                changed[node_type][name] = (
                    batch[node_type][name] * torch.linspace(1, 3, batch[node_type].num_nodes)[:, None]
                )
                after = encoder(batch["cluster"].x, changed)
                assert (after - before).abs().max() > 1e-5, (node_type, name)


def test_features_of_clusters_are_the_incoming_vectors(make_hgt, scaled_batch):
    batch = scaled_batch
    encoder = make_hgt(in_channels=3)
    x = torch.randn(7, 3)
    before = encoder(x, batch)
    batch["cluster"].x = batch["cluster"].x + 1.0

    assert torch.equal(encoder(x, batch), before)
    assert (encoder(x + 1.0, batch) - before).abs().max() > 1e-3


@pytest.mark.parametrize("dimensions", [2, 3])
def test_localisations_without_features(dimensions, make_hgt, make_batch, check_gradients):
    batch = make_batch((16, 15, 19), (18, 14), dimensions=dimensions, features=0, scales=(0.5, 2.0))
    encoder = make_hgt(0, dimensions, features=0)

    check_gradients(encoder, encoder(batch["cluster"].x, batch))


def test_order_of_localisations_changes_nothing(make_hgt, scaled_batch, reorder):
    batch = scaled_batch
    encoder = make_hgt()
    before = encoder(batch["cluster"].x, batch)
    for level in ("localisation", "localisation_1"):
        generator = torch.Generator().manual_seed(1)
        reorder(batch, level, torch.randperm(batch[level].num_nodes, generator=generator))

    torch.testing.assert_close(encoder(batch["cluster"].x, batch), before, atol=1e-5, rtol=1e-5)


def case(heads=2, relations=RELATIONS):
    torch.manual_seed(0)
    layer = HeterogeneousLayer(8, heads, 3, relations)
    x = {name: torch.randn(n, 8) for name, n in N.items()}
    edges = {
        (source, name, target): (
            torch.randn(9, 3),
            torch.stack([torch.randint(N[source], (9,)), torch.randint(N[target] - 1, (9,))]),  # the last gets none
        )
        for source, name, target in relations
    }
    return layer, x, edges


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_heterogeneous_layer_equals_that_of_pyg(heads):
    layer, x, edges = case(heads)
    other = HGTConv(8, 8, (["a", "b"], RELATIONS), heads)
    for relation in RELATIONS:
        nn.init.zeros_(layer.weights[key(relation)].edge.weight)
        layer.weights[key(relation)].prior.data = torch.rand(heads)
    for name in N:
        layer.norms[name] = nn.Identity()
        linears = [layer.keys[name], layer.queries[name], layer.values[name]]
        other.kqv_lin.lins[name].weight.data = torch.cat([linear.weight for linear in linears]).detach()
        other.kqv_lin.lins[name].bias.data = torch.cat([linear.bias for linear in linears]).detach()
        other.out_lin.lins[name].weight.data = layer.updates[name].weight.data
        other.out_lin.lins[name].bias.data = layer.updates[name].bias.data
        other.skip[name].data.fill_(50.0)  # its sigmoid is 1: the update alone
    for head in range(heads):
        for index, relation in enumerate(RELATIONS):
            weights = layer.weights[key(relation)]
            other.k_rel.weight.data[head * len(RELATIONS) + index] = weights.attention.data[head]
            other.v_rel.weight.data[head * len(RELATIONS) + index] = weights.message.data[head]
    for relation in RELATIONS:
        other.p_rel["__".join(relation)].data = layer.weights[key(relation)].prior.data[None]

    found = layer(x, edges)

    expected = other(x, {relation: edge_index for relation, (_, edge_index) in edges.items()})
    for name in N:
        torch.testing.assert_close(found[name] - x[name], expected[name], atol=1e-5, rtol=1e-5)


def test_geometry_joins_key_and_message():
    layer, x, edges = case(relations=RELATIONS[:1])
    (values, _), weights = edges[RELATIONS[0]], layer.weights[key(RELATIONS[0])]
    one = {RELATIONS[0]: (values[:1], torch.tensor([[1], [0]]))}

    found = layer(x, one)["a"]

    state = layer.norms["a"](x["a"][1])
    message = torch.einsum("hi,hij->hj", layer.values["a"](state).view(2, 4), weights.message).flatten()
    gathered = message + weights.edge(values[0])
    torch.testing.assert_close(found[0], x["a"][0] + layer.updates["a"](nn.functional.gelu(gathered)))
    scores, _ = weights(*(torch.ones(n, 2, 4) for n in (4, 4, 4)), *edges[RELATIONS[0]])
    expected = (weights.attention.sum(dim=(1, 2)) + weights.edge(values).view(9, 2, 4).sum(dim=2)) / 2.0
    torch.testing.assert_close(scores, expected)


def test_types_without_neighbours_stay_as_they_are():
    layer, x, edges = case(relations=RELATIONS[:2])

    found = layer(x, edges)

    assert found["b"] is x["b"]
    assert not torch.equal(found["a"], x["a"])


def test_gradients_reach_all_parameters_of_all_relations(check_gradients):
    layer, x, edges = case()

    check_gradients(layer, torch.cat(list(layer(x, edges).values())), idle=[])


def test_no_encoder_changes_nothing(make_sizes):
    vectors = torch.randn(4, 3)

    encoder = NoClusterEncoder(3, make_sizes())

    assert encoder.out_channels == 3
    assert encoder.encode(vectors, torch.randn(4, 2), torch.zeros(2, 0, dtype=torch.int64)) is vectors
