"""Heterogeneous graph transformer: attention along all edge types of the graph, with weights for each relation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.base import ClusterEncoder
from locgraph.nn.geometry import EdgeGeometry, LogGaussianExpansion, expanded_layer
from locgraph.nn.layers import check_dropout, check_heads, lifted, make_lift
from locgraph.nn.messages import AttentionSum, EdgeType
from locgraph.nn.precision import distances, neighbour_softmax
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes
from locgraph.settings import check_whole

_REVERSE: Final = "rev_"  # prefix of the relation against an edge type, as in PyG


class HeterogeneousTransformer(ClusterEncoder):
    """Messages along every edge type of the graph store, and against those that join two node types.

    Clusters start with the incoming vectors, localisations and superclusters with their features, sampled levels with
    a vector that all share. Node types that the graph store does not hold are left out. Of the geometry it reads
    the distance along each edge alone: invariant to rotation, reflection and shift by construction, as long as the
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
        super().__init__(check_whole("channels", channels, at_least=1))
        check_whole("layers", layers, at_least=1)
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
        self.geometry = EdgeGeometry()
        self.layers = nn.ModuleList(
            HeterogeneousLayer(channels, heads, n_gaussians, relations, dropout) for relations in self.plan
        )

    @property
    def edge_geometry(self) -> EdgeGeometry:
        """What the lengths of the edges between clusters pass; those of other edges do not."""
        return self.geometry

    def forward(self, x: Tensor, graph: HeteroData) -> Tensor:
        """Encode clusters; see `ClusterEncoder.forward`."""
        nodes = {name: self._first(name, x if name == schema.CLUSTER else None, graph) for name in self.starts}
        edges = {relation: self._edges(relation, graph) for relation in self.plan[0]}
        for layer in self.layers:
            nodes = layer(nodes, edges)
        return nodes[schema.CLUSTER]

    def _first(self, name: str, x: Tensor | None, graph: HeteroData) -> Tensor:
        """Return the first vectors of the nodes of one type; ``x`` replaces their features."""
        has_features = name in self.lifts
        if x is None:
            x = graph[name][schema.FEATURES if has_features else schema.POS]
        return lifted(x, self.lifts[name] if has_features else None, self.starts[name])

    def _edges(self, relation: EdgeType, graph: HeteroData) -> tuple[Tensor, Tensor]:
        """Return the expanded distances along the edges of a relation, and the edges."""
        source, name, target = relation
        if name.startswith(_REVERSE):
            edge_index = graph[target, name.removeprefix(_REVERSE), source].edge_index.flip(0)
        else:
            edge_index = graph[relation].edge_index
        lengths = distances(graph[source][schema.POS], edge_index, graph[target][schema.POS])
        if relation == schema.CLUSTER_NEAR:
            return self.geometry.values(self.expand(self.geometry.lengths(lengths))), edge_index
        return self.expand(lengths), edge_index


def plan_relations(edge_types: list[EdgeType], layers: int) -> list[list[EdgeType]]:
    """Return the relations of each layer: those on a path that reaches the clusters by the last layer.

    Args:
        edge_types: Those of the graph store; one between two node types is used in both directions.
        layers: Number of layers.

    Returns:
        One list for each layer; the first holds all that occur.
    """
    both = [
        *edge_types,
        *((target, _REVERSE + name, source) for source, name, target in edge_types if source != target),
    ]
    wanted = {schema.CLUSTER}
    plan: list[list[EdgeType]] = []
    for _ in range(layers):
        plan.insert(0, [relation for relation in both if relation[2] in wanted])
        wanted |= {relation[0] for relation in plan[0]}
    return plan


class HeterogeneousLayer(nn.Module):
    """Attention of each node to its neighbours of all types at once, with weights of the relation in keys and values.

    The geometry of an edge joins key and value, as the time between two nodes does in the paper. Without it, and
    without normalisation, this is equal to PyG's ``HGTConv``, which takes no values of edges; and scores, softmax and
    sums stay in 32 bits under 16-bit mixed precision.

    Args:
        channels: Size of the vectors of all node types.
        heads: Number of heads that share the channels.
        edge_channels: Number of values that describe the geometry of an edge.
        relations: The relations that carry messages.
        dropout: Probability that a value of the update is dropped in training.

    Source: Hu et al. 2020, "Heterogeneous graph transformer", arXiv 2003.01332.
    """

    def __init__(
        self, channels: int, heads: int, edge_channels: int, relations: Sequence[EdgeType], dropout: float = 0.0
    ) -> None:
        super().__init__()
        sources = sorted({relation[0] for relation in relations})
        targets = sorted({relation[2] for relation in relations})
        self.norms = nn.ModuleDict({name: nn.LayerNorm(channels) for name in sorted({*sources, *targets})})
        self.keys = nn.ModuleDict({name: nn.Linear(channels, channels) for name in sources})
        self.values = nn.ModuleDict({name: nn.Linear(channels, channels) for name in sources})
        self.queries = nn.ModuleDict({name: nn.Linear(channels, channels) for name in targets})
        self.updates = nn.ModuleDict({name: nn.Linear(channels, channels) for name in targets})
        self.weights = nn.ModuleDict(
            {key(relation): RelationWeights(channels, heads, edge_channels, relation) for relation in relations}
        )
        self.into = {name: [relation for relation in relations if relation[2] == name] for name in targets}
        self.shape = (heads, channels // heads)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Mapping[str, Tensor], edges: Mapping[EdgeType, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Attend to neighbours.

        Args:
            x: Vectors of each node type (N, channels).
            edges: For each relation the values of its edges (E, edge_channels) and ``edge_index`` (2, E) int64.

        Returns:
            Vectors of each node type (N, channels) float32; those without neighbours unchanged.
        """
        states = {name: norm(x[name]) for name, norm in self.norms.items()}
        keys = {name: layer(states[name]).view(-1, *self.shape) for name, layer in self.keys.items()}
        values = {name: layer(states[name]).view(-1, *self.shape) for name, layer in self.values.items()}
        changed = dict(x)
        for name, relations in self.into.items():
            queries = self.queries[name](states[name]).view(-1, *self.shape)
            scores, messages = zip(
                *(
                    self.weights[key(relation)](queries, keys[relation[0]], values[relation[0]], *edges[relation])
                    for relation in relations
                ),
                strict=True,
            )
            targets = torch.cat([edges[relation][1][1] for relation in relations])
            alpha = neighbour_softmax(torch.cat(scores), targets, len(queries)).split([len(each) for each in scores])
            sums = [
                self._attend(relation)(each, message, edges[relation][1], len(queries))
                for relation, each, message in zip(relations, alpha, messages, strict=True)
            ]
            gathered = torch.stack(sums).sum(dim=0)
            update = self.updates[name](nn.functional.gelu(gathered)).float()
            changed[name] = x[name] + self.dropout(update)
        return changed

    def _attend(self, relation: EdgeType) -> AttentionSum:
        weights: Any = self.weights[key(relation)]
        attend: AttentionSum = weights.attend
        return attend


class RelationWeights(nn.Module):
    """Weights of one relation, which transform keys and values.

    Args:
        channels: Size of the vectors.
        heads: Number of heads that share the channels.
        edge_channels: Number of values that describe the geometry of an edge.
        relation: The relation.
    """

    def __init__(self, channels: int, heads: int, edge_channels: int, relation: EdgeType) -> None:
        super().__init__()
        width = channels // heads
        self.attention = nn.Parameter(torch.randn(heads, width, width) / math.sqrt(width))
        self.message = nn.Parameter(torch.randn(heads, width, width) / math.sqrt(width))
        self.prior = nn.Parameter(torch.ones(heads))
        self.edge = expanded_layer(edge_channels, channels)
        self.attend = AttentionSum(relation)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, edge_values: Tensor, edge_index: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return scores and messages of the edges of this relation.

        Args:
            queries: Of the targets (N_t, H, W).
            keys: Of the sources (N_s, H, W).
            values: Of the sources (N_s, H, W).
            edge_values: (E, edge_channels).
            edge_index: (2, E) int64.

        Returns:
            (E, H) float32 and (E, H, W).
        """
        source, target = edge_index
        edge = self.edge(edge_values).view(-1, *queries.shape[1:])
        keys = gather(torch.einsum("nhi,hij->nhj", keys, self.attention), source) + edge
        scores = (gather(queries, target) * keys).float().sum(dim=2) * self.prior / math.sqrt(queries.shape[2])
        messages = gather(torch.einsum("nhi,hij->nhj", values, self.message), source) + edge
        return scores, messages


def key(relation: EdgeType) -> str:
    """Return the name of the weights of a relation."""
    return "__".join(relation)
