"""What localisation encoders share."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.localisations import check_levels, check_stored, first_features, from_centre, owners


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("features", [0, 2])
def test_first_features(dimensions, features, make_graph):
    graph = make_graph(dimensions=dimensions, features=features)
    owner = torch.repeat_interleave(torch.arange(4), torch.tensor([6, 5, 9, 7]))

    found = first_features(graph)

    assert torch.equal(owners(graph), owner)
    torch.testing.assert_close(found[:, :dimensions], graph["localisation"].pos - graph["cluster"].pos[owner])
    assert torch.equal(found[:, dimensions:], graph["localisation"].x)


def test_sampled_levels(make_graph):
    graph = make_graph()
    owner = torch.repeat_interleave(torch.arange(4), torch.tensor([3, 3, 5, 4]))

    assert torch.equal(owners(graph, 1), owner)
    torch.testing.assert_close(from_centre(graph, 1), graph["localisation_1"].pos - graph["cluster"].pos[owner])


def test_levels_that_are_not_stored(make_sizes):
    check_levels(make_sizes(), (8, 8, 8))
    check_stored(make_sizes(levels=1))
    with pytest.raises(ConfigError, match=r"asks for 2 levels of localisations, the graph store has 1; .* to 1 ratios"):
        check_levels(make_sizes(levels=1), (8, 8))
    with pytest.raises(ConfigError, match=r"the graph store has none; set graph\.localisations=true, or"):
        check_stored(make_sizes(levels=0))
