"""The frame of cluster encoders."""

import pytest
import torch
from torch import nn

from locgraph.errors import ConfigError
from locgraph.nn.stack import Block, DistanceStack, Stack, lifted, make_lift


class AddTo(nn.Module):
    """Stands for a layer: adds the values of the edges, or what is learned."""

    def __init__(self, by=0.0):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, x, *edges):
        return x + self.by + sum(each.sum() for each in edges)


def test_features_are_lifted_by_a_dense_layer():
    lift, start = make_lift(3, 4)
    x = torch.randn(5, 3)

    assert start.tolist() == [0.0] * 4
    torch.testing.assert_close(lifted(x, lift, start + 1.0), x @ lift[0].weight.T + lift[0].bias + 1.0)


def test_without_features_all_start_alike_and_not_at_zero():
    lift, start = make_lift(0, 4)

    found = lifted(torch.empty(5, 0), lift, start)

    assert lift is None
    assert start.abs().min() > 0
    assert torch.equal(found, start[None].repeat(5, 1))


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("normalise", [True, False])
def test_block(residual, normalise):
    block, x = Block(AddTo(2.0), 4, 0.0, residual, normalise), torch.randn(5, 4)

    gathered = (block.norm(x) if normalise else x) + 2.0 + 3.0
    update = block.update(gathered)

    assert isinstance(block.norm, nn.LayerNorm) is normalise
    torch.testing.assert_close(block(x, torch.tensor(3.0)), x + update if residual else update)


def test_layers_follow_each_other():
    numbers = iter([1.0, 10.0, 100.0])
    stack = Stack(0, 4, 3, lambda: AddTo(next(numbers)))

    assert stack.out_channels == 4
    torch.testing.assert_close(stack.run(torch.empty(5, 0)), (stack.start + 111.0).expand(5, 4))


def test_layers_of_a_distance_stack_get_expanded_distances():
    class Record(nn.Module):
        def forward(self, x, values, edges):
            seen.append((values, edges))
            return x

    class Double(nn.Module):
        def forward(self, distances):
            return 2.0 * distances[:, None]

    seen = []
    stack = DistanceStack(0, 4, 2, Record, Double())
    edges = torch.tensor([[1], [0]])

    stack(torch.empty(2, 0), torch.tensor([[0.0, 0.0], [3.0, 4.0]]), edges)

    assert [values.tolist() for values, _ in seen] == [[[10.0]], [[10.0]]]
    assert all(found is edges for _, found in seen)


@pytest.mark.parametrize(("channels", "layers"), [(0, 2), (4, 0)])
def test_sizes_out_of_range(channels, layers):
    with pytest.raises(ConfigError, match=rf"channels and layers must be .*, found \[{channels}, {layers}\]"):
        Stack(3, channels, layers, AddTo)
