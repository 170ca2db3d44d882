"""Sums, softmax and distances in 32 bits."""

import pytest
import torch

from locgraph.nn.precision import distances, neighbour_softmax, no_autocast, pool


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [
        ("sum", [[4.0, -6.0], [0.0, 0.0], [-5.0, 7.0]]),
        ("mean", [[2.0, -3.0], [0.0, 0.0], [-5.0, 7.0]]),
        ("max", [[3.0, -2.0], [0.0, 0.0], [-5.0, 7.0]]),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_pool(reduce, expected, dtype):
    values = torch.tensor([[1.0, -2.0], [-5.0, 7.0], [3.0, -4.0]], dtype=dtype)

    found = pool(values, torch.tensor([0, 2, 0]), 3, reduce)

    assert found.dtype == torch.float32
    assert found.tolist() == expected


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_pool_of_nothing(reduce):
    assert pool(torch.empty(0, 2), torch.empty(0, dtype=torch.int64), 3, reduce).tolist() == [[0.0, 0.0]] * 3
    assert pool(torch.empty(0, 2), torch.empty(0, dtype=torch.int64), 0, reduce).shape == (0, 2)


def test_sum_of_16_bit_values_is_taken_in_32():
    # 1 + 1000 / 512 steps: in bfloat16 a sum would stop growing at 256
    assert (
        pool(torch.ones(1000, 1, dtype=torch.bfloat16), torch.zeros(1000, dtype=torch.int64), 1, "sum").item() == 1000
    )


@pytest.mark.parametrize(("reduce", "gradient"), [("sum", [1, 1, 1]), ("mean", [0.5, 0.5, 1]), ("max", [0, 1, 1])])
def test_gradient_of_pool(reduce, gradient):
    values = torch.tensor([[1.0], [3.0], [2.0]], requires_grad=True)

    pool(values, torch.tensor([0, 0, 1]), 2, reduce).sum().backward()

    assert values.grad.flatten().tolist() == gradient


def test_softmax_over_those_that_share_an_index():
    values = torch.randn(6, 2)
    index = torch.tensor([0, 1, 0, 1, 1, 3])

    found = neighbour_softmax(values, index, 4)

    for group in (0, 1, 3):
        torch.testing.assert_close(found[index == group], torch.softmax(values[index == group], dim=0))


def test_softmax_of_large_16_bit_values():
    found = neighbour_softmax(torch.tensor([[60000.0], [59968.0]], dtype=torch.float16), torch.tensor([0, 0]), 1)

    assert found.dtype == torch.float32
    assert found.flatten().tolist() == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_distances(dimensions):
    positions = torch.randn(5, dimensions)
    edges = torch.tensor([[0, 1, 4], [3, 2, 0]])

    torch.testing.assert_close(distances(positions, edges), torch.cdist(positions, positions)[edges[0], edges[1]])
    assert distances(positions, edges[:, :0]).shape == (0,)


def test_distance_of_coincident_points_has_a_finite_gradient():
    positions = torch.zeros(2, 2, requires_grad=True)

    distances(positions, torch.tensor([[0], [1]])).sum().backward()

    assert positions.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_distances_under_autocast():
    positions = torch.tensor([[0.0, 0.0], [1.001, 0.0]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = distances(positions, torch.tensor([[0], [1]]))

    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(1.001, rel=1e-6)


def test_no_autocast_switches_off_within_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16), no_autocast(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
