"""Networks with weights drawn anew."""

import copy

import pytest
import torch
from torch import nn

from locgraph.explain.base import Explainer
from locgraph.explain.explanation import Explanation
from locgraph.explain.metrics.sanity import PARTS, randomised, randomised_weights


class Gradient(Explainer):
    """Scores each cluster by the gradient of the logit with respect to its features."""

    def explain(self, network, example, generator):
        graph = example.graph.clone()
        graph["cluster"].x.requires_grad_()
        network(graph)[0, example.target].backward()
        network.zero_grad()
        return Explanation(graph["cluster"].x.grad.sum(dim=1))


class Picture(Explainer):
    """Fails the check: reads the graph alone."""

    def explain(self, network, example, generator):
        return Explanation(example.graph["cluster"].x[:, 0].clone())


def equal_weights(first, second):
    return [torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)]


@pytest.fixture
def network(make_network):
    return make_network("locclusternet")


def check(network, example, explainer, **settings):
    generator = torch.Generator().manual_seed(0)
    explanation = explainer.explain(network, example, generator)
    return randomised_weights(network, example, explainer, explanation, generator, **settings)


def test_the_network_comes_back_as_it_was(network, make_full_example):
    before, state = copy.deepcopy(network), torch.random.get_rng_state()
    parameters = list(network.parameters())
    check(network, make_full_example(), Gradient())
    assert all(equal_weights(before, network))
    assert all(one is other for one, other in zip(parameters, network.parameters(), strict=True))
    assert not network.training
    assert torch.equal(state, torch.random.get_rng_state())


def test_steps_go_down_from_the_head(network, make_full_example):
    found = check(network, make_full_example(), Gradient())
    weights = {name: sum(weight.numel() for weight in getattr(network, name).parameters()) for name in PARTS}
    present = [name for name in PARTS if weights[name]]
    assert present[0] == "head"
    assert {"head", "cluster_encoder", "loc_encoder"} <= set(present)
    assert found["randomised_to"].to_list() == [*present, "all"]
    sums = torch.tensor([weights[name] for name in present]).cumsum(0).tolist()
    assert found["n_weights"].to_list() == [*sums, sums[-1]]


def test_all_at_once_alone(network, make_full_example):
    found = check(network, make_full_example(), Gradient(), cascade=False)
    assert found["randomised_to"].to_list() == ["all"]


def test_parts_without_weights_have_no_row(make_network, make_full_example):
    network = make_network("clusternet")
    assert not list(network.loc_encoder.parameters())
    assert "loc_encoder" not in check(network, make_full_example(), Gradient())["randomised_to"].to_list()


def test_who_reads_the_picture_alone_fails(network, make_full_example):
    found = check(network, make_full_example(), Picture())
    assert found["spearman"].to_list() == pytest.approx([1.0] * found.height)
    assert found["spearman_absolute"].to_list() == pytest.approx([1.0] * found.height)


def test_who_reads_the_network_passes(make_network, make_full_example):
    """The mean over networks and FOVs falls to about 0."""
    correlations = []
    for seed in range(6):
        example = make_full_example(seed, sizes=(2,) * 30, scales=())
        correlations.append(check(make_network("clusternet", superlevels=0), example, Gradient())["spearman"][-1])
    assert abs(sum(correlations) / 6) < 0.5


def test_scores_without_order(network, make_full_example):
    class Flat(Explainer):
        def explain(self, network, example, generator):
            return Explanation(torch.zeros(5))

    assert check(network, make_full_example(), Flat())["spearman"].null_count() > 0


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
