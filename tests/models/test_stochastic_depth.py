"""Branches are skipped for whole graphs, in training alone, and the mean stays."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.models.stochastic_depth import StochasticDepth

BATCH = torch.arange(2000).repeat_interleave(3)


def test_whole_graphs_are_skipped_or_scaled_up():
    torch.manual_seed(0)
    branch = torch.randn(6000, 4, requires_grad=True)

    found = StochasticDepth(0.25)(branch, BATCH, 2000)

    of_graph = found.reshape(2000, 12)
    skipped = (of_graph == 0).all(dim=1)
    torch.testing.assert_close(of_graph[~skipped], branch.reshape(2000, 12)[~skipped] / 0.75)
    # four standard deviations of 2000 draws
    assert skipped.float().mean().item() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 2000) ** 0.5)
    found.sum().backward()
    assert (branch.grad.reshape(2000, 12)[skipped] == 0).all()


@pytest.mark.parametrize(("probability", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_skipped_in_evaluation_or_at_0(probability, training):
    layer, branch = StochasticDepth(probability).train(training), torch.randn(6000, 4)

    assert layer(branch, BATCH, 2000) is branch


def test_keeps_the_type_of_the_branch():
    layer = StochasticDepth(0.5)

    assert layer(torch.ones(6000, 1, dtype=torch.bfloat16), BATCH, 2000).dtype == torch.bfloat16
    assert layer(torch.ones(0, 4), BATCH[:0], 0).shape == (0, 4)


@pytest.mark.parametrize("probability", [-0.1, 1.0])
def test_out_of_range(probability):
    with pytest.raises(ConfigError, match=rf"dropout must be at least 0 and below 1, found {probability}"):
        StochasticDepth(probability)
