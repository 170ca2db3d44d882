"""Explanations before and after a small change of the FOV."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.base import Explainer
from locgraph.explain.explanation import Explanation
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


class AtRandom(Explainer):
    def explain(self, network, example, generator):
        return Explanation(torch.rand(len(example.graph["cluster"].pos), generator=generator))


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


def test_an_explainer_that_draws_is_not_stable(make_example, by_hand):
    network = by_hand(lambda graph: torch.ones(graph.num_graphs))
    found = stable(network, make_example(40), AtRandom(), Stability(30))
    assert abs(found.correlation) < 0.1
    assert found.overlap == pytest.approx(0.5, abs=0.1)


def test_the_same_seed_the_same_result(make_example, additive):
    first, second = (stable(additive, make_example(9), ByPlace(), Stability(3, 0.5)) for _ in range(2))
    assert first == second
    assert first != stable(additive, make_example(9), ByPlace(), Stability(3, 0.5), seed=1)


def test_another_class_has_other_reasons(make_example, by_hand):
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
    with pytest.raises(ConfigError, match=r"fov_0: stability.in_nm=true needs the nanometres .* stability.in_nm=false"):
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


def test_no_feature_jitter_leaves_features(make_full_example):
    graph = make_full_example().graph
    assert torch.equal(jittered(graph, 1.0, 0.0, torch.Generator())["cluster"].x, graph["cluster"].x)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeats": 0}, "stability.repeats must be a whole number of at least 1"),
        ({"jitter": -1}, "stability.jitter must be a number at least 0"),
        ({"feature_jitter": "x"}, "stability.feature_jitter"),
        ({"in_nm": 1}, "stability.in_nm must be true or false"),
        ({"jitter": 0}, "stability.jitter or stability.feature_jitter above 0, found 0 for both"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        Stability(**settings)
