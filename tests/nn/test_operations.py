"""Gather, softmax, maximum and sums over rows that share an index, and messages of layers, in 32 bits."""

import sys

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from locgraph.nn.messages import Aggregate, AttentionSum
from locgraph.nn.precision import distances, neighbour_softmax, no_autocast, pool
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
    assert gradgradcheck(lambda table: function(table, INDEX, 5), values)


@pytest.mark.parametrize("function", [largest, softmax])
def test_gradients_of_nothing(function):
    table = torch.empty(0, 3, requires_grad=True)

    function(table, INDEX[:0], 2).sum().backward()

    assert table.grad.shape == (0, 3)


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


def test_softmax_of_neighbours():
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


def test_messages_of_edges_are_aggregated_at_their_targets():
    messages, edges = torch.randn(5, 3), torch.tensor([[0, 1, 2, 3, 0], [1, 1, 0, 1, 0]])

    for reduce in ("sum", "mean", "max"):
        assert torch.equal(Aggregate(reduce)(messages, edges, 3), pool(messages, edges[1], 3, reduce))


def test_each_head_weighs_its_own_part_of_the_messages():
    torch.manual_seed(0)
    alpha, messages = torch.rand(5, 2), torch.randn(5, 2, 3)
    edges = torch.tensor([[0, 1, 2, 1, 2], [0, 0, 2, 0, 2]])  # cluster 1 receives nothing

    found = AttentionSum()(alpha, messages, edges, 3)

    assert found.shape == (3, 6)
    assert found[1].tolist() == [0.0] * 6
    for i in (0, 2):
        into = edges[1] == i
        for head in range(2):
            torch.testing.assert_close(found[i, 3 * head : 3 * head + 3], alpha[into, head] @ messages[into, head])


def test_weights_of_channels():
    alpha, messages, edges = torch.rand(3, 4), torch.randn(3, 4), torch.tensor([[0, 1, 2], [0, 0, 1]])

    found = AttentionSum()(alpha, messages, edges, 2)

    torch.testing.assert_close(found, torch.stack([(alpha * messages)[:2].sum(dim=0), (alpha * messages)[2]]))


def test_16_bit_messages_are_summed_in_32():
    messages, edges = torch.ones(3000, 1, 1, dtype=torch.bfloat16), torch.zeros(2, 3000).long()

    assert Aggregate()(messages, edges, 1).item() == 3000
    assert AttentionSum()(torch.full((3000, 1), 0.5), messages, edges, 1).item() == pytest.approx(1500, rel=1e-4)


def test_hooks_of_pyg_change_messages_and_find_attention():
    part, seen = AttentionSum(("cluster", "near", "cluster")), []

    def double(module, inputs, messages):
        seen.append((module.edge_type, inputs[0]["alpha"]))
        return 2 * messages

    part.register_message_forward_hook(double)
    alpha = torch.tensor([[0.25], [0.75]])

    assert part(alpha, torch.ones(2, 1), torch.tensor([[0, 1], [0, 0]]), 1).item() == 2.0
    assert seen == [(("cluster", "near", "cluster"), alpha)]
    assert not part.state_dict()


def test_no_code_is_written_to_temporary_files():
    assert not [name for name in sys.modules if name.startswith("locgraph.nn") and name.endswith("_propagate")]
