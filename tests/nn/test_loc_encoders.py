"""Localisation encoders: what holds for all that configs/model/loc_encoder names, and each against loops."""

import pytest
import torch
import yaml
from torch_geometric.data import Batch

from locgraph.api.config import config_dir
from locgraph.errors import ConfigError
from locgraph.nn.loc_encoders import DeepSets, NoEncoder, PointTransformerEncoder, SetAbstraction

FILES = sorted((config_dir() / "model" / "loc_encoder").glob("*.yaml"))
LEAVES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
LEARNED = [name for name in LEAVES if name != "none"]
INVARIANT = ["harmonics", "vector_neurons"]
OF_SMALL_CLUSTERS = {"harmonics": {"longest": 0.6}}

IDLE = {"point_transformer": ["attention.2.bias"]}
"""A constant added to all scores leaves a softmax as it is."""

LEVELS = ("localisation", "localisation_1", "localisation_2")

every_encoder = pytest.mark.parametrize("name", LEAVES)
every_learned_encoder = pytest.mark.parametrize("name", LEARNED)


@pytest.fixture
def make_encoder(make_part, make_sizes):
    def make(name, dimensions=2, features=2, levels=3, **changes):
        return make_part("loc_encoder", name, {"sizes": make_sizes(dimensions, features, levels=levels)}, **changes)

    return make


def clusters(encoder, graph):
    """Vectors of the clusters."""
    return encoder(graph)[0]


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("sizes", [(9, 12), (10,), (1, 1), (1,)], ids=str)
def test_one_vector_for_each_cluster(name, dimensions, features, sizes, make_encoder, make_batch):
    encoder = make_encoder(name, dimensions, features)

    found = clusters(encoder, make_batch(sizes, dimensions=dimensions, features=features))

    assert found.shape == (len(sizes), encoder.out_channels)
    assert found.dtype == torch.float32
    assert found.isfinite().all()


@every_learned_encoder
@pytest.mark.parametrize("coincident", [False, True])
def test_one_size_alone(name, coincident, make_encoder, make_batch):
    encoder = make_encoder(name, channels=(6,))

    found = clusters(encoder, make_batch((9, 12), coincident=coincident))

    assert found.shape == (2, 6)
    assert found.isfinite().all()


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
def test_batch_equals_graphs_one_by_one(name, dimensions, make_encoder, make_graph):
    graphs = [make_graph(seed, sizes, dimensions) for seed, sizes in enumerate([(6, 9), (1,), (5, 1, 30)])]
    encoder = make_encoder(name, dimensions)

    alone = torch.cat([clusters(encoder, Batch.from_data_list([graph])) for graph in graphs])

    torch.testing.assert_close(clusters(encoder, Batch.from_data_list(graphs)), alone, atol=1e-5, rtol=0)


@every_encoder
def test_same_input_same_output(name, make_encoder, make_batch):
    encoder, batch = make_encoder(name), make_batch()

    assert torch.equal(clusters(encoder, batch), clusters(encoder, batch))


@every_learned_encoder
def test_clusters_are_encoded_apart(name, make_encoder, make_graph):
    graph, encoder = make_graph(sizes=(9, 12)), make_encoder(name)
    before = clusters(encoder, graph)
    for level in LEVELS:
        others = graph[level, "in", "cluster"].edge_index[1] == 1
        graph[level].pos = graph[level].pos * (1.0 + 4.0 * others[:, None])

    after = clusters(encoder, graph)

    torch.testing.assert_close(after[0], before[0])
    assert (after[1] - before[1]).abs().max() > 1e-3


@every_encoder
def test_shift_changes_nothing(name, make_encoder, make_graph, map_positions):
    graph, encoder = make_graph(), make_encoder(name)
    before = clusters(encoder, graph)
    map_positions(graph, shift=2.0)

    torch.testing.assert_close(clusters(encoder, graph), before, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in LEARNED if name not in INVARIANT])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_rotation_is_seen(name, dimensions, make_encoder, make_graph, map_positions, rotation):
    graph, encoder = make_graph(dimensions=dimensions), make_encoder(name, dimensions)
    before = clusters(encoder, graph)
    map_positions(graph, rotation(dimensions))

    assert (clusters(encoder, graph) - before).abs().max() > 1e-3


@pytest.mark.parametrize("name", INVARIANT)
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("sizes", [(9, 12, 1), (2, 40)], ids=str)
def test_rotation_changes_nothing_and_a_mirror_does(
    name, dimensions, sizes, make_encoder, make_graph, map_positions, rotation
):
    encoder = make_encoder(name, dimensions, channels=(16, 16), **OF_SMALL_CLUSTERS.get(name, {}))
    graph = make_graph(sizes=sizes, dimensions=dimensions)
    before = clusters(encoder, graph)
    map_positions(graph, rotation(dimensions))
    turned = clusters(encoder, graph)
    map_positions(graph, torch.diag(torch.tensor([-1.0] + [1.0] * (dimensions - 1))))
    mirrored = clusters(encoder, graph)

    torch.testing.assert_close(turned, before, atol=1e-5, rtol=0)
    large = [index for index, size in enumerate(sizes) if size > 4]
    assert ((mirrored - before).abs().max(dim=1).values > 1e-4)[large].all()


def ring(count, radius, dimensions=2):
    angles = torch.arange(count) * 2 * torch.pi / count
    axes = [angles.cos(), angles.sin(), torch.zeros(count)][:dimensions]
    return radius * torch.stack(axes, dim=1)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_rings_which_have_no_pose_differ_by_their_radius_alone(dimensions, make_encoder, make_graph, rotation):
    encoder, graph = (
        make_encoder("vector_neurons", dimensions, 0, levels=1, channels=(16, 16)),
        make_graph(sizes=(16, 16, 16), dimensions=dimensions, features=0),
    )
    turned = ring(16, 0.5, dimensions) @ rotation(dimensions).T
    graph["localisation"].pos = torch.cat([ring(16, 0.5, dimensions), turned, ring(16, 0.9, dimensions)])
    graph["cluster"].pos = torch.zeros(3, dimensions)
    near = torch.arange(16)
    edges = torch.stack([torch.cat([near - 1, near + 1]) % 16, near.repeat(2)])
    graph["localisation", "near", "localisation"].edge_index = torch.cat([edges, edges + 16, edges + 32], dim=1)

    small, other_way, large = clusters(encoder, graph)

    torch.testing.assert_close(other_way, small, atol=1e-5, rtol=0)
    assert (large - small).abs().max() > 0.01


def test_vectors_are_at_least_one(make_encoder):
    with pytest.raises(ConfigError, match=r"^vectors: expected a whole number of at least 1"):
        make_encoder("vector_neurons", vectors=0)


@every_encoder
def test_order_of_localisations_changes_nothing(name, make_encoder, make_graph, reorder):
    graph, encoder = make_graph(), make_encoder(name)
    before = clusters(encoder, graph)
    for level in LEVELS:
        reorder(graph, level, torch.randperm(graph[level].num_nodes, generator=torch.Generator().manual_seed(1)))

    torch.testing.assert_close(clusters(encoder, graph), before, atol=1e-5, rtol=1e-5)


@every_encoder
def test_order_of_clusters_is_that_of_the_vectors(name, make_encoder, make_graph, reorder):
    graph, encoder, order = make_graph(), make_encoder(name), torch.tensor([2, 0, 3, 1])
    before = clusters(encoder, graph)
    reorder(graph, "cluster", order)

    torch.testing.assert_close(clusters(encoder, graph), before[order], atol=1e-5, rtol=1e-5)


@every_learned_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("coincident", [False, True])
def test_gradients_reach_all_parameters(name, dimensions, coincident, make_encoder, make_batch, check_gradients):
    encoder = make_encoder(name, dimensions)
    batch = make_batch((20, 30), dimensions=dimensions, coincident=coincident)

    no_offset = ["position.0.weight", "position.weight", "weights.", "mix."] if coincident else []
    check_gradients(encoder, clusters(encoder, batch), idle=[*IDLE.get(name, []), *no_offset])


@every_encoder
def test_32_bits_under_autocast(name, make_encoder, make_batch, under_autocast):
    encoder, batch = make_encoder(name), make_batch()

    found = under_autocast(clusters, encoder, batch)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, clusters(encoder, batch), atol=0.1, rtol=0.1)


@every_encoder
def test_geometry_is_taken_in_32_bits_under_autocast(name, make_encoder, make_batch, under_autocast, map_positions):
    encoder, batch = make_encoder(name), make_batch()
    before = under_autocast(clusters, encoder, batch)
    map_positions(batch, shift=64.0)  # in bfloat16 positions would now be whole multiples of 0.5

    torch.testing.assert_close(under_autocast(clusters, encoder, batch), before, atol=0.02, rtol=0.02)


@every_encoder
def test_uses_localisations_is_whether_they_are_read(name, make_encoder, make_batch):
    encoder, batch = make_encoder(name), make_batch()
    before = clusters(encoder, batch)
    for level in LEVELS:
        batch[level].pos = batch[level].pos * 1.5

    assert torch.equal(clusters(encoder, batch), before) is not encoder.uses_localisations


@every_learned_encoder
@pytest.mark.parametrize(("channels", "shown"), [((), r"\[\]"), ((8, 0), r"\[8, 0\]")])
def test_channels_that_cannot_work(name, channels, shown, make_encoder):
    with pytest.raises(ConfigError, match=shown) as error:
        make_encoder(name, channels=channels)
    assert error.value.setting == "channels"


@every_learned_encoder
def test_vectors_of_levels_beside_those_of_clusters(name, make_encoder, make_batch):
    encoder, batch = make_encoder(name), make_batch()

    _, levels = encoder(batch)

    sizes = zip(LEVELS, encoder.level_channels, strict=False)
    assert [each.shape for each in levels] == [(batch[level].num_nodes, size) for level, size in sizes]
    assert all(each.isfinite().all() for each in levels)


@every_learned_encoder
def test_a_store_without_localisations(name, make_encoder):
    with pytest.raises(ConfigError, match="prepare graphs with localisations=true"):
        make_encoder(name, levels=0)


@pytest.mark.parametrize("reduce", [("mean", "max"), ("sum",), ("max", "sum", "mean")])
def test_deep_sets_equal_a_loop(reduce, make_graph, make_sizes):
    torch.manual_seed(0)
    graph, encoder = make_graph(), DeepSets(make_sizes(), (6, 8), reduce)
    owner = graph["localisation", "in", "cluster"].edge_index[1]
    rows = []
    for i in range(4):
        mine = owner == i
        offsets = graph["localisation"].pos[mine] - graph["cluster"].pos[i]
        each = encoder.each(torch.cat([offsets, graph["localisation"].x[mine]], dim=1))
        values = {"mean": each.mean(dim=0), "max": each.amax(dim=0), "sum": each.sum(dim=0)}
        rows.append(torch.cat([values[name] for name in reduce]))

    torch.testing.assert_close(clusters(encoder, graph), encoder.together(torch.stack(rows)))


def test_deep_sets_need_no_sampled_level(make_graph, make_sizes):
    graph = make_graph()
    for level in ("localisation_1", "localisation_2"):
        del graph[level]

    assert clusters(DeepSets(make_sizes(levels=1), (6, 7, 8, 9)), graph).shape == (4, 9)


@pytest.mark.parametrize("reduce", [(), ("median",)])
def test_reductions_that_do_not_exist(reduce, make_sizes):
    with pytest.raises(ConfigError, match="some of max, mean, sum") as error:
        DeepSets(make_sizes(), reduce=reduce)
    assert error.value.setting == "reduce"


def test_levels_follow_each_other_by_largest_values(make_graph, make_sizes):
    torch.manual_seed(0)
    graph, encoder = make_graph(), PointTransformerEncoder(make_sizes(), (6, 8))
    owner = graph["localisation", "in", "cluster"].edge_index[1]
    offsets = graph["localisation"].pos - graph["cluster"].pos[owner]
    near = [graph[level, "near", level].edge_index for level in ("localisation", "localisation_1")]
    x = encoder.lift(torch.cat([offsets, graph["localisation"].x], dim=1))
    x = encoder.down[0](encoder.layers[0](x, graph["localisation"].pos, near[0]))
    below, above = graph["localisation", "pooled_into", "localisation_1"].edge_index
    pooled = torch.stack([x[below[above == i]].amax(dim=0) for i in range(graph["localisation_1"].num_nodes)])
    x = encoder.layers[1](pooled, graph["localisation_1"].pos, near[1])
    owner = graph["localisation_1", "in", "cluster"].edge_index[1]

    expected = torch.stack([x[owner == i].amax(dim=0) for i in range(4)])

    torch.testing.assert_close(clusters(encoder, graph), expected)


def step(layer, x, positions, sources, at):
    """The formula of the paper for one point of the level above."""
    each = [layer.local(layer.value(x[j]) + layer.position(positions[j] - at)) for j in sources]
    return torch.stack(each).amax(dim=0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_set_abstraction_equals_loops(dimensions, make_graph, make_sizes):
    torch.manual_seed(0)
    graph, encoder = make_graph(dimensions=dimensions), SetAbstraction(make_sizes(dimensions), (6, 8))
    points, sampled, centres = (graph[name].pos for name in ("localisation", "localisation_1", "cluster"))
    owner = graph["localisation", "in", "cluster"].edge_index[1]
    x = encoder.lift(torch.cat([points - centres[owner], graph["localisation"].x], dim=1))
    below, above = graph["localisation", "pooled_into", "localisation_1"].edge_index
    x = torch.stack([step(encoder.up[0], x, points, below[above == i], at) for i, at in enumerate(sampled)])
    owner = graph["localisation_1", "in", "cluster"].edge_index[1]

    expected = [step(encoder.last, x, sampled, (owner == i).nonzero()[:, 0], at) for i, at in enumerate(centres)]

    torch.testing.assert_close(clusters(encoder, graph), torch.stack(expected))


@pytest.mark.parametrize("make", [PointTransformerEncoder, SetAbstraction])
def test_more_levels_than_are_stored(make, make_sizes):
    with pytest.raises(ConfigError, match=r"the graphs have 3, found \[8, 8, 8, 8\]; .* 3 ratios") as error:
        make(make_sizes(), (8,) * 4)
    assert error.value.setting == "channels"


@pytest.mark.parametrize("dimensions", [2, 3])
def test_no_encoder_gives_an_empty_vector_for_each_cluster(dimensions, make_batch, make_sizes):
    encoder = NoEncoder(make_sizes(dimensions))
    vectors, levels = encoder(make_batch(dimensions=dimensions))

    assert vectors.shape == (7, encoder.out_channels) == (7, 0)
    assert levels == []
    assert list(encoder.parameters()) == []
