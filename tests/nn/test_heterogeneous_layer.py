"""The heterogeneous layer against that of PyG."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import HGTConv

from locgraph.nn.heterogeneous_layer import HeterogeneousLayer, key

RELATIONS = [("a", "near", "a"), ("b", "in", "a"), ("a", "rev_in", "b")]
N = {"a": 4, "b": 6}


def case(heads=2, relations=RELATIONS):
    torch.manual_seed(0)
    layer = HeterogeneousLayer(8, heads, 3, relations)
    x = {name: torch.randn(n, 8) for name, n in N.items()}
    edges = {
        (source, name, target): (
            torch.randn(9, 3),
            torch.stack([torch.randint(N[source], (9,)), torch.randint(N[target] - 1, (9,))]),  # the last hears nobody
        )
        for source, name, target in relations
    }
    return layer, x, edges


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_equals_that_of_pyg(heads):
    layer, x, edges = case(heads)
    other = HGTConv(8, 8, (["a", "b"], RELATIONS), heads)
    for relation in RELATIONS:
        nn.init.zeros_(layer.weights[key(relation)].edge.weight)
        layer.weights[key(relation)].prior.data = torch.rand(heads)
    for name in N:
        layer.norms[name] = nn.Identity()
        linears = [layer.keys[name], layer.queries[name], layer.values[name]]
        other.kqv_lin.lins[name].weight.data = torch.cat([linear.weight for linear in linears]).detach()
        other.kqv_lin.lins[name].bias.data = torch.cat([linear.bias for linear in linears]).detach()
        other.out_lin.lins[name].weight.data = layer.updates[name].weight.data
        other.out_lin.lins[name].bias.data = layer.updates[name].bias.data
        other.skip[name].data.fill_(50.0)  # its sigmoid is 1: the update alone
    for head in range(heads):
        for index, relation in enumerate(RELATIONS):
            weights = layer.weights[key(relation)]
            other.k_rel.weight.data[head * len(RELATIONS) + index] = weights.attention.data[head]
            other.v_rel.weight.data[head * len(RELATIONS) + index] = weights.message.data[head]
    for relation in RELATIONS:
        other.p_rel["__".join(relation)].data = layer.weights[key(relation)].prior.data[None]

    found = layer(x, edges)

    expected = other(x, {relation: edge_index for relation, (_, edge_index) in edges.items()})
    for name in N:
        torch.testing.assert_close(found[name] - x[name], expected[name], atol=1e-5, rtol=1e-5)


def test_geometry_joins_key_and_message():
    layer, x, edges = case(relations=RELATIONS[:1])
    (values, _), weights = edges[RELATIONS[0]], layer.weights[key(RELATIONS[0])]
    one = {RELATIONS[0]: (values[:1], torch.tensor([[1], [0]]))}

    found = layer(x, one)["a"]

    state = layer.norms["a"](x["a"][1])
    message = torch.einsum("hi,hij->hj", layer.values["a"](state).view(2, 4), weights.message).flatten()
    gathered = message + weights.edge(values[0])
    torch.testing.assert_close(found[0], x["a"][0] + layer.updates["a"](nn.functional.gelu(gathered)))
    scores, _ = weights(*(torch.ones(n, 2, 4) for n in (4, 4, 4)), *edges[RELATIONS[0]])
    expected = (weights.attention.sum(dim=(1, 2)) + weights.edge(values).view(9, 2, 4).sum(dim=2)) / 2.0
    torch.testing.assert_close(scores, expected)


def test_types_that_hear_nobody_stay_as_they_are():
    layer, x, edges = case(relations=RELATIONS[:2])

    found = layer(x, edges)

    assert found["b"] is x["b"]
    assert not torch.equal(found["a"], x["a"])


def test_gradients_reach_all_parameters(check_gradients):
    layer, x, edges = case()

    # "b" hears by one relation alone: a constant added to all its scores leaves the softmax as it is
    check_gradients(layer, torch.cat(list(layer(x, edges).values())), idle=[])


def test_32_bits_under_autocast(under_autocast):
    layer, x, edges = case()

    found = under_autocast(layer, x, edges)

    for name, expected in layer(x, edges).items():
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], expected, atol=0.1, rtol=0.1)
