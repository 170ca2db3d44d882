"""Part of the localisations of a graph, made by hand."""

import copy

import torch
from torch_geometric.data import HeteroData

from locgraph.data.subgraph import keep_nodes


def small():
    graph = HeteroData()
    graph["cluster"].pos = torch.zeros(2, 2)
    graph["localisation"].pos = torch.arange(8.0).reshape(4, 2)
    graph["localisation_1"].pos = graph["localisation"].pos[[1, 3]]
    graph["localisation_1"].parent = torch.tensor([1, 3])
    graph["cluster", "near", "cluster"].edge_index = torch.tensor([[1, 0], [0, 1]])
    graph["localisation", "near", "localisation"].edge_index = torch.tensor([[1, 0, 3, 2, 1], [0, 1, 2, 3, 3]])
    graph["localisation", "in", "cluster"].edge_index = torch.tensor([[0, 1, 2, 3], [0, 0, 1, 1]])
    graph["localisation", "pooled_into", "localisation_1"].edge_index = torch.tensor([[0, 1, 2, 3], [0, 0, 1, 1]])
    graph["localisation_1", "in", "cluster"].edge_index = torch.tensor([[0, 1], [0, 1]])
    return graph


def test_rows_edges_and_parents_renumbered(same_graph):
    graph = small()
    before = copy.deepcopy(graph)
    masks = {
        "localisation": torch.tensor([False, True, True, True]),
        "localisation_1": torch.tensor([False, True]),
    }

    kept = keep_nodes(graph, ("localisation", "localisation_1"), masks)

    assert kept["localisation"].pos.tolist() == [[2, 3], [4, 5], [6, 7]]
    assert kept["localisation_1"].pos.tolist() == [[6, 7]]
    assert kept["localisation_1"].parent.tolist() == [2]
    assert kept["cluster", "near", "cluster"].edge_index.tolist() == [[1, 0], [0, 1]]
    assert kept["localisation", "near", "localisation"].edge_index.tolist() == [[2, 1, 0], [1, 2, 2]]
    assert kept["localisation", "in", "cluster"].edge_index.tolist() == [[0, 1, 2], [0, 1, 1]]
    assert kept["localisation", "pooled_into", "localisation_1"].edge_index.tolist() == [[1, 2], [0, 0]]
    assert kept["localisation_1", "in", "cluster"].edge_index.tolist() == [[0], [1]]
    assert same_graph(graph, before)


def test_clusters_and_superclusters_can_go_too(same_graph):
    """Of three clusters the second goes, with its localisation and its supercluster."""
    graph = HeteroData()
    graph["cluster"].pos = torch.arange(6.0).reshape(3, 2)
    graph["cluster"]["count"] = torch.tensor([1.0, 1.0, 2.0])
    graph["supercluster"].pos = torch.arange(4.0).reshape(2, 2)
    graph["localisation"].pos = torch.arange(8.0).reshape(4, 2)
    graph["localisation"].y = torch.tensor([4, 5, 6, 7])
    graph["localisation", "in", "cluster"].edge_index = torch.tensor([[0, 1, 2, 3], [0, 1, 2, 2]])
    graph["cluster", "near", "cluster"].edge_index = torch.tensor([[1, 2, 0, 2, 0], [0, 0, 1, 1, 2]])
    graph["cluster", "in", "supercluster"].edge_index = torch.tensor([[1, 0, 2], [0, 1, 1]])
    graph["supercluster", "near", "supercluster"].edge_index = torch.tensor([[1, 0], [0, 1]])
    before = copy.deepcopy(graph)
    masks = {
        "localisation": torch.tensor([True, False, True, True]),
        "cluster": torch.tensor([True, False, True]),
        "supercluster": torch.tensor([False, True]),
    }

    kept = keep_nodes(graph, ("localisation",), masks)

    assert kept["cluster"].pos.tolist() == [[0, 1], [4, 5]]
    assert kept["cluster"]["count"].tolist() == [1, 2]
    assert kept["supercluster"].pos.tolist() == [[2, 3]]
    assert kept["localisation"].y.tolist() == [4, 6, 7]
    assert kept["localisation", "in", "cluster"].edge_index.tolist() == [[0, 1, 2], [0, 1, 1]]
    assert kept["cluster", "near", "cluster"].edge_index.tolist() == [[1, 0], [0, 1]]
    assert kept["cluster", "in", "supercluster"].edge_index.tolist() == [[0, 1], [0, 0]]
    assert kept["supercluster", "near", "supercluster"].edge_index.shape == (2, 0)
    assert same_graph(graph, before)


def test_all_kept_is_the_same_graph(same_graph):
    graph = small()
    masks = {name: torch.ones(len(graph[name].pos), dtype=torch.bool) for name in ("localisation", "localisation_1")}

    assert same_graph(keep_nodes(graph, tuple(masks), masks), graph)
