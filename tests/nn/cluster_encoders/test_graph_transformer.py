"""The graph transformer on clusters against PyG's layer; what holds for all encoders is in test_contract.py."""

import pytest
import torch
from torch_geometric.nn import TransformerConv

from locgraph.nn.cluster_encoders.graph_transformer import TransformerGather

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0], [0, 0, 0, 1, 1, 2]])  # cluster 3 hears nobody


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_equals_that_of_pyg(heads):
    torch.manual_seed(0)
    gather = TransformerGather(8, heads, 6)
    other = TransformerConv(8, 8 // heads, heads, edge_dim=6)
    other.lin_query, other.lin_key, other.lin_value = gather.query, gather.key, gather.value
    other.lin_edge, other.lin_skip = gather.edge, gather.own
    x, edge_values = torch.randn(4, 8), torch.randn(6, 6)

    torch.testing.assert_close(gather(x, edge_values, EDGES), other(x, EDGES, edge_values))
