"""Edge convolution on clusters against PyG's layer; what holds for all encoders is in test_contract.py."""

import torch
from torch import nn
from torch_geometric.nn import EdgeConv as EdgeConvOfPyg

from locgraph.nn.cluster_encoders.edge_conv import EdgeGather

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0], [0, 0, 0, 1, 1, 2]])


def test_equals_that_of_pyg():
    torch.manual_seed(0)
    gather = EdgeGather(8)
    first = nn.Linear(16, 8)
    other = EdgeConvOfPyg(nn.Sequential(first, gather.pair))  # it draws the weights anew
    # h(x_i, x_j - x_i) = A x_i + B (x_j - x_i), so that x_i is multiplied by A - B
    first.weight.data = torch.cat([gather.target.weight + gather.source.weight, gather.source.weight], dim=1).detach()
    first.bias.data = gather.target.bias.data
    x = torch.randn(4, 8)

    torch.testing.assert_close(gather(x, EDGES), other(x, EDGES), atol=1e-5, rtol=1e-5)


def test_a_cluster_is_its_own_neighbour(make_part, make_sizes):
    encoder = make_part("cluster_encoder", "edge_conv", {"in_channels": 5, "sizes": make_sizes()}, layers=1)
    x, positions = torch.randn(1, 5), torch.randn(1, 2)
    first = encoder.lift(torch.cat([x, positions], dim=1))
    block = encoder.layers[0]
    itself = block.gather(block.norm(first), torch.tensor([[0], [0]]))

    found = encoder(x, positions, torch.empty(2, 0, dtype=torch.int64))

    torch.testing.assert_close(found, first + block.update(itself))
