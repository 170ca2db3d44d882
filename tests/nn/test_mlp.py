"""Dense layers."""

import pytest
import torch
from torch import nn

from locgraph.errors import ConfigError
from locgraph.nn.mlp import check_sizes, mlp


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


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_dropout_out_of_range(dropout):
    with pytest.raises(ConfigError, match=f"dropout must be at least 0 and below 1, found {dropout}"):
        mlp([3, 2], dropout)


@pytest.mark.parametrize("sizes", [[], [3, 0], [-1]])
def test_sizes_out_of_range(sizes):
    with pytest.raises(
        ConfigError, match=r"model.part.channels must be one or more numbers, each at least 1, found \["
    ):
        check_sizes("model.part.channels", sizes)
