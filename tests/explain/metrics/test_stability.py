"""Explanations of jittered FOVs, and with networks of random weights."""

import copy

import pytest
import torch
from torch import nn

from locgraph.errors import ConfigError
from locgraph.explain.base import Explainer, Explanation
from locgraph.explain.metrics.sanity import PARTS, randomised, randomised_weights
from locgraph.explain.metrics.selection import Selection
from locgraph.explain.metrics.stability import Stability, jittered

HALF = Selection("fraction", 0.5)


class ByFeature(Explainer):
    """Scores each cluster by its first feature."""

    def explain(self, network, example, generator):
        return Explanation(example.graph["cluster"].x[:, 0].clone())


class ByPlace(Explainer):
    """Scores each cluster by its first coordinate."""

    def explain(self, network, example, generator):
        return Explanation(example.graph["cluster"].pos[:, 0].clone())


def stable(network, example, explainer, stability, seed=0, nm_per_unit=None):
    generator = torch.Generator().manual_seed(seed)
    explanation = explainer.explain(network, example, generator)
    return stability(network, example, explainer, explanation, HALF, generator, nm_per_unit)


def test_scores_that_jitter_does_not_touch(make_example, additive):
    found = stable(additive, make_example(20), ByFeature(), Stability(repeats=4, jitter=5.0))
    assert (found.correlation, found.overlap, found.repeats) == (pytest.approx(1), 1, 4)


def test_more_jitter_less_stable(make_example, by_hand):
    network = by_hand(lambda graph: torch.ones(graph.num_graphs))
    found = [
        stable(network, make_example(40), ByPlace(), Stability(20, jitter)).correlation for jitter in (0.01, 1, 100)
    ]
    assert found[0] > 0.99
    assert 0.4 < found[1] < 0.9
    assert abs(found[2]) < 0.15


def test_features_too(make_example, by_hand):
    network = by_hand(lambda graph: torch.ones(graph.num_graphs))
    example = make_example(40)
    assert stable(network, example, ByFeature(), Stability(5, 1.0)).correlation == pytest.approx(1)
    assert stable(network, example, ByFeature(), Stability(5, 1.0, feature_jitter=1.0)).correlation < 0.5


def test_repeats_of_another_class_are_left_out(make_example, by_hand):
    """The class is decided by a coordinate of 0: half of the repeats land on the other side."""
    example = make_example(1, positions=[[0.0, 0.0]])
    network = by_hand(lambda graph: graph["cluster"].pos[:, 0])
    found = stable(network, example, ByPlace(), Stability(50, 1.0))
    assert 10 < found.repeats < 40
    # a single cluster has no order, and is always selected
    assert (found.correlation, found.overlap) == (None, 1)


def test_no_repeat_counts(make_example, by_hand):
    network = by_hand(lambda graph: torch.where(graph["cluster"].pos[:, 0] == 0, -1.0, 1.0))
    found = stable(network, make_example(1, positions=[[0.0, 0.0]]), ByPlace(), Stability(3, 1.0))
    assert (found.correlation, found.overlap, found.repeats) == (None, None, 0)


def test_nanometres(make_example, by_hand):
    network = by_hand(lambda graph: torch.ones(graph.num_graphs))
    example = make_example(12)
    expected = stable(network, example, ByPlace(), Stability(3, 0.5))
    in_nm = Stability(3, 40.0, in_nm=True)
    assert stable(network, example, ByPlace(), in_nm, nm_per_unit=80.0) == expected

    example.graph["extent"] = torch.tensor([[80.0]])
    assert stable(network, example, ByPlace(), in_nm) == expected
    assert stable(network, example, ByPlace(), in_nm, nm_per_unit=1e9).correlation == pytest.approx(1)


def test_nanometres_without_extent(make_example, additive):
    with pytest.raises(ConfigError, match=r"in_nm: fov_0: expected false"):
        stable(additive, make_example(3), ByPlace(), Stability(in_nm=True))


def test_localisations_move_with_their_cluster(make_full_example):
    graph = make_full_example().graph
    before = graph.clone()

    changed = jittered(graph, 0.3, 0.1, torch.Generator().manual_seed(0))

    moves = changed["cluster"].pos - before["cluster"].pos
    assert moves.std() > 0.1
    assert not torch.equal(changed["cluster"].x, before["cluster"].x)
    for name in ("localisation", "localisation_1", "localisation_2"):
        owner = before[name, "in", "cluster"].edge_index[1]
        torch.testing.assert_close(changed[name].pos, before[name].pos + moves[owner])
    for edge, name in (
        (("cluster", "in", "supercluster"), "supercluster"),
        (("supercluster", "in", "supercluster_1"), "supercluster_1"),
    ):
        members, holders = before[edge].edge_index
        moves = torch.stack([moves[members[holders == holder]].mean(dim=0) for holder in range(before[name].num_nodes)])
        torch.testing.assert_close(changed[name].pos, before[name].pos + moves)
    for name in before.node_types:
        assert torch.equal(graph[name].pos, before[name].pos)
    assert torch.equal(graph["cluster"].x, before["cluster"].x)


class Gradient(Explainer):
    """Scores each cluster by the gradient of the logit with respect to its features."""

    def explain(self, network, example, generator):
        graph = example.graph.clone()
        graph["cluster"].x.requires_grad_()
        network(graph)[0, example.target].backward()
        network.zero_grad()
        return Explanation(graph["cluster"].x.grad.sum(dim=1))


class Picture(Explainer):
    """Fails the randomise: reads the graph alone."""

    def explain(self, network, example, generator):
        return Explanation(example.graph["cluster"].x[:, 0].clone())


def equal_weights(first, second):
    return [torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)]


@pytest.fixture
def network(make_network):
    return make_network("locclusternet")


def randomise(network, example, explainer, **settings):
    generator = torch.Generator().manual_seed(0)
    explanation = explainer.explain(network, example, generator)
    return randomised_weights(network, example, explainer, explanation, generator, **settings)


def test_the_network_comes_back_as_it_was(network, make_full_example):
    before, state = copy.deepcopy(network), torch.random.get_rng_state()
    parameters = list(network.parameters())
    randomise(network, make_full_example(), Gradient())
    assert all(equal_weights(before, network))
    assert all(one is other for one, other in zip(parameters, network.parameters(), strict=True))
    assert not network.training
    assert torch.equal(state, torch.random.get_rng_state())


def test_steps_go_down_from_the_head(network, make_full_example):
    found = randomise(network, make_full_example(), Gradient())
    weights = {name: sum(weight.numel() for weight in network.get_submodule(name).parameters()) for name in PARTS}
    present = [name for name in PARTS if weights[name]]
    assert present[0] == "head"
    assert {"head", "cluster_encoder", "loc_encoder"} <= set(present)
    assert found["randomised_to"].to_list() == [*present, "all"]
    sums = torch.tensor([weights[name] for name in present]).cumsum(0).tolist()
    assert found["n_weights"].to_list() == [*sums, sums[-1]]


def test_an_explainer_that_ignores_the_network_fails(network, make_full_example):
    found = randomise(network, make_full_example(), Picture())
    assert found["spearman"].to_list() == pytest.approx([1.0] * found.height)
    assert found["spearman_absolute"].to_list() == pytest.approx([1.0] * found.height)


def test_an_explainer_that_reads_the_network_passes(make_network, make_full_example):
    """The mean over networks and FOVs falls to about 0."""
    correlations = []
    for seed in range(6):
        example = make_full_example(seed, sizes=(2,) * 30, scales=())
        correlations.append(randomise(make_network("clusternet", superlevels=0), example, Gradient())["spearman"][-1])
    assert abs(sum(correlations) / 6) < 0.5


def test_only_the_named_parts_change(network):
    changed = randomised(network, ["head", "readout"], torch.Generator().manual_seed(0))
    for name in PARTS:
        same = equal_weights(getattr(network, name), getattr(changed, name))
        if name in ("head", "readout"):
            assert not same or not all(same)
        else:
            assert all(same)


def test_weights_of_no_layer_are_drawn_too():
    network = nn.Module()
    network.head = nn.Module()
    network.head.start = nn.Parameter(torch.randn(5000, generator=torch.Generator().manual_seed(1)) * 3 + 2)
    network.head.layers = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3))
    with torch.no_grad():
        network.head.layers[1].weight.fill_(7)

    changed = randomised(network, ["head"], torch.Generator().manual_seed(0)).head

    assert (changed.start != network.head.start).all()
    assert changed.start.mean().item() == pytest.approx(2, abs=0.2)
    assert changed.start.std().item() == pytest.approx(3, abs=0.2)
    assert not torch.equal(changed.layers[0].weight, network.head.layers[0].weight)
    assert changed.layers[1].weight.tolist() == [1, 1, 1]
    assert changed.start.requires_grad


def test_the_same_seed_the_same_weights(network):
    first, second, third = (randomised(network, PARTS, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert all(equal_weights(first, second))
    assert not all(equal_weights(first, third))
