"""GATv2 on clusters against PyG's layer and loops; what holds for all encoders is in test_contract.py."""

import pytest
import torch
from torch_geometric.nn import GATv2Conv

from locgraph.nn.cluster_encoders.gatv2 import GatV2Gather

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0], [0, 0, 0, 1, 1, 2]])  # cluster 3 hears nobody


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_equals_that_of_pyg_but_for_the_geometry_in_messages(heads):
    torch.manual_seed(0)
    gather = GatV2Gather(8, heads, 6)
    torch.nn.init.zeros_(gather.edge.weight)
    other = GATv2Conv(8, 8 // heads, heads, add_self_loops=False, residual=True)
    other.lin_l, other.lin_r, other.res = gather.left, gather.right, gather.own
    other.att.data = gather.score.data[None]
    x = torch.randn(4, 8)

    torch.testing.assert_close(gather(x, torch.randn(6, 6), EDGES), other(x, EDGES))


def test_equals_loops():
    torch.manual_seed(0)
    gather = GatV2Gather(8, 2, 6)
    x, edge_values = torch.randn(4, 8), torch.randn(6, 6)
    expected = gather.own(x)
    for i in range(4):
        messages, scores = [], []
        for (j, target), values in zip(EDGES.T.tolist(), edge_values, strict=True):
            if target == i:
                messages.append((gather.left(x[j]) + gather.edge(values)).view(2, 4))
                mixed = messages[-1] + gather.right(x[i]).view(2, 4)
                scores.append((torch.where(mixed > 0, mixed, 0.2 * mixed) * gather.score).sum(dim=1))
        for head in range(2 if scores else 0):
            weights = torch.softmax(torch.stack(scores)[:, head], dim=0)
            gathered = sum(weight * message[head] for weight, message in zip(weights, messages, strict=True))
            expected[i, 4 * head : 4 * head + 4] += gathered

    torch.testing.assert_close(gather(x, edge_values, EDGES), expected)
