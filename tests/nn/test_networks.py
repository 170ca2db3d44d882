"""Whole networks: those of configs/model, all pairs of parts, and the contracts of the parts."""

from functools import cache, partial
from itertools import product

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import nn
from torch_geometric.data import Batch

from locgraph.api.config import config_dir, plain
from locgraph.api.training.network import make_network as make_network_of
from locgraph.errors import ConfigError, DataError
from locgraph.graphs.descriptors import Covariance, PairDistances
from locgraph.nn.base import ClusterEncoder, Encoded, FovHead, Head, LocEncoder, Readout
from locgraph.nn.cluster_encoders import ClusterMlp, ContinuousFilter, GatV2, PointTransformerClusters
from locgraph.nn.heads import ClassifyFov, SegmentLocalisations
from locgraph.nn.loc_encoders import DeepSets, NoEncoder, PointTransformerEncoder
from locgraph.nn.network import MOST_LOCALISATIONS, Network
from locgraph.nn.readouts import Attention, Pooled, WithDescriptors

MODELS = sorted(path.stem for path in (config_dir() / "model").glob("*.yaml"))
READOUTS, HEADS = (
    sorted(path.stem for path in (config_dir() / "model" / kind).glob("*.yaml")) for kind in ("readout", "head")
)
CLASSIFYING = [name for name in HEADS if name not in ("autoencoder", "contrastive")]
SINGLE = [name for name in MODELS if name.startswith("loconlynet") or name == "pointcloud"]
INVARIANT, CHIRAL = {"clustermlp", "hgt", "invariantnet"}, {"pointcloud"}
FOV, LOCALISATION = "field_of_view", "localisation"
N_CLASSES = {FOV: 3, LOCALISATION: 4}

every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module", autouse=True)
def _hydra():
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        yield


@cache
def settings(*overrides):
    return plain(compose("train", list(overrides)).model)


@pytest.fixture
def make_network(make_sizes):
    def make(name, dimensions=2, *overrides):
        torch.manual_seed(0)
        sizes = make_sizes(dimensions, superlevels=1, descriptors=dimensions + 5, localisation_classes=4)
        return make_network_of(settings(f"model={name}", *overrides), sizes)

    return make


@pytest.fixture
def make_graphs(make_graph):
    """Makes random FOVs with all that a model may read; one cluster each for those that want it so."""

    def make(name, *sizes, dimensions=2):
        descriptors = {"covariance": Covariance(), "pair_distances": PairDistances(5)}
        single = name in SINGLE or name == "single_cluster"
        sizes = [(sum(each),) for each in sizes] if single else sizes
        settings = {"dimensions": dimensions, "scales": (0.5,), "descriptors": descriptors}
        return [make_graph(seed, each, **settings) for seed, each in enumerate(sizes)]

    return make


def check_a_step_of_training(network, batch):
    logits = network.logits(batch)
    n = {FOV: batch.num_graphs, LOCALISATION: batch["localisation"].num_nodes}
    losses = []
    for name, found in logits.items():
        assert found.shape == (n[name], N_CLASSES[name])
        assert found.dtype == torch.float32
        losses.append(torch.nn.functional.cross_entropy(found, torch.arange(n[name]) % N_CLASSES[name]))
    sum(losses).backward()
    for part in (network.loc_encoder, network.cluster_encoder, network.readout, network.head):
        gradients = [parameter.grad for parameter in part.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
        assert not gradients or max(gradient.abs().max() for gradient in gradients) > 0


def all_logits(network, graphs):
    with torch.no_grad():
        return network.logits(Batch.from_data_list(graphs))


@every_model
@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_step_of_training(name, dimensions, make_network, make_graphs):
    network = make_network(name, dimensions)

    check_a_step_of_training(network, Batch.from_data_list(make_graphs(name, (6, 5, 9), (8, 4), dimensions=dimensions)))


@every_model
@pytest.mark.parametrize("sizes", [((1,),), ((7,),)], ids=["one localisation", "one cluster"])
def test_the_smallest_fovs(name, sizes, make_network, make_graphs):
    for found in all_logits(make_network(name), make_graphs(name, *sizes)).values():
        assert found.isfinite().all()


@every_model
def test_batch_and_empty_fov_change_nothing(name, make_network, make_graphs, emptied):
    network, graphs = make_network(name), make_graphs(name, (6, 9, 4), (1,), (3, 3))
    alone = [all_logits(network, [graph]) for graph in graphs]

    together = all_logits(network, [*graphs, emptied(graphs[0])])

    for key, found in together.items():
        expected = torch.cat([each[key] for each in alone])
        torch.testing.assert_close(found[: len(expected)], expected, atol=1e-5, rtol=1e-5)
        assert found.isfinite().all()
        assert len(found) == len(expected) + (key == FOV)


@every_model
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("reflect", [False, True])
def test_rotation_changes_nothing_where_it_is_said(
    name, dimensions, reflect, make_network, make_graphs, map_positions, rotation
):
    network, graphs = make_network(name, dimensions), make_graphs(name, (6, 9, 4), (5, 7), dimensions=dimensions)
    before = all_logits(network, graphs)
    matrix = rotation(dimensions)
    if reflect:
        matrix[:, 0] *= -1
    for graph in graphs:
        map_positions(graph, matrix)

    after = all_logits(network, graphs)

    for key in before:
        assert torch.allclose(after[key], before[key], atol=1e-4, rtol=1e-4) is (
            name in INVARIANT or (name in CHIRAL and not reflect)
        )


@every_model
def test_32_bits_under_autocast(name, make_network, make_graphs):
    network, graphs = make_network(name), make_graphs(name, (6, 9, 4), (5, 7))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = all_logits(network, graphs)

    for key, expected in all_logits(network, graphs).items():
        assert found[key].dtype == torch.float32
        torch.testing.assert_close(found[key].softmax(dim=1), expected.softmax(dim=1), atol=0.05, rtol=0)


@pytest.mark.parametrize("name", SINGLE)
def test_point_clouds_are_not_clustered(name, make_network, make_graphs):
    with pytest.raises(DataError, match="found one of 2; prepare them with clustering=one"):
        all_logits(make_network(name), make_graphs("", (6, 9)))


@pytest.mark.parametrize("head", CLASSIFYING)
@pytest.mark.parametrize("readout", READOUTS)
def test_every_readout_with_every_head(readout, head, make_part, make_sizes, make_graphs):
    def part(kind, name):
        return lambda **numbers: make_part(kind, name, numbers, **within.get(name, {}))

    within = {
        "with_descriptors": {"readout": partial(Pooled, reduce=("mean", "max"))},
        "both": {"fov": partial(ClassifyFov, hidden=8), "localisation": partial(SegmentLocalisations, channels=8)},
    }
    sizes = make_sizes(superlevels=1, descriptors=7, localisation_classes=4)
    encoders = partial(DeepSets, channels=(8,)), partial(ContinuousFilter, channels=8)
    network = Network(sizes, *encoders, part("readout", readout), part("head", head))

    check_a_step_of_training(network, Batch.from_data_list(make_graphs(readout, (6, 5, 9), (8, 4))))


def test_the_readout_beside_descriptors_is_chosen_by_its_name(make_network, make_graphs):
    overrides = ("model/readout=with_descriptors", "model/readout@model.readout.readout=set_transformer")
    network = make_network("invariantnet", 2, *overrides)

    check_a_step_of_training(network, Batch.from_data_list(make_graphs("", (6, 5, 9), (8, 4))))
    assert type(network.readout.readout).__name__ == "SetTransformer"


@pytest.mark.parametrize("name", ["locclusternet", "locnet_pointnet", "pointcloud"])
def test_localisations_are_encoded_in_parts_where_there_is_no_gradient(name, make_network, make_graphs, monkeypatch):
    network, batch = make_network(name), Batch.from_data_list(make_graphs(name, (6, 9, 4), (1,), (5, 7)))
    expected, levels = network.describe(batch)
    monkeypatch.setitem(MOST_LOCALISATIONS, "cpu", 8)
    calls = []
    network.loc_encoder.register_forward_hook(lambda *_: calls.append(1))

    with torch.no_grad():
        found, found_levels = network.describe(batch)

    assert len(calls) > 2
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert len(found_levels) == len(levels)
    for one, other in zip(found_levels, levels, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)
    calls.clear()
    network.describe(batch)
    assert len(calls) == 1


# -- networks of small parts --

LOCALISATIONS = partial(PointTransformerEncoder, channels=(6, 8))
PARTS = {
    "clusternet": (NoEncoder, partial(PointTransformerClusters, channels=(6, 8)), Pooled),
    "locclusternet": (LOCALISATIONS, partial(PointTransformerClusters, channels=(6, 8)), Pooled),
    "invariantnet": (NoEncoder, partial(ContinuousFilter, channels=8), partial(Pooled, reduce=("mean", "max"))),
    "mixed": (LOCALISATIONS, partial(ContinuousFilter, channels=8), partial(Attention, hidden=4)),
}
IDLE = ["attention.2.bias", "weigh.3.bias"]  # a constant added to all scores leaves a softmax as it is


@pytest.fixture
def make_of_parts(make_sizes):
    def make(name, dimensions=2, features=2, cluster_features=True):
        torch.manual_seed(0)
        return Network(make_sizes(dimensions, features), *PARTS[name], partial(ClassifyFov, hidden=8), cluster_features)

    return make


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("features", "cluster_features"), [(0, True), (2, True), (2, False)])
@pytest.mark.parametrize("sizes", [((6, 5, 9), (4,)), ((1,),), ((7,),)], ids=["two", "one localisation", "one cluster"])
def test_logits_of_each_graph(name, dimensions, features, cluster_features, sizes, make_of_parts, make_batch):
    batch = make_batch(*sizes, dimensions=dimensions, features=features)

    logits = make_of_parts(name, dimensions, features, cluster_features)(batch)

    assert logits.shape == (len(sizes), 3)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", PARTS)
def test_shift_changes_nothing_where_positions_enter_as_distances(name, make_of_parts, make_graph):
    graph, network = make_graph(), make_of_parts(name)
    before = network(Batch.from_data_list([graph]))
    for node_type in graph.node_types:
        graph[node_type].pos = graph[node_type].pos + 1.0
    after = network(Batch.from_data_list([graph]))

    same = torch.allclose(after, before, atol=1e-4)
    assert same is (name in ("invariantnet", "mixed"))


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("coincident", [False, True])
def test_gradients_reach_all_parameters(name, coincident, make_of_parts, make_batch, check_gradients):
    network = make_of_parts(name)
    batch = make_batch((16, 15, 19, 17), (18, 14, 13), coincident=coincident)

    check_gradients(network, network(batch), idle=[*IDLE, *(["position.0.weight"] if coincident else [])])


@pytest.mark.parametrize("name", PARTS)
def test_cluster_features_are_read_where_wanted(name, make_of_parts, make_batch):
    for wanted in (True, False):
        network, batch = make_of_parts(name, cluster_features=wanted), make_batch()
        before = network(batch)
        batch["cluster"].x = batch["cluster"].x + 1.0
        assert torch.equal(network(batch), before) is not wanted


@pytest.mark.parametrize("name", PARTS)
def test_localisations_are_read_by_their_encoder_alone(name, make_of_parts, make_batch):
    network, batch = make_of_parts(name), make_batch()
    before = network(batch)
    for level in ("localisation", "localisation_1"):
        batch[level].pos = batch[level].pos * 1.5

    assert torch.equal(network(batch), before) is not network.uses_localisations
    assert network.uses_localisations == (name in ("locclusternet", "mixed"))


@pytest.mark.parametrize("name", PARTS)
def test_what_is_encoded(name, make_of_parts, make_batch):
    network, batch = make_of_parts(name), make_batch()

    encoded = network.encode(batch)

    assert encoded.graph is batch
    assert encoded.clusters.shape == (7, network.cluster_encoder.out_channels)
    assert torch.equal(encoded.fovs, network.embed(batch))
    sizes = [6, 8] if network.uses_localisations else []
    assert [level.shape[1] for level in encoded.levels] == sizes


@pytest.mark.parametrize("name", PARTS)
def test_in_steps(name, make_of_parts, make_batch):
    network, batch = make_of_parts(name), make_batch()

    x, levels = network.describe(batch)
    encoded = network.encode_clusters(batch, x, levels)

    assert torch.equal(x[:, -2:], batch["cluster"].x)
    assert torch.equal(encoded.fovs, network.embed(batch))
    assert torch.equal(network.classify(encoded)["field_of_view"], network(batch))


# -- all pairs of encoders --

NAMES = {
    kind: sorted(path.stem for path in (config_dir() / "model" / kind).glob("*.yaml"))
    for kind in ("loc_encoder", "cluster_encoder")
}


@pytest.fixture
def make_pair(make_part, make_sizes):
    def make(loc_encoder, cluster_encoder, cluster_features=True):
        def part(kind, name):
            return lambda **numbers: make_part(kind, name, numbers)

        parts = part("loc_encoder", loc_encoder), part("cluster_encoder", cluster_encoder)
        head = partial(ClassifyFov, hidden=8)
        return Network(
            make_sizes(superlevels=2), *parts, partial(Pooled, reduce=("mean", "max")), head, cluster_features
        )

    return make


every_pair = pytest.mark.parametrize(
    ("loc_encoder", "cluster_encoder"),
    # of two that are none, features alone are left
    [pair for pair in product(NAMES["loc_encoder"], NAMES["cluster_encoder"]) if pair != ("none", "none")],
)


def test_clusters_without_any_vector_are_refused(make_pair):
    with pytest.raises(ConfigError, match=r"^cluster_encoder: clusters have neither a localisation encoder nor feat"):
        make_pair("none", "none", False)


@every_pair
@pytest.mark.parametrize("cluster_features", [True, False])
def test_a_step_of_training_of_every_pair(loc_encoder, cluster_encoder, cluster_features, make_pair, make_batch):
    network = make_pair(loc_encoder, cluster_encoder, cluster_features)
    batch = make_batch(scales=(0.5, 2.0))

    logits = network(batch)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2])).backward()

    assert logits.shape == (2, 3)
    for part in (network.loc_encoder, network.cluster_encoder, network.head):
        gradients = [parameter.grad for parameter in part.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
        assert not gradients or max(gradient.abs().max() for gradient in gradients) > 0


@every_pair
def test_hand_made_features_are_joined_where_wanted(loc_encoder, cluster_encoder, make_pair, make_batch):
    batch = make_batch(scales=(0.5, 2.0))
    changed = batch.clone()
    changed["cluster"].x = batch["cluster"].x + 1.0

    for wanted in (True, False):
        network = make_pair(loc_encoder, cluster_encoder, wanted)
        with torch.no_grad():
            assert torch.equal(network(changed), network(batch)) is not wanted


# -- contracts of the parts --------------------------------------------------------------------------------------------


class NotAnEncoder(nn.Module):
    def __init__(self, in_channels, sizes):
        super().__init__()


class NoSizes(ClusterEncoder):
    def __init__(self, in_channels):
        super().__init__(in_channels)


GOOD = {"loc_encoder": NoEncoder, "cluster_encoder": ClusterMlp, "readout": Pooled, "head": ClassifyFov}


@pytest.mark.parametrize("part", list(GOOD)[1:])
def test_a_part_of_another_base_class_is_refused_with_the_contract(part, make_sizes):
    base = {"cluster_encoder": "ClusterEncoder", "readout": "Readout", "head": "Head"}[part]
    with pytest.raises(
        ConfigError, match=rf"subclass of locgraph.nn.base.{base}: .*\(in_channels=..., sizes=...\)"
    ) as error:
        Network(make_sizes(), **GOOD | {part: NotAnEncoder})
    assert error.value.setting == part
    assert str(error.value).endswith("NotAnEncoder")


def test_a_part_that_cannot_be_built_is_refused_with_the_contract(make_sizes):
    with pytest.raises(ConfigError, match=r"NoSizes cannot be built: .*unexpected keyword argument 'sizes'") as error:
        Network(make_sizes(), **GOOD | {"cluster_encoder": NoSizes})
    assert error.value.setting == "cluster_encoder"


@pytest.mark.parametrize(
    ("part", "make", "setting"),
    [
        ("loc_encoder", partial(PointTransformerEncoder, channels=()), "loc_encoder.channels"),
        ("cluster_encoder", partial(GatV2, heads=3), "cluster_encoder.heads"),
        ("readout", partial(Pooled, reduce=()), "readout.reduce"),
        ("readout", partial(WithDescriptors, readout=partial(Pooled, reduce=())), "readout.readout.reduce"),
        ("head", partial(ClassifyFov, dropout=2.0), "head.dropout"),
    ],
)
def test_errors_name_the_setting_of_the_part(part, make, setting, make_sizes):
    with pytest.raises(ConfigError) as error:
        Network(make_sizes(descriptors=2), **GOOD | {part: make})
    assert error.value.setting == setting


def test_parts_of_ones_own_need_nothing_but_their_contract(make_sizes, make_batch):
    class MyEncoder(LocEncoder):
        def __init__(self, sizes):
            super().__init__(1)

        def forward(self, graph):
            return torch.ones(graph["cluster"].num_nodes, 1), []

    class MyClusters(ClusterEncoder):
        def __init__(self, in_channels, sizes):
            super().__init__(in_channels)

        def encode(self, x, positions, edge_index):
            return 2 * x

    class MyReadout(Readout):
        def __init__(self, in_channels, sizes):
            super().__init__(in_channels)

        def reduce(self, x, batch, n_graphs):
            return torch.zeros(n_graphs, x.shape[1]).index_add(0, batch, x)

    class MyHead(FovHead):
        def __init__(self, in_channels, sizes):
            super().__init__()

        def classify(self, fovs):
            return torch.cat([fovs, -fovs], dim=1)

    network = Network(make_sizes(), MyEncoder, MyClusters, MyReadout, MyHead, cluster_features=False)

    assert network(make_batch((6, 5, 9), (4,))).tolist() == [[6.0, -6.0], [2.0, -2.0]]
    assert not network.uses_localisations
    assert network.predicts == ("field_of_view",)
    assert network.readout.attention is None


@pytest.mark.parametrize(
    "base", [LocEncoder(1), ClusterEncoder(1), Readout(1), Head(), FovHead()], ids=lambda b: type(b).__name__
)
def test_base_classes_compute_nothing(base, make_batch):
    batch = make_batch()
    arguments = {"LocEncoder": (batch,), "Head": (None,), "FovHead": (Encoded(batch, [], None, None),)}
    with pytest.raises(NotImplementedError):
        base(*arguments.get(type(base).__name__, (torch.ones(7, 1), batch)))
