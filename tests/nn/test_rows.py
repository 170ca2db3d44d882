"""Rows by their index, against loops and against the gradients that torch derives by itself."""

import pytest
import torch
from torch.autograd import gradcheck

from locgraph.nn.rows import gather, largest, softmax

INDEX = torch.tensor([0, 2, 0, 2, 2, 4])
"""Rows 1 and 3 receive nothing."""


def sharing(values, i):
    """Rows with index i."""
    return values[torch.eq(INDEX, i)]


@pytest.fixture
def values():
    return torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_gather(values):
    index = torch.tensor([5, 0, 0, 3])

    assert torch.equal(gather(values, index), values[index])
    assert torch.equal(gather(values.view(6, 3, 1), index), values.view(6, 3, 1)[index])
    assert gather(values, index[:0]).shape == (0, 3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gradient_of_gather_is_summed_in_32_bits(dtype):
    table = torch.zeros(2, 1, dtype=dtype, requires_grad=True)

    found = gather(table, torch.zeros(4096, dtype=torch.int64))
    found.backward(torch.ones_like(found))

    # one by one, 1 + 1 + ... stops growing at 256 or 2048
    assert found.dtype == dtype
    assert table.grad.tolist() == [[4096.0], [0.0]]


def test_largest(values):
    found = largest(values, INDEX, 5)

    expected = [sharing(values, i).amax(dim=0).tolist() if i in INDEX else [0.0] * 3 for i in range(5)]
    assert found.tolist() == expected
    assert largest(values[:0], INDEX[:0], 2).tolist() == [[0.0] * 3] * 2


def test_equal_largest_values_share_the_gradient():
    table = torch.tensor([[1.0], [3.0], [3.0], [-1.0]], dtype=torch.bfloat16, requires_grad=True)

    found = largest(table, torch.tensor([0, 0, 0, 1]), 2)
    found.backward(torch.tensor([[1.0], [5.0]]))

    assert found.dtype == torch.float32
    assert table.grad.flatten().tolist() == [0.0, 0.5, 0.5, 5.0]


def test_softmax(values):
    found = softmax(1000.0 * values, INDEX, 5)

    for i in (0, 2, 4):
        torch.testing.assert_close(sharing(found, i), torch.softmax(1000.0 * sharing(values, i), dim=0))


@pytest.mark.parametrize("function", [largest, softmax])
def test_gradients(function, values):
    assert gradcheck(lambda table: function(table, INDEX, 5), values.requires_grad_())


@pytest.mark.parametrize("function", [largest, softmax])
def test_gradients_of_nothing(function):
    table = torch.empty(0, 3, requires_grad=True)

    function(table, INDEX[:0], 2).sum().backward()

    assert table.grad.shape == (0, 3)
