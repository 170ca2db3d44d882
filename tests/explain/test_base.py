"""The contract of explainers: which networks they refuse."""

from types import SimpleNamespace

import pytest
import torch
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.explain.base import Explainer, n_clusters
from locgraph.explain.explanation import Explanation


class Constant(Explainer):
    def explain(self, network, example, generator):
        return Explanation(torch.zeros(n_clusters(example.graph)))


def test_a_network_that_names_localisations_alone_is_refused():
    network = SimpleNamespace(predicts=(schema.LOCALISATION,))
    with pytest.raises(ConfigError, match=r"Constant explains the class of a FOV.*model/head=classify"):
        Constant().check(network)


@pytest.mark.parametrize("predicts", [(schema.FIELD_OF_VIEW,), (schema.FIELD_OF_VIEW, schema.LOCALISATION)])
def test_a_network_that_names_fovs_is_taken(predicts):
    Constant().check(SimpleNamespace(predicts=predicts))


def test_clusters_are_counted_by_their_positions():
    graph = HeteroData()
    graph[schema.CLUSTER][schema.POS] = torch.zeros((7, 3))
    assert n_clusters(graph) == 7
