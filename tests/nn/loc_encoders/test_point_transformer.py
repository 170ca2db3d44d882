"""Point transformer on localisations; what holds for all encoders is in test_contract.py."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.loc_encoders.point_transformer import PointTransformerEncoder


def test_levels_follow_each_other_by_largest_values(make_graph, make_sizes):
    torch.manual_seed(0)
    graph, encoder = make_graph(), PointTransformerEncoder(make_sizes(), (6, 8))
    owner = graph["localisation", "in", "cluster"].edge_index[1]
    offsets = graph["localisation"].pos - graph["cluster"].pos[owner]
    near = [graph[level, "near", level].edge_index for level in ("localisation", "localisation_1")]
    x = encoder.lift(torch.cat([offsets, graph["localisation"].x], dim=1))
    x = encoder.down[0](encoder.layers[0](x, graph["localisation"].pos, near[0]))
    below, above = graph["localisation", "pooled_into", "localisation_1"].edge_index
    pooled = torch.stack([x[below[above == i]].amax(dim=0) for i in range(graph["localisation_1"].num_nodes)])
    x = encoder.layers[1](pooled, graph["localisation_1"].pos, near[1])
    owner = graph["localisation_1", "in", "cluster"].edge_index[1]

    expected = torch.stack([x[owner == i].amax(dim=0) for i in range(4)])

    torch.testing.assert_close(encoder(graph), expected)


def test_more_levels_than_are_stored(make_sizes):
    message = "asks for 4 levels of localisations, the graph store has 3; set .* graph.ratios to 3 ratios"
    with pytest.raises(ConfigError, match=message):
        PointTransformerEncoder(make_sizes(), (8,) * 4)
