"""What holds for every cluster encoder that configs/model/cluster_encoder names."""

import pytest
import torch
import yaml
from torch_geometric.data import Batch

from locgraph.cli.app import config_dir
from locgraph.errors import ConfigError

FILES = sorted((config_dir() / "model" / "cluster_encoder").glob("*.yaml"))
LEAVES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}

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
    "graph_transformer": ["key.bias"],
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


def call(encoder, x, graph):
    """As a network does it."""
    if getattr(encoder, "reads_graph", False):
        return encoder(x, graph)
    return encoder(x, graph["cluster"].pos, graph["cluster", "near", "cluster"].edge_index)


def without_edges(graph):
    for edge_type in graph.edge_types:
        if edge_type[1] != "in":
            graph[edge_type].edge_index = graph[edge_type].edge_index[:, :0]
    return graph


def test_every_encoder_says_what_it_cannot_see():
    assert CLAIMS.keys() == LEAVES.keys()


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("in_channels", [0, 5])
@pytest.mark.parametrize("sizes", [((6, 5, 9), (4,)), ((1,),), ((7,),), ((1, 1),)], ids=str)
def test_one_vector_for_each_cluster(name, dimensions, in_channels, sizes, make_encoder, make_case):
    encoder = make_encoder(name, in_channels, dimensions)
    x, batch = make_case(*sizes, in_channels=in_channels, dimensions=dimensions)

    for graph in (batch, without_edges(batch.clone())):
        found = call(encoder, x, graph)
        assert found.shape == (sum(map(len, sizes)), encoder.out_channels)
        assert found.dtype == torch.float32
        assert found.isfinite().all()


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
def test_batch_equals_graphs_one_by_one(name, dimensions, make_encoder, make_graph):
    sizes = [(6, 9, 4), (1,), (5, 1, 30), (3, 3)]
    graphs = [make_graph(seed, each, dimensions, scales=SCALES) for seed, each in enumerate(sizes)]
    encoder, x = make_encoder(name, dimensions=dimensions), [torch.randn(len(each), 5) for each in sizes]

    alone = torch.cat([call(encoder, values, graph) for values, graph in zip(x, graphs, strict=True)])

    torch.testing.assert_close(call(encoder, torch.cat(x), Batch.from_data_list(graphs)), alone, atol=1e-5, rtol=0)


@every_encoder
def test_same_input_same_output(name, make_encoder, make_case):
    encoder, case = make_encoder(name), make_case()

    assert torch.equal(call(encoder, *case), call(encoder, *case))


@every_encoder
def test_order_of_clusters_and_edges_changes_nothing(name, make_encoder, make_case, reorder):
    encoder, (x, batch) = make_encoder(name), make_case()
    before = call(encoder, x, batch)
    order = torch.tensor([3, 1, 5, 0, 4, 2, 6])
    reorder(batch, "cluster", order)
    edges = batch["cluster", "near", "cluster"]
    edges.edge_index = edges.edge_index.flip(1)

    torch.testing.assert_close(call(encoder, x[order], batch), before[order], atol=1e-5, rtol=1e-5)


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("in_channels", [0, 5])
@pytest.mark.parametrize("change", ["shift", "rotation", "reflection", "scale"])
def test_sees_what_it_does_not_disclaim(
    name, dimensions, in_channels, change, make_encoder, make_case, map_positions, rotation
):
    encoder = make_encoder(name, in_channels, dimensions)
    x, batch = make_case((6, 5, 9, 7, 8), in_channels=in_channels, dimensions=dimensions)
    before = call(encoder, x, batch)
    mirror = torch.diag(torch.tensor([-1.0, *[1.0] * (dimensions - 1)]))
    changes = {
        "shift": (None, 3.0),
        "rotation": (rotation(dimensions), 0.0),
        "reflection": (mirror, 0.0),
        "scale": (1.5 * torch.eye(dimensions), 0.0),
    }
    map_positions(batch, *changes[change])

    after = call(encoder, x, batch)

    if change in CLAIMS[name]:
        torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    else:
        assert (after - before).abs().max() > 1e-3


@every_encoder
@pytest.mark.parametrize("in_channels", [0, 5])
def test_gradients_reach_all_parameters(name, in_channels, make_encoder, make_case, check_gradients):
    encoder = make_encoder(name, in_channels)
    case = make_case((16, 15, 19, 17), (18, 14, 13), in_channels=in_channels)

    check_gradients(encoder, call(encoder, *case), idle=IDLE.get(name, []))


@every_encoder
def test_coincident_clusters(name, make_encoder, make_case, check_gradients):
    encoder = make_encoder(name)
    x, batch = make_case((16, 15, 19, 17), (18, 14, 13), coincident=True)
    positions = [batch[node_type].pos.requires_grad_() for node_type in batch.node_types]

    found = call(encoder, x, batch)

    assert found.isfinite().all()
    check_gradients(encoder, found, idle=[*IDLE.get(name, []), *IDLE_WHERE_COINCIDENT.get(name, [])])
    assert all(each.grad is None or each.grad.isfinite().all() for each in positions)


@every_encoder
def test_32_bits_under_autocast(name, make_encoder, make_case, under_autocast):
    encoder, case = make_encoder(name), make_case()

    found = under_autocast(lambda: call(encoder, *case))

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, call(encoder, *case), atol=0.1, rtol=0.1)


@pytest.mark.parametrize("name", [name for name, blind_to in CLAIMS.items() if "shift" in blind_to])
def test_geometry_is_taken_in_32_bits_under_autocast(name, make_encoder, make_case, under_autocast, map_positions):
    encoder, (x, batch) = make_encoder(name), make_case()
    before = under_autocast(lambda: call(encoder, x, batch))
    map_positions(batch, shift=64.0)  # in bfloat16 positions would now be whole multiples of 0.5

    torch.testing.assert_close(under_autocast(lambda: call(encoder, x, batch)), before, atol=0.02, rtol=0.02)


@every_encoder
def test_dropout_in_training_alone(name, make_encoder, make_case):
    dropped, case = make_encoder(name, dropout=0.5), make_case()
    torch.manual_seed(1)
    first, second = call(dropped, *case), call(dropped, *case)

    assert (first - second).abs().max() > 1e-3
    torch.testing.assert_close(call(dropped.eval(), *case), call(make_encoder(name), *case))


@pytest.mark.parametrize(("name", "setting"), those_with("residual", "normalise"))
def test_without_residual_or_normalisation(name, setting, make_encoder, make_case, check_gradients):
    encoder, (x, batch) = make_encoder(name, **{setting: False}), make_case()

    found = call(encoder, x, batch)

    check_gradients(encoder, found, idle=IDLE.get(name, []))
    assert (found - call(make_encoder(name), x, batch)).abs().max() > 1e-3
    # clusters without neighbours keep what they are
    assert torch.pdist(call(encoder, x, without_edges(batch))).min() > 1e-4


OUT_OF_RANGE = {
    "layers": (0, r"channels and layers must be .* at least 1, found \[8, 0\]"),
    "dropout": (1.0, "dropout must be at least 0 and below 1, found 1"),
    "heads": (3, "heads must be at least 1 and divide channels, found heads=3, channels=8"),
    "n_gaussians": (1, "n_gaussians of at least 2 and .*, found n_gaussians=1"),
    "longest": (0.0, r"longest=0\.0"),
    "shortest": (4.0, r"0 < shortest < longest, .* shortest=4\.0, longest=4\.0"),
    "harmonics": (0, r"harmonics must be one or more numbers, each at least 1, found \[0\]"),
}


@pytest.mark.parametrize(("name", "setting"), those_with(*OUT_OF_RANGE))
def test_settings_out_of_range(name, setting, make_encoder):
    value, message = OUT_OF_RANGE[setting]
    with pytest.raises(ConfigError, match=message):
        make_encoder(name, **{setting: value})


@every_encoder
def test_channels_out_of_range(name, make_encoder):
    wrong = [8, 0] if isinstance(LEAVES[name]["channels"], list) else 0
    with pytest.raises(ConfigError, match=r"channels.* must be one or more numbers, each at least 1, found \["):
        make_encoder(name, channels=wrong)
