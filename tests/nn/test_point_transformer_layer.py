"""The point-transformer layer against loops over points, neighbours and channels."""

import pytest
import torch

from locgraph.nn.point_transformer_layer import PointTransformerLayer

EDGES = torch.tensor([[1, 2, 3, 0, 0, 1], [0, 0, 0, 1, 2, 2]])  # point 3 hears nobody


@pytest.fixture(params=[2, 3])
def case(request):
    torch.manual_seed(0)
    layer = PointTransformerLayer(5, 4, request.param)
    return layer, torch.randn(4, 5), torch.randn(4, request.param)


def by_loops(layer, x, positions, edges):
    """The formula of the paper, one channel of one point at a time."""
    rows = []
    for i in range(len(x)):
        sources = [j for j, target in edges.T.tolist() if target == i]
        scores, messages = [], []
        for j in sources:
            offset = layer.position(positions[i] - positions[j])
            scores.append(layer.attention(layer.query(x[i]) - layer.key(x[j]) + offset))
            messages.append(layer.value(x[j]) + offset)
        gathered = torch.zeros(4)
        for channel in range(4):
            exponents = [torch.exp(score[channel]) for score in scores]
            for exponent, message in zip(exponents, messages, strict=True):
                gathered[channel] += exponent / sum(exponents) * message[channel]
        update = layer.residual(x[i]) + gathered
        update = (update - update.mean()) / (update.var(unbiased=False) + 1e-5).sqrt()
        rows.append(update * torch.sigmoid(update))
    return torch.stack(rows)


def test_equals_loops(case):
    layer, x, positions = case

    with torch.no_grad():
        torch.testing.assert_close(layer(x, positions, EDGES), by_loops(layer, x, positions, EDGES))


def test_order_of_edges_and_points_changes_nothing(case):
    layer, x, positions = case
    order, edge_order = torch.tensor([2, 0, 3, 1]), torch.tensor([5, 0, 3, 1, 4, 2])
    new = torch.argsort(order)

    found = layer(x[order], positions[order], new[EDGES[:, edge_order]])

    torch.testing.assert_close(found, layer(x, positions, EDGES)[order])


def test_shift_changes_nothing(case):
    layer, x, positions = case

    torch.testing.assert_close(layer(x, positions + 3.0, EDGES), layer(x, positions, EDGES), atol=1e-5, rtol=1e-5)


def test_no_edges_and_no_points(case):
    layer, x, positions = case

    expected = torch.nn.functional.silu(layer.norm(layer.residual(x)))
    torch.testing.assert_close(layer(x, positions, EDGES[:, :0]), expected)
    assert layer(x[:0], positions[:0], EDGES[:, :0]).shape == (0, 4)


def test_gradients_reach_all_parameters(case, check_gradients):
    layer, x, positions = case

    # a constant added to all scores leaves the softmax as it is
    check_gradients(layer, layer(x, positions, EDGES), idle=["attention.2.bias"])


def test_coincident_points(case, check_gradients):
    layer, x, positions = case

    check_gradients(layer, layer(x, torch.zeros_like(positions), EDGES), idle=["attention.2.bias", "position.0.weight"])


def test_32_bits_under_autocast(case, under_autocast):
    layer, x, positions = case

    found = under_autocast(layer, x, positions, EDGES)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(x, positions, EDGES), atol=0.1, rtol=0.1)
