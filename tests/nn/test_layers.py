"""Dense layers, blocks, checks of their sizes, and layers on points."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import PointNetConv, PointTransformerConv

from locgraph.errors import ConfigError
from locgraph.nn.layers import Block, check_heads, check_sizes, lifted, make_lift, mlp
from locgraph.nn.point_layers import PointNetLayer, PointTransformerLayer


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"channels": [3, 4]}, [nn.Linear]),
        ({"channels": [3, 4], "last_plain": False}, [nn.Linear, nn.LayerNorm, nn.SiLU]),
        ({"channels": [3, 4, 2]}, [nn.Linear, nn.LayerNorm, nn.SiLU, nn.Linear]),
        ({"channels": [3, 4, 2], "dropout": 0.5}, [nn.Linear, nn.LayerNorm, nn.SiLU, nn.Dropout, nn.Linear]),
    ],
)
def test_layers_in_order(settings, kinds):
    assert [type(layer) for layer in mlp(**settings)] == kinds


def test_names_of_weights_do_not_depend_on_dropout():
    names = [list(mlp([3, 4, 4, 2], dropout).state_dict()) for dropout in (0.0, 0.5)]

    assert names[0] == names[1]
    assert [name for name in names[0] if name.endswith("bias")] == ["0.bias", "1.bias", "3.bias", "4.bias", "6.bias"]


def test_shapes():
    layers = mlp([3, 7, 2])

    assert layers(torch.randn(5, 3)).shape == (5, 2)
    assert layers(torch.randn(0, 3)).shape == (0, 2)


def test_a_row_does_not_depend_on_the_others():
    torch.manual_seed(0)
    layers, rows = mlp([3, 7, 2]), torch.randn(5, 3)

    torch.testing.assert_close(layers(rows)[2:3], layers(rows[2:3]))


@pytest.mark.parametrize(
    ("check", "setting"),
    [
        (lambda: mlp([3, 2], -0.1), "dropout"),
        (lambda: mlp([3, 2], 1.0), "dropout"),
        (lambda: check_sizes("channels", []), "channels"),
        (lambda: check_sizes("channels", [3, 0]), "channels"),
        (lambda: check_heads(8, 0), "heads"),
        (lambda: check_heads(8, 3), "heads"),
    ],
)
def test_out_of_range(check, setting):
    with pytest.raises(ConfigError) as error:
        check()
    assert error.value.setting == setting


def test_features_are_lifted_by_a_dense_layer():
    lift, start = make_lift(3, 4)
    x = torch.randn(5, 3)

    assert start.tolist() == [0.0] * 4
    torch.testing.assert_close(lifted(x, lift, start + 1.0), x @ lift[0].weight.T + lift[0].bias + 1.0)


def test_without_features_all_start_alike_and_not_at_zero():
    lift, start = make_lift(0, 4)

    vectors = lifted(torch.empty(5, 0), lift, start)

    assert lift is None
    assert start.abs().min() > 0
    assert torch.equal(vectors, start[None].repeat(5, 1))


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("normalise", [True, False])
def test_block(residual, normalise):
    block, x = Block(nn.Linear(4, 4), 4, 0.0, residual, normalise), torch.randn(5, 4)

    update = block.update(block.gather(block.norm(x) if normalise else x))

    assert isinstance(block.norm, nn.LayerNorm) is normalise
    torch.testing.assert_close(block(x), x + update if residual else update)


# -- layers on points --------------------------------------------------------------------------------------------------

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0], [0, 0, 0, 1, 1, 2]])
"""Point 3 receives nothing."""


@pytest.fixture(params=[2, 3])
def point_net(request):
    torch.manual_seed(0)
    return PointNetLayer(5, 4, request.param), torch.randn(4, 5), torch.randn(4, request.param)


def test_point_net_equals_that_of_pyg(point_net):
    layer, x, positions = point_net
    first = nn.Linear(5 + positions.shape[1], 4)
    other = PointNetConv(nn.Sequential(first, layer.local), add_self_loops=False)  # it draws the weights anew
    first.weight.data = torch.cat([layer.value.weight, layer.position.weight], dim=1).detach()
    first.bias.data = layer.value.bias.data

    found = layer(x, positions[EDGES[0]] - positions[EDGES[1]], EDGES)

    torch.testing.assert_close(found, other(x, positions, EDGES))
    assert found[3].tolist() == [0.0] * 4


def test_point_net_on_targets_of_another_level(point_net):
    layer, x, positions = point_net
    edges = torch.tensor([[0, 1, 2, 3], [0, 0, 1, 1]])
    offsets = positions - positions[[0, 0, 2, 2]]

    found = layer(x, offsets, edges, 2)

    first = torch.stack([layer.local(layer.value(x[j]) + layer.position(offsets[j])) for j in range(4)])
    torch.testing.assert_close(found, torch.stack([first[:2].amax(dim=0), first[2:].amax(dim=0)]))


def test_point_net_in_32_bits_under_autocast(point_net, under_autocast):
    layer, x, positions = point_net
    offsets = positions[EDGES[0]] - positions[EDGES[1]]

    found = under_autocast(layer, x, offsets, EDGES)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(x, offsets, EDGES), atol=0.1, rtol=0.1)


@pytest.fixture(params=[2, 3])
def point_transformer(request):
    torch.manual_seed(0)
    layer = PointTransformerLayer(5, 4, request.param)
    return layer, torch.randn(4, 5), torch.randn(4, request.param)


def test_point_transformer_equals_that_of_pyg(point_transformer):
    layer, x, positions = point_transformer
    other = PointTransformerConv(5, 4, layer.position, layer.attention, add_self_loops=False)  # it draws them anew
    other.lin, other.lin_src, other.lin_dst = layer.value, layer.key, layer.query

    expected = nn.functional.silu(layer.norm(layer.residual(x) + other(x, positions, EDGES)))

    torch.testing.assert_close(layer(x, positions, EDGES), expected)


def test_order_of_edges_and_points_changes_nothing_for_point_transformers(point_transformer):
    layer, x, positions = point_transformer
    order, edge_order = torch.tensor([2, 0, 3, 1]), torch.tensor([5, 0, 3, 1, 4, 2])
    new = torch.argsort(order)

    found = layer(x[order], positions[order], new[EDGES[:, edge_order]])

    torch.testing.assert_close(found, layer(x, positions, EDGES)[order])


def test_point_transformer_shift_changes_nothing(point_transformer):
    layer, x, positions = point_transformer

    torch.testing.assert_close(layer(x, positions + 3.0, EDGES), layer(x, positions, EDGES), atol=1e-5, rtol=1e-5)


def test_point_transformer_no_edges_and_no_points(point_transformer):
    layer, x, positions = point_transformer

    expected = torch.nn.functional.silu(layer.norm(layer.residual(x)))
    torch.testing.assert_close(layer(x, positions, EDGES[:, :0]), expected)
    assert layer(x[:0], positions[:0], EDGES[:, :0]).shape == (0, 4)


def test_point_transformer_gradients_reach_all_parameters(point_transformer, check_gradients):
    layer, x, positions = point_transformer

    # a constant added to all scores leaves the softmax as it is
    check_gradients(layer, layer(x, positions, EDGES), idle=["attention.2.bias"])


def test_point_transformer_coincident_points(point_transformer, check_gradients):
    layer, x, positions = point_transformer

    check_gradients(layer, layer(x, torch.zeros_like(positions), EDGES), idle=["attention.2.bias", "position.0.weight"])


def test_point_transformer_32_bits_under_autocast(point_transformer, under_autocast):
    layer, x, positions = point_transformer

    found = under_autocast(layer, x, positions, EDGES)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(x, positions, EDGES), atol=0.1, rtol=0.1)
