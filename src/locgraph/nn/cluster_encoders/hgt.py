"""Heterogeneous graph transformer: clusters, localisations and superclusters attend to each other."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.attention import check_heads
from locgraph.nn.expansion import LogGaussianExpansion
from locgraph.nn.heterogeneous_layer import HeterogeneousLayer, Relation
from locgraph.nn.mlp import check_dropout, check_sizes
from locgraph.nn.precision import distances
from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import lifted, make_lift

_AGAINST: Final = "rev_"  # names the relation against an edge type, as PyG does


class HeterogeneousTransformer(nn.Module):
    """Messages along every edge type of the graph store, and against those that join two node types.

    Clusters start with what they are handed, localisations and superclusters with their features, sampled levels with
    a vector that all share. Node types that the graph store does not hold are left out. Of the geometry it sees the
    distance along each edge alone: invariant to rotation, reflection and shift by construction, as long as the
    localisation encoder beside it is (``none`` is), and unable to tell a shape from its mirror image.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors of all node types.
        layers: Number of layers.
        heads: Number of heads, which share the channels.
        n_gaussians: Gaussians that the logarithm of a distance is expanded in, at least 2.
        shortest: Distance of the first Gaussian, in units of position.
        longest: Distance of the last Gaussian.
        dropout: Probability that a value of an update is dropped in training.

    Raises:
        ConfigError: A number is out of range.

    Source: Hu et al. 2020, "Heterogeneous graph transformer", arXiv 2003.01332.
    """

    reads_graph = True
    uses_localisations = True

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 32,
        layers: int = 3,
        heads: int = 4,
        n_gaussians: int = 16,
        shortest: float = 0.01,
        longest: float = 4.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_sizes("model.cluster_encoder: channels and layers", [channels, layers])
        check_heads(channels, heads)
        check_dropout(dropout)
        self.plan = plan_relations(sizes.edge_types(), layers)
        self.lifts, self.starts = nn.ModuleDict(), nn.ParameterDict()
        reached = {relation[0] for relation in self.plan[0]}
        for name, size in (sizes.node_types() | {schema.CLUSTER: in_channels}).items():
            if name in reached:
                lift, self.starts[name] = make_lift(size, channels)
                if lift is not None:
                    self.lifts[name] = lift
        self.expand = LogGaussianExpansion(n_gaussians, shortest, longest)
        self.layers = nn.ModuleList(
            HeterogeneousLayer(channels, heads, n_gaussians, relations, dropout) for relations in self.plan
        )
        self.out_channels = channels

    def forward(self, x: Tensor, graph: HeteroData) -> Tensor:
        """Cluster vectors to cluster vectors.

        Args:
            x: (C, in_channels).
            graph: Batch of graphs with positions in units of order one.

        Returns:
            (C, channels) float32.
        """
        nodes = {name: self._first(name, x if name == schema.CLUSTER else None, graph) for name in self.starts}
        edges = {relation: self._edges(relation, graph) for relation in self.plan[0]}
        for layer in self.layers:
            nodes = layer(nodes, edges)
        return nodes[schema.CLUSTER]

    def _first(self, name: str, handed: Tensor | None, graph: HeteroData) -> Tensor:
        """First vectors of the nodes of one type."""
        has_features = name in self.lifts
        if handed is None:
            handed = graph[name][schema.FEATURES if has_features else schema.POS]
        return lifted(handed, self.lifts[name] if has_features else None, self.starts[name])

    def _edges(self, relation: Relation, graph: HeteroData) -> tuple[Tensor, Tensor]:
        """Expanded distances along the edges of a relation, and the edges."""
        source, name, target = relation
        if name.startswith(_AGAINST):
            edge_index = graph[target, name.removeprefix(_AGAINST), source].edge_index.flip(0)
        else:
            edge_index = graph[relation].edge_index
        lengths = distances(graph[source][schema.POS], edge_index, graph[target][schema.POS])
        return self.expand(lengths), edge_index


def plan_relations(edge_types: list[Relation], layers: int) -> list[list[Relation]]:
    """The relations of each layer: those by which something reaches the clusters until the last layer.

    Args:
        edge_types: Those of the graph store; one between two node types is taken in both directions.
        layers: Number of layers.

    Returns:
        One list for each layer; the first holds all that occur.
    """
    both = [
        *edge_types,
        *((target, _AGAINST + name, source) for source, name, target in edge_types if source != target),
    ]
    wanted = {schema.CLUSTER}
    plan: list[list[Relation]] = []
    for _ in range(layers):
        plan.insert(0, [relation for relation in both if relation[2] in wanted])
        wanted |= {relation[0] for relation in plan[0]}
    return plan
