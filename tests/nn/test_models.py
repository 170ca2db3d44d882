"""The models that configs/model names, whole, and every readout with every head."""

from functools import cache, partial

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch_geometric.data import Batch

from locgraph.cli import assemble
from locgraph.cli.app import config_dir
from locgraph.errors import DataError
from locgraph.graphs.descriptors import Covariance, PairDistances
from locgraph.nn.cluster_encoders.continuous_filter import ContinuousFilter
from locgraph.nn.heads.classify import ClassifyFov
from locgraph.nn.heads.segment import SegmentLocalisations
from locgraph.nn.loc_encoders.deep_sets import DeepSets
from locgraph.nn.network import Network
from locgraph.nn.readouts.pooled import Pooled

MODELS = sorted(path.stem for path in (config_dir() / "model").glob("*.yaml"))
READOUTS, HEADS = (
    sorted(path.stem for path in (config_dir() / "model" / kind).glob("*.yaml")) for kind in ("readout", "head")
)
INVARIANT = {"clustermlp", "hgt", "invariantnet"}
FOV, LOCALISATION = "field_of_view", "localisation"
N_CLASSES = {FOV: 3, LOCALISATION: 4}

every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module", autouse=True)
def _hydra():
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        yield


@cache
def settings(*overrides):
    return assemble.plain(compose("train", list(overrides)).model)


@pytest.fixture
def make_network(make_sizes):
    def make(name, dimensions=2, *overrides):
        torch.manual_seed(0)
        sizes = make_sizes(dimensions, superlevels=1, descriptors=dimensions + 5, localisation_classes=4)
        return assemble.network(settings(f"model={name}", *overrides), sizes)

    return make


@pytest.fixture
def make_graphs(make_graph):
    """Makes random FOVs with all that a model may read; one cluster each for those that want it so."""

    def make(name, *sizes, dimensions=2):
        descriptors = {"covariance": Covariance(), "pair_distances": PairDistances(5)}
        single = name.startswith("loconlynet") or name == "single_cluster"
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
        assert torch.allclose(after[key], before[key], atol=1e-4, rtol=1e-4) is (name in INVARIANT)


@every_model
def test_32_bits_under_autocast(name, make_network, make_graphs):
    network, graphs = make_network(name), make_graphs(name, (6, 9, 4), (5, 7))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = all_logits(network, graphs)

    for key, expected in all_logits(network, graphs).items():
        assert found[key].dtype == torch.float32
        torch.testing.assert_close(found[key].softmax(dim=1), expected.softmax(dim=1), atol=0.05, rtol=0)


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("loconlynet")])
def test_point_clouds_are_not_clustered(name, make_network, make_graphs):
    with pytest.raises(DataError, match="found one of 2; prepare them with clustering=one"):
        all_logits(make_network(name), make_graphs("", (6, 9)))


@pytest.mark.parametrize("head", HEADS)
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
