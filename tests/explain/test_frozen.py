"""A network that is looked into comes back as it was."""

import pytest
import torch
from torch import nn

from locgraph.explain.frozen import frozen


@pytest.fixture
def network():
    network = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5), nn.Linear(2, 1)).train()
    network[0].eval()
    network[2].weight.requires_grad_(False)
    return network


def state(network):
    modes = [module.training for module in network.modules()]
    return modes, [(parameter.requires_grad, parameter.grad) for parameter in network.parameters()]


@torch.no_grad()
def test_within_the_block(network):
    x = torch.ones(1, 3, requires_grad=True)

    with frozen(network):
        assert not any(module.training for module in network.modules())
        network(x).sum().backward()

    torch.testing.assert_close(x.grad, network[2].weight @ network[0].weight)


def test_32_bits(network):
    with torch.autocast("cpu", dtype=torch.bfloat16), frozen(network):
        assert network(torch.ones(1, 3)).dtype == torch.float32


def test_it_comes_back_as_it_was(network):
    before = state(network)

    with torch.no_grad():
        with frozen(network):
            assert torch.is_grad_enabled()
        assert not torch.is_grad_enabled()

    assert state(network) == before


def test_also_after_an_error(network):
    before = state(network)

    with pytest.raises(KeyError), frozen(network):
        raise KeyError

    assert state(network) == before
