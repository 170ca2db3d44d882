"""Fidelity in all its forms: probabilities of parts, curves, characterisation, unfaithfulness."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch_geometric.explain import Explanation as PygExplanation
from torch_geometric.explain.config import ExplanationType, ModelMode
from torch_geometric.explain.metric import characterization_score
from torch_geometric.explain.metric import fidelity as pyg_fidelity

from locgraph.explain.coalitions import Coalitions
from locgraph.explain.metrics import fidelity
from locgraph.explain.metrics.fidelity import (
    Characterisation,
    Fidelity,
    PartProbabilities,
    by_accuracy,
    by_probability,
    class_probabilities,
    fidelity_curve,
    part_probabilities,
    unfaithfulness,
)

WEIGHTS = torch.tensor([0.1, -0.2, 0.05, 0.3])


@pytest.fixture
def graph(make_example):
    return make_example(4, features=torch.stack([WEIGHTS, WEIGHTS], dim=1)).graph


def test_parts_by_hand(graph, additive):
    found = part_probabilities(additive, graph, torch.tensor([True, True, False, False]))

    torch.testing.assert_close(found.whole, torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(found.kept, torch.tensor([0.6, 0.4]))
    torch.testing.assert_close(found.removed, torch.tensor([0.15, 0.85]))


def test_the_empty_set_gives_equal_probabilities(graph, by_hand):
    network = by_hand(lambda graph: torch.full((graph.num_graphs,), 5.0))
    found = part_probabilities(network, graph, torch.zeros(4, dtype=torch.bool))
    assert found.kept.tolist() == [0.5, 0.5]
    assert torch.equal(found.whole, found.removed)


@pytest.mark.parametrize("limit", [1, 30, 200_000])
def test_batches_change_nothing(limit, graph, additive, monkeypatch):
    monkeypatch.setattr(fidelity, "_MAX_ROWS", limit)
    masks = torch.rand((9, 4), generator=torch.Generator().manual_seed(0)) < 0.5
    expected = 0.5 + masks.float() @ WEIGHTS
    torch.testing.assert_close(class_probabilities(additive, graph, masks)[:, 1], expected)


def test_probabilities_are_those_of_coalitions(make_network, make_full_example):
    network, graph = make_network("locclusternet"), make_full_example().graph
    masks = torch.rand((6, 5), generator=torch.Generator().manual_seed(1)) < 0.5

    found = class_probabilities(network, graph, masks)

    for target in range(found.shape[1]):
        expected = Coalitions(network, graph, target).values(masks)
        torch.testing.assert_close(found[:, target], expected, atol=1e-5, rtol=0)
    assert not found.requires_grad


WHOLE, KEPT, REMOVED = torch.tensor([0.1, 0.7, 0.2]), torch.tensor([0.2, 0.6, 0.2]), torch.tensor([0.5, 0.3, 0.2])


def test_by_probability_by_hand():
    found = by_probability(PartProbabilities(WHOLE, KEPT, REMOVED), 1)
    assert found.plus == pytest.approx(0.4)
    assert found.minus == pytest.approx(0.1)
    of_another = by_probability(PartProbabilities(WHOLE, KEPT, REMOVED), 0)
    assert of_another.plus == pytest.approx(-0.4)
    assert of_another.minus == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("target", "plus", "minus"),
    [(1, 1, 0), (0, 1, 0), (2, 0, 0)],
)
def test_by_accuracy_by_hand(target, plus, minus):
    """The whole says 1, what is kept as well, the rest says 0."""
    found = by_accuracy(PartProbabilities(WHOLE, KEPT, REMOVED), target)
    assert (found.plus, found.minus) == (plus, minus)


def test_ties_share_the_prediction():
    nothing = torch.full((4,), 0.25)
    whole = torch.tensor([0.1, 0.1, 0.1, 0.7])
    for target, expected in ((3, 0.75), (0, 0.25)):
        found = by_accuracy(PartProbabilities(whole, nothing, whole), target)
        assert (found.plus, found.minus) == (0, expected)


@pytest.mark.parametrize("kind", list(ExplanationType))
@pytest.mark.parametrize("truth", [0, 1, 2])
def test_by_accuracy_as_pyg_does(kind, truth):
    """A network that is only asked for three answers, by PyG and by us."""
    generator = torch.Generator().manual_seed(truth)
    for _ in range(20):
        answers = PartProbabilities(*torch.rand((3, 3), generator=generator).softmax(dim=1))
        stub = SimpleNamespace(
            model_config=SimpleNamespace(mode=ModelMode.multiclass_classification),
            explanation_type=kind,
            get_prediction=lambda *_, found=answers: found.whole,
            get_masked_prediction=lambda x, edges, nodes, _, found=answers: found.kept if nodes[0] else found.removed,
            get_target=lambda found: found.argmax().view(1),
        )
        target = int(answers.whole.argmax()) if kind == ExplanationType.model else truth
        explanation = PygExplanation(
            x=torch.zeros(2, 1), edge_index=None, node_mask=torch.tensor([1.0, 0.0]), target=torch.tensor([target])
        )
        explanation._model_args = []
        found = by_accuracy(answers, target)
        assert (found.plus, found.minus) == pyg_fidelity(stub, explanation)


UNEVEN = torch.tensor([0.05, 0.2, -0.1, 0.1])


@pytest.fixture
def example(make_example):
    return make_example(4, features=torch.stack([UNEVEN, UNEVEN], dim=1))


def test_curve_by_hand(example, additive):
    curve = fidelity_curve(additive, example.graph, UNEVEN, 1)

    np.testing.assert_allclose(curve.selected, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve.plus, [0, 0.2, 0.3, 0.35, 0.25], atol=1e-6)
    np.testing.assert_allclose(curve.minus, [0.25, 0.05, -0.05, -0.1, 0], atol=1e-6)
    assert curve.plus_area == pytest.approx((0.2 + 0.3 + 0.35 + 0.125) / 4, abs=1e-6)
    assert curve.minus_area == pytest.approx((0.125 + 0.05 - 0.05 - 0.1) / 4, abs=1e-6)
    assert curve.area == pytest.approx(curve.plus_area - curve.minus_area)


def test_the_right_order_is_the_best(example, additive):
    areas = {
        order: fidelity_curve(additive, example.graph, torch.tensor(order, dtype=torch.float32), 1).area
        for order in itertools.permutations(range(4))
    }
    right = tuple(UNEVEN.argsort().argsort().tolist())
    assert max(areas, key=areas.get) == right
    assert areas[right] > 0.1
    assert np.mean(list(areas.values())) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("points", [2, 3, 10])
@pytest.mark.parametrize("n", [3, 15])
def test_the_opposite_order_has_the_opposite_area(n, points, make_motif, finds_motif):
    """Also of a network that is no sum of its clusters."""
    example, _ = make_motif(n=n)
    scores = torch.rand(n, generator=torch.Generator().manual_seed(3))
    area, opposite = (
        fidelity_curve(finds_motif(), example.graph, found, 1, points).area for found in (scores, -scores)
    )
    assert area == pytest.approx(-opposite, abs=1e-6)


@pytest.mark.parametrize(
    ("plus", "minus", "expected"),
    [(1, 0, 1), (0.5, 0.5, 0.5), (1, 0.5, 2 / 3), (0, 0, 0), (1, 1, 0), (-0.2, 0, 0), (1, -0.3, 1), (0.5, -0.3, 2 / 3)],
)
def test_characterisation_by_hand(plus, minus, expected):
    assert Characterisation()(Fidelity(plus, minus)) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [0.5, 0.25, 0.75])
def test_characterisation_as_pyg_does(weight):
    plus, minus = torch.rand((2, 50), generator=torch.Generator().manual_seed(0)).double()
    expected = characterization_score(plus, minus, weight, 1 - weight)
    score = Characterisation(10 * weight, 10 * (1 - weight))
    found = [score(Fidelity(a, b)) for a, b in zip(plus.tolist(), minus.tolist(), strict=True)]
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), expected)


def of_probabilities(whole, kept):
    return unfaithfulness(PartProbabilities(torch.tensor(whole), torch.tensor(kept), torch.tensor(whole)))


def test_unfaithfulness_by_hand():
    divergence = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert of_probabilities([0.5, 0.5], [0.25, 0.75]) == pytest.approx(1 - math.exp(-divergence))


def test_unfaithfulness_is_not_symmetric():
    """What the whole rules out may be said of a part at a finite price, the other way round it may not."""
    assert of_probabilities([1.0, 0.0], [0.5, 0.5]) == pytest.approx(0.5)
    assert of_probabilities([0.5, 0.5], [1.0, 0.0]) == 1
