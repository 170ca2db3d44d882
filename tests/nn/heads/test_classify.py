"""The head that classifies FOVs."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.heads.classify import ClassifyFov


@pytest.mark.parametrize("n", [0, 1, 5])
def test_logits_of_each_class(n, make_sizes):
    found = ClassifyFov(4, make_sizes(n_classes=7), hidden=6)(torch.randn(n, 4))

    assert found.shape == (n, 7)
    assert found.dtype == torch.float32


def test_gradients_reach_all_parameters(make_sizes, check_gradients):
    head = ClassifyFov(4, make_sizes(), hidden=6)

    check_gradients(head, head(torch.randn(5, 4)))


def test_32_bits_under_autocast(make_sizes, under_autocast):
    assert under_autocast(ClassifyFov(4, make_sizes()), torch.randn(5, 4)).dtype == torch.float32


def test_dropout_in_training_alone(make_sizes):
    torch.manual_seed(0)
    head, x = ClassifyFov(4, make_sizes(), hidden=64, dropout=0.5), torch.randn(1, 4).expand(2, -1)

    assert not torch.equal(head(x)[0], head(x)[1])
    assert torch.equal(head.eval()(x)[0], head(x)[1])


@pytest.mark.parametrize("changes", [{"hidden": 0}, {"dropout": 1.0}])
def test_settings_out_of_range(changes, make_sizes):
    with pytest.raises(ConfigError, match="at least"):
        ClassifyFov(4, make_sizes(), **changes)
