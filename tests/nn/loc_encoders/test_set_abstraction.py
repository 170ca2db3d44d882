"""Set abstraction against loops over points; what holds for all encoders is in test_contract.py."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.loc_encoders.set_abstraction import SetAbstraction


def step(layer, x, positions, sources, at):
    """The formula of the paper for one point that takes."""
    each = [layer.local(layer.value(x[j]) + layer.position(positions[j] - at)) for j in sources]
    return torch.stack(each).amax(dim=0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_equals_loops(dimensions, make_graph, make_sizes):
    torch.manual_seed(0)
    graph, encoder = make_graph(dimensions=dimensions), SetAbstraction(make_sizes(dimensions), (6, 8))
    points, sampled, centres = (graph[name].pos for name in ("localisation", "localisation_1", "cluster"))
    owner = graph["localisation", "in", "cluster"].edge_index[1]
    x = encoder.lift(torch.cat([points - centres[owner], graph["localisation"].x], dim=1))
    below, above = graph["localisation", "pooled_into", "localisation_1"].edge_index
    x = torch.stack([step(encoder.up[0], x, points, below[above == i], at) for i, at in enumerate(sampled)])
    owner = graph["localisation_1", "in", "cluster"].edge_index[1]

    expected = [step(encoder.last, x, sampled, (owner == i).nonzero()[:, 0], at) for i, at in enumerate(centres)]

    torch.testing.assert_close(encoder(graph), torch.stack(expected))


def test_more_levels_than_are_stored(make_sizes):
    message = "asks for 4 levels of localisations, the graph store has 3; set .* graph.ratios to 3 ratios"
    with pytest.raises(ConfigError, match=message):
        SetAbstraction(make_sizes(), (8,) * 4)
