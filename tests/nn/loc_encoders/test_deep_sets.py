"""DeepSets against a loop over clusters; what holds for all encoders is in test_contract.py."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.loc_encoders.deep_sets import DeepSets


@pytest.mark.parametrize("reduce", [("mean", "max"), ("sum",), ("max", "sum", "mean")])
def test_equals_a_loop(reduce, make_graph, make_sizes):
    torch.manual_seed(0)
    graph, encoder = make_graph(), DeepSets(make_sizes(), (6, 8), reduce)
    owner = graph["localisation", "in", "cluster"].edge_index[1]
    rows = []
    for i in range(4):
        mine = owner == i
        offsets = graph["localisation"].pos[mine] - graph["cluster"].pos[i]
        each = encoder.each(torch.cat([offsets, graph["localisation"].x[mine]], dim=1))
        values = {"mean": each.mean(dim=0), "max": each.amax(dim=0), "sum": each.sum(dim=0)}
        rows.append(torch.cat([values[name] for name in reduce]))

    torch.testing.assert_close(encoder(graph), encoder.together(torch.stack(rows)))


def test_needs_no_sampled_level(make_graph, make_sizes):
    graph = make_graph()
    for level in ("localisation_1", "localisation_2"):
        del graph[level]

    assert DeepSets(make_sizes(levels=1), (6, 7, 8, 9))(graph).shape == (4, 9)


@pytest.mark.parametrize("reduce", [(), ("median",)])
def test_reductions_that_do_not_exist(reduce, make_sizes):
    with pytest.raises(ConfigError, match=r"model\.loc_encoder\.reduce must be some of max, mean, sum, found \["):
        DeepSets(make_sizes(), reduce=reduce)
