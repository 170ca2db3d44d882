"""The PointNet layer against that of PyG."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import PointNetConv

from locgraph.nn.point_net_layer import PointNetLayer

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0], [0, 0, 0, 1, 1, 2]])  # point 3 hears nobody


@pytest.fixture(params=[2, 3])
def case(request):
    torch.manual_seed(0)
    return PointNetLayer(5, 4, request.param), torch.randn(4, 5), torch.randn(4, request.param)


def test_equals_that_of_pyg(case):
    layer, x, positions = case
    first = nn.Linear(5 + positions.shape[1], 4)
    other = PointNetConv(nn.Sequential(first, layer.local), add_self_loops=False)  # it draws the weights anew
    first.weight.data = torch.cat([layer.value.weight, layer.position.weight], dim=1).detach()
    first.bias.data = layer.value.bias.data

    found = layer(x, positions[EDGES[0]] - positions[EDGES[1]], EDGES)

    torch.testing.assert_close(found, other(x, positions, EDGES))
    assert found[3].tolist() == [0.0] * 4


def test_targets_of_another_level(case):
    layer, x, positions = case
    edges = torch.tensor([[0, 1, 2, 3], [0, 0, 1, 1]])
    offsets = positions - positions[[0, 0, 2, 2]]

    found = layer(x, offsets, edges, 2)

    first = torch.stack([layer.local(layer.value(x[j]) + layer.position(offsets[j])) for j in range(4)])
    torch.testing.assert_close(found, torch.stack([first[:2].amax(dim=0), first[2:].amax(dim=0)]))


def test_32_bits_under_autocast(case, under_autocast):
    layer, x, positions = case
    offsets = positions[EDGES[0]] - positions[EDGES[1]]

    found = under_autocast(layer, x, offsets, EDGES)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(x, offsets, EDGES), atol=0.1, rtol=0.1)
