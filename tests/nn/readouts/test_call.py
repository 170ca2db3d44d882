"""Both kinds of readouts are called alike."""

import torch
from torch import nn

from locgraph.nn.readouts.call import read_out


class OfVectors(nn.Module):
    def forward(self, x, batch, n_graphs):
        return len(x), batch.tolist(), n_graphs


class OfGraphs(OfVectors):
    reads_graph = True

    def forward(self, x, graph):
        return len(x), graph


def test_by_what_it_states(make_batch):
    batch = make_batch((3, 4), (5,))

    assert read_out(OfVectors(), torch.zeros(3, 2), batch) == (3, [0, 0, 1], 2)
    assert read_out(OfGraphs(), torch.zeros(3, 2), batch) == (3, batch)
