"""Both forms of fidelity, on the model and on the phenomenon."""

from types import SimpleNamespace

import pytest
import torch
from torch_geometric.explain import Explanation as PygExplanation
from torch_geometric.explain.config import ExplanationType, ModelMode
from torch_geometric.explain.metric import fidelity as pyg_fidelity

from locgraph.explain.metrics.fidelity import by_accuracy, by_probability
from locgraph.explain.metrics.probabilities import Parts, parts

WHOLE, KEPT, REMOVED = torch.tensor([0.1, 0.7, 0.2]), torch.tensor([0.2, 0.6, 0.2]), torch.tensor([0.5, 0.3, 0.2])


def test_by_probability_by_hand():
    found = by_probability(Parts(WHOLE, KEPT, REMOVED), 1)
    assert found.plus == pytest.approx(0.4)
    assert found.minus == pytest.approx(0.1)
    of_another = by_probability(Parts(WHOLE, KEPT, REMOVED), 0)
    assert of_another.plus == pytest.approx(-0.4)
    assert of_another.minus == pytest.approx(-0.1)


def test_contributions_of_clusters_are_found_again(make_example, additive):
    """Where the probability is a sum, fidelity+ is the sum of what is removed, fidelity- of what is not kept."""
    weights = torch.tensor([0.2, 0.15, -0.1, 0.05])
    example = make_example(4, features=torch.stack([weights, weights], dim=1))
    found = by_probability(parts(additive, example.graph, torch.tensor([True, False, True, False])), 1)
    assert found.plus == pytest.approx(0.1, abs=1e-6)
    assert found.minus == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("target", "plus", "minus"),
    [(1, 1, 0), (0, 1, 0), (2, 0, 0)],
)
def test_by_accuracy_by_hand(target, plus, minus):
    """The whole says 1, what is kept as well, the rest says 0."""
    found = by_accuracy(Parts(WHOLE, KEPT, REMOVED), target)
    assert (found.plus, found.minus) == (plus, minus)


def test_a_guess_is_right_once_in_k():
    nothing = torch.full((4,), 0.25)
    whole = torch.tensor([0.1, 0.1, 0.1, 0.7])
    for target, expected in ((3, 0.75), (0, 0.25)):
        found = by_accuracy(Parts(whole, nothing, whole), target)
        assert (found.plus, found.minus) == (0, expected)


@pytest.mark.parametrize("kind", list(ExplanationType))
@pytest.mark.parametrize("truth", [0, 1, 2])
def test_by_accuracy_as_pyg_does(kind, truth):
    """A network that is only asked for three answers, by PyG and by us."""
    generator = torch.Generator().manual_seed(truth)
    for _ in range(20):
        answers = Parts(*torch.rand((3, 3), generator=generator).softmax(dim=1))
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
