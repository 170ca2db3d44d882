"""The heterogeneous graph-transformer layer: attention over neighbours of all types, with weights for each relation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from locgraph.nn.attention import Attend
from locgraph.nn.expansion import expanded_layer
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages

Relation = tuple[str, str, str]
"""Node type of the source, name, node type of the target."""


def key(relation: Relation) -> str:
    """The name under which the weights of a relation are kept."""
    return "__".join(relation)


class RelationWeights(nn.Module):
    """What one relation makes of keys and values on their way to a target.

    Args:
        channels: Size of the vectors.
        heads: Number of heads that share the channels.
        edge_channels: Number of values that describe the geometry of an edge.
        relation: The relation.
    """

    def __init__(self, channels: int, heads: int, edge_channels: int, relation: Relation) -> None:
        super().__init__()
        width = channels // heads
        self.attention = nn.Parameter(torch.randn(heads, width, width) / math.sqrt(width))
        self.message = nn.Parameter(torch.randn(heads, width, width) / math.sqrt(width))
        self.prior = nn.Parameter(torch.ones(heads))
        self.edge = expanded_layer(edge_channels, channels)
        self.messages = Messages(relation)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, edge_values: Tensor, edge_index: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Scores and messages of the edges of this relation.

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
        return scores, self.messages(messages, edge_index)


class HeterogeneousLayer(nn.Module):
    """Each node attends to its neighbours of all types at once; keys and values pass through weights of the relation.

    The geometry of an edge joins key and value, as the time between two nodes does in the paper. Without it, and
    without normalisation, this is equal to PyG's ``HGTConv``, but scores, softmax and sums stay in 32 bits under 16-bit
    mixed precision.

    Args:
        channels: Size of the vectors of all node types.
        heads: Number of heads that share the channels.
        edge_channels: Number of values that describe the geometry of an edge.
        relations: The relations that messages take.
        dropout: Probability that a value of the update is dropped in training.

    Source: Hu et al. 2020, "Heterogeneous graph transformer", arXiv 2003.01332.
    """

    def __init__(
        self, channels: int, heads: int, edge_channels: int, relations: Sequence[Relation], dropout: float = 0.0
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
        self.attend = nn.ModuleDict({name: Attend(rows=into[0]) for name, into in self.into.items()})
        self.shape = (heads, channels // heads)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Mapping[str, Tensor], edges: Mapping[Relation, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One round of attention.

        Args:
            x: Vectors of each node type (N, channels).
            edges: For each relation the values of its edges (E, edge_channels) and ``edge_index`` (2, E) int64.

        Returns:
            Vectors of each node type (N, channels) float32; those that hear nobody as they were.
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
            rows = torch.cat([edges[relation][1][1] for relation in relations])
            gathered = self.attend[name](torch.cat(scores), torch.cat(messages), rows, len(queries))
            update = self.updates[name](nn.functional.gelu(gathered)).float()
            changed[name] = x[name] + self.dropout(update)
        return changed
