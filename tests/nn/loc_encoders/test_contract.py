"""What holds for every localisation encoder that configs/model/loc_encoder names."""

import pytest
import torch
import yaml
from torch_geometric.data import Batch

from locgraph.cli.app import config_dir
from locgraph.errors import ConfigError

FILES = sorted((config_dir() / "model" / "loc_encoder").glob("*.yaml"))
LEAVES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
LEARNED = [name for name in LEAVES if name != "none"]

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


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("sizes", [(9, 12), (10,), (1, 1), (1,)], ids=str)
def test_one_vector_for_each_cluster(name, dimensions, features, sizes, make_encoder, make_batch):
    encoder = make_encoder(name, dimensions, features)

    found = encoder(make_batch(sizes, dimensions=dimensions, features=features))

    assert found.shape == (len(sizes), encoder.out_channels)
    assert found.dtype == torch.float32
    assert found.isfinite().all()


@every_learned_encoder
@pytest.mark.parametrize("coincident", [False, True])
def test_one_size_alone(name, coincident, make_encoder, make_batch):
    encoder = make_encoder(name, channels=(6,))

    found = encoder(make_batch((9, 12), coincident=coincident))

    assert found.shape == (2, 6)
    assert found.isfinite().all()


@every_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
def test_batch_equals_graphs_one_by_one(name, dimensions, make_encoder, make_graph):
    graphs = [make_graph(seed, sizes, dimensions) for seed, sizes in enumerate([(6, 9), (1,), (5, 1, 30)])]
    encoder = make_encoder(name, dimensions)

    alone = torch.cat([encoder(Batch.from_data_list([graph])) for graph in graphs])

    torch.testing.assert_close(encoder(Batch.from_data_list(graphs)), alone, atol=1e-5, rtol=0)


@every_encoder
def test_same_input_same_output(name, make_encoder, make_batch):
    encoder, batch = make_encoder(name), make_batch()

    assert torch.equal(encoder(batch), encoder(batch))


@every_learned_encoder
def test_a_cluster_does_not_hear_the_others(name, make_encoder, make_graph):
    graph, encoder = make_graph(sizes=(9, 12)), make_encoder(name)
    before = encoder(graph)
    for level in LEVELS:
        others = graph[level, "in", "cluster"].edge_index[1] == 1
        graph[level].pos = graph[level].pos + others[:, None] * 5.0

    after = encoder(graph)

    torch.testing.assert_close(after[0], before[0])
    assert (after[1] - before[1]).abs().max() > 1e-3


@every_encoder
def test_shift_changes_nothing(name, make_encoder, make_graph, map_positions):
    graph, encoder = make_graph(), make_encoder(name)
    before = encoder(graph)
    map_positions(graph, shift=2.0)

    torch.testing.assert_close(encoder(graph), before, atol=1e-4, rtol=1e-4)


@every_learned_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
def test_rotation_is_seen(name, dimensions, make_encoder, make_graph, map_positions, rotation):
    graph, encoder = make_graph(dimensions=dimensions), make_encoder(name, dimensions)
    before = encoder(graph)
    map_positions(graph, rotation(dimensions))

    assert (encoder(graph) - before).abs().max() > 1e-3


@every_encoder
def test_order_of_localisations_changes_nothing(name, make_encoder, make_graph, reorder):
    graph, encoder = make_graph(), make_encoder(name)
    before = encoder(graph)
    for level in LEVELS:
        reorder(graph, level, torch.randperm(graph[level].num_nodes, generator=torch.Generator().manual_seed(1)))

    torch.testing.assert_close(encoder(graph), before, atol=1e-5, rtol=1e-5)


@every_encoder
def test_order_of_clusters_is_that_of_the_vectors(name, make_encoder, make_graph, reorder):
    graph, encoder, order = make_graph(), make_encoder(name), torch.tensor([2, 0, 3, 1])
    before = encoder(graph)
    reorder(graph, "cluster", order)

    torch.testing.assert_close(encoder(graph), before[order], atol=1e-5, rtol=1e-5)


@every_learned_encoder
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("coincident", [False, True])
def test_gradients_reach_all_parameters(name, dimensions, coincident, make_encoder, make_batch, check_gradients):
    encoder = make_encoder(name, dimensions)
    batch = make_batch((20, 30), dimensions=dimensions, coincident=coincident)

    no_offset = ["position.0.weight", "position.weight"] if coincident else []
    check_gradients(encoder, encoder(batch), idle=[*IDLE.get(name, []), *no_offset])


@every_encoder
def test_32_bits_under_autocast(name, make_encoder, make_batch, under_autocast):
    encoder, batch = make_encoder(name), make_batch()

    found = under_autocast(encoder, batch)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, encoder(batch), atol=0.1, rtol=0.1)


@every_encoder
def test_geometry_is_taken_in_32_bits_under_autocast(name, make_encoder, make_batch, under_autocast, map_positions):
    encoder, batch = make_encoder(name), make_batch()
    before = under_autocast(encoder, batch)
    map_positions(batch, shift=64.0)  # in bfloat16 positions would now be whole multiples of 0.5

    torch.testing.assert_close(under_autocast(encoder, batch), before, atol=0.02, rtol=0.02)


@every_encoder
def test_says_whether_it_reads_localisations(name, make_encoder, make_batch):
    encoder, batch = make_encoder(name), make_batch()
    before = encoder(batch)
    for level in LEVELS:
        batch[level].pos = batch[level].pos * 1.5

    assert torch.equal(encoder(batch), before) is not encoder.uses_localisations


@every_learned_encoder
@pytest.mark.parametrize(("channels", "shown"), [((), r"\[\]"), ((8, 0), r"\[8, 0\]")])
def test_channels_that_cannot_work(name, channels, shown, make_encoder):
    message = "model.loc_encoder.channels must be one or more numbers, each at least 1, found "
    with pytest.raises(ConfigError, match=message + shown):
        make_encoder(name, channels=channels)


@every_learned_encoder
def test_vectors_of_levels_beside_those_of_clusters(name, make_encoder, make_batch):
    encoder, batch = make_encoder(name), make_batch()

    clusters, levels = encoder.encode(batch)

    assert torch.equal(clusters, encoder(batch))
    sizes = zip(LEVELS, encoder.level_channels, strict=False)
    assert [each.shape for each in levels] == [(batch[level].num_nodes, size) for level, size in sizes]
    assert all(each.isfinite().all() for each in levels)


@every_learned_encoder
def test_a_store_without_localisations(name, make_encoder):
    with pytest.raises(ConfigError, match=r"the graph store has (0|none); set graph\.localisations=true"):
        make_encoder(name, levels=0)
