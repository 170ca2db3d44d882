"""GIN on clusters against PyG's layer; what holds for all encoders is in test_contract.py."""

import torch
from torch_geometric.nn import GINEConv

from locgraph.nn.cluster_encoders.gin import GinGather

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0], [0, 0, 0, 1, 1, 2]])  # cluster 3 hears nobody


def test_equals_that_of_pyg():
    torch.manual_seed(0)
    gather = GinGather(8, 6)
    gather.epsilon.data.fill_(0.3)
    other = GINEConv(torch.nn.Sequential(torch.nn.Linear(8, 8)), eps=0.3, edge_dim=6)
    other.nn, other.lin = torch.nn.Identity(), gather.edge
    x, edge_values = torch.randn(4, 8), torch.randn(6, 6)

    torch.testing.assert_close(gather(x, edge_values, EDGES), other(x, EDGES, edge_values))


def test_counts_neighbours():
    gather = GinGather(8, 6)
    x, edge_values = torch.ones(4, 8), torch.zeros(6, 6)

    found = gather(x, edge_values, EDGES)

    step = torch.relu(1.0 + gather.edge.bias)
    torch.testing.assert_close(found, 1.0 + torch.tensor([3.0, 2.0, 1.0, 0.0])[:, None] * step)
