"""One number for both fidelities."""

import pytest
import torch
from torch_geometric.explain.metric import characterization_score

from locgraph.errors import ConfigError
from locgraph.explain.metrics.characterisation import Characterisation
from locgraph.explain.metrics.fidelity import Fidelity


@pytest.mark.parametrize(
    ("plus", "minus", "expected"),
    [(1, 0, 1), (0.5, 0.5, 0.5), (1, 0.5, 2 / 3), (0, 0, 0), (1, 1, 0), (-0.2, 0, 0), (1, -0.3, 1), (0.5, -0.3, 2 / 3)],
)
def test_by_hand(plus, minus, expected):
    assert Characterisation()(Fidelity(plus, minus)) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [0.5, 0.25, 0.75])
def test_as_pyg_does(weight):
    plus, minus = torch.rand((2, 50), generator=torch.Generator().manual_seed(0)).double()
    expected = characterization_score(plus, minus, weight, 1 - weight)
    score = Characterisation(10 * weight, 10 * (1 - weight))
    found = [score(Fidelity(a, b)) for a, b in zip(plus.tolist(), minus.tolist(), strict=True)]
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), expected)


@pytest.mark.parametrize("side", ["plus", "minus"])
@pytest.mark.parametrize("weight", [0, -1, None])
def test_weights_that_cannot_work(side, weight):
    with pytest.raises(ConfigError, match=rf"characterisation.{side} must be a number above 0, found"):
        Characterisation(**{side: weight})
