"""Parts without weights that hooks see."""

import torch

from locgraph.nn.precision import neighbour_softmax
from locgraph.nn.seams import Messages, NeighbourSoftmax

RELATION = ("cluster", "near", "cluster")


def test_messages_pass_untouched():
    messages = torch.randn(4, 3)

    assert Messages()(messages, torch.zeros((2, 4)).long()) is messages


def test_a_hook_sees_messages_and_edges_and_may_change_them():
    part, edge_index, seen = Messages(RELATION), torch.tensor([[0, 1], [1, 0]]), []

    def double(module, inputs, output):
        seen.append((module.relation, inputs[1]))
        return 2 * output

    part.register_forward_hook(double)

    assert part(torch.ones(2, 3), edge_index).tolist() == [[2.0] * 3] * 2
    assert seen == [(RELATION, edge_index)]


def test_softmax_is_that_of_neighbours():
    values, index, seen = torch.randn(5, 2), torch.tensor([0, 0, 2, 2, 2]), []
    part = NeighbourSoftmax()
    part.register_forward_hook(lambda module, inputs, output: seen.append(output))

    found = part(values, index, 3)

    assert torch.equal(found, neighbour_softmax(values, index, 3))
    assert seen == [found]


def test_they_hold_no_weights():
    assert not Messages(RELATION).state_dict()
    assert not NeighbourSoftmax("cluster").state_dict()
