"""A limit of time: what an explanation holds when it is over, and how many passes are announced before."""

import itertools

import pytest
import torch

from locgraph.explain import baselines, coalitions, time_limit
from locgraph.explain.baselines import Displacement, Occlusion
from locgraph.explain.gnn_explainer import GNNExplainer
from locgraph.explain.shapley import Shapley
from locgraph.explain.subgraph_search import SearchTree
from locgraph.explain.subgraphx import SubgraphX
from locgraph.explain.time_limit import OutOfTimeError

COALITIONAL = [SubgraphX(max_clusters=2, rollouts=3), Shapley(pairs=2), Occlusion(), Displacement(places=2)]


@pytest.fixture
def network(make_network):
    return make_network("invariantnet")


@pytest.fixture
def example(make_full_example):
    return make_full_example()


@pytest.fixture
def explain(network, example, generator, monkeypatch):
    """Explains within so many passes through the network: a second each by the clock, one graph in each."""
    monkeypatch.setattr(coalitions, "_MAX_ROWS", 1)
    monkeypatch.setattr(coalitions, "_MAX_CLUSTERS", 1)
    monkeypatch.setattr(baselines, "_MAX_EDGES", 1)

    def run(explainer, passes):
        clock = itertools.count()
        monkeypatch.setattr(time_limit.time, "perf_counter", lambda: float(next(clock)))
        with time_limit.time_limit(network, passes):
            return explainer.explain(network, example, generator(0))

    return run


@pytest.mark.parametrize("explainer", COALITIONAL, ids=lambda explainer: type(explainer).__name__)
def test_scores_so_far_are_kept_and_marked(explain, explainer, example):
    whole, partial = explain(explainer, None), explain(explainer, 4)

    assert whole.complete
    assert not partial.complete
    partial.check(example.graph)
    reached = partial.clusters != 0
    assert 0 < reached.sum() < len(reached)
    assert partial.subgraph is None
    if isinstance(explainer, Occlusion):
        torch.testing.assert_close(partial.clusters[reached], whole.clusters[reached])


def test_a_search_that_does_not_end_leaves_the_values_of_single_clusters(explain, monkeypatch):
    def run(tree):
        raise OutOfTimeError("over")

    monkeypatch.setattr(SearchTree, "run", run)

    partial = explain(SubgraphX(max_clusters=1), None)

    assert not partial.complete
    assert partial.subgraph is None
    assert (partial.clusters != 0).all()


def test_other_explainers_give_nothing(explain):
    with pytest.raises(OutOfTimeError, match=r"^max_seconds_per_fov: took longer than 3 s"):
        explain(GNNExplainer(steps=50), 3)


@pytest.mark.parametrize("explainer", COALITIONAL, ids=lambda explainer: type(explainer).__name__)
def test_the_number_of_passes_is_known_before(explain, explainer, example):
    """With one pass more than announced (and the whole FOV) an explanation ends."""
    count = len(example.graph["cluster"].pos)

    assert explain(explainer, explainer.evaluations(count) + 3).complete


def test_the_network_is_left_as_it_was(network):
    with time_limit.time_limit(network, 1.0):
        pass
    assert not network.cluster_encoder._forward_pre_hooks
