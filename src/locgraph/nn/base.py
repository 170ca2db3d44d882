"""Contracts of the parts of a network: what each is built with, what it is called with, and what it returns.

Shapes: B graphs (FOVs) in a batch, C clusters, N localisations, N_l points on level l of the sampling hierarchy, F
channels, K classes. Every part is built with the sizes that come from data, ``in_channels`` (not the localisation
encoder) and ``sizes``, beside its own settings.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError, LocgraphError
from locgraph.nn.geometry import EdgeGeometry


@dataclass(frozen=True)
class Encoded:
    """A batch of B graphs with the vectors that a network computes before its head.

    Attributes:
        graph: The batch.
        levels: Vectors of each level of localisations (N_l, F_l), the localisations themselves first; empty where the
            localisation encoder gives none.
        clusters: Vectors of the clusters (C, F).
        fovs: Vectors of the FOVs (B, F).
    """

    graph: HeteroData
    levels: list[Tensor]
    clusters: Tensor
    fovs: Tensor


class Part(nn.Module):
    """Base class of the parts of a network.

    Attributes:
        uses_localisations: Whether a forward pass reads localisation nodes; graphs are prepared with them if so.
    """

    uses_localisations: ClassVar[bool] = False
    contract: ClassVar[str] = ""


class LocEncoder(Part):
    """Base class of localisation encoders: localisations to one vector for each cluster.

    Args:
        out_channels: Size of the vectors of clusters, F; 0 or more.
        level_channels: Sizes F_l of the vectors of each level that is returned, the localisations themselves first.
    """

    contract = "Class(sizes=...) with forward(graph) -> vectors of clusters (C, F), [vectors of each level (N_l, F_l)]"

    def __init__(self, out_channels: int, level_channels: Sequence[int] = ()) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.level_channels = tuple(level_channels)

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations.

        Args:
            graph: Batch of graphs with positions in units of order one.

        Returns:
            Vectors of the clusters (C, out_channels) float32, and of each level (N_l, level_channels[l]).
        """
        raise NotImplementedError


class ClusterEncoder(Part):
    """Base class of cluster encoders: vectors of clusters and their graph to vectors of clusters.

    A subclass implements `encode`, or `forward` where it reads more of the graph.

    Args:
        out_channels: Size of the outgoing vectors, F'.
    """

    contract = (
        "Class(in_channels=..., sizes=...) with encode(x (C, F), positions (C, D), edge_index (2, E)), or "
        "forward(x (C, F), graph), -> vectors of clusters (C, out_channels)"
    )

    def __init__(self, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels

    @property
    def edge_geometry(self) -> EdgeGeometry | None:
        """What the lengths of the edges between clusters pass; None where coordinates are read instead, or neither."""
        return None

    def forward(self, x: Tensor, graph: HeteroData) -> Tensor:
        """Encode the clusters of a batch.

        Args:
            x: Vectors of the clusters (C, F).
            graph: Batch of graphs with positions in units of order one.

        Returns:
            (C, out_channels) float32.
        """
        return self.encode(x, graph[schema.CLUSTER][schema.POS], graph[schema.CLUSTER_NEAR].edge_index)

    def on_subsets(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Callable[[Tensor], Tensor] | None:
        """Prepare to encode many subsets of the clusters of one graph, without their other clusters.

        Args:
            x: (C, F), of one graph.
            positions: (C, D) float32, in units of order one.
            edge_index: (2, E) int64: source, target.

        Returns:
            Subsets (M, C) bool to the vectors of their clusters, one subset after the other, as `forward` computes them
            from a batch of M graphs; None where nothing is gained by it.
        """
        del x, positions, edge_index
        return None

    def encode(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Encode clusters from their vectors, positions and edges.

        Args:
            x: (C, F).
            positions: (C, D) float32, in units of order one.
            edge_index: (2, E) int64: source, target.

        Returns:
            (C, out_channels) float32.
        """
        raise NotImplementedError


class Readout(Part):
    """Base class of readouts: vectors of clusters to one vector for each graph.

    A subclass implements `reduce`, or `forward` where it reads more of the graph.

    Args:
        out_channels: Size of the vectors of graphs, F'.
    """

    contract = (
        "Class(in_channels=..., sizes=...) with reduce(x (C, F), batch (C,), n_graphs), or forward(x (C, F), graph), "
        "-> vectors of FOVs (B, out_channels)"
    )

    def __init__(self, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels

    @property
    def attention(self) -> nn.Module | None:
        """Module that weighs clusters: `AttentionSum`, or ``MultiheadAttention`` with clusters as keys; or None."""
        return None

    def forward(self, x: Tensor, graph: HeteroData) -> Tensor:
        """Read out a batch of B graphs.

        Args:
            x: Vectors of the clusters (C, F).
            graph: The batch.

        Returns:
            (B, out_channels) float32.
        """
        return self.reduce(x, graph[schema.CLUSTER].batch, graph.num_graphs)

    def reduce(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """Reduce the vectors of clusters to those of graphs.

        Args:
            x: (C, F).
            batch: Graph of each cluster (C,) int64, ascending.
            n_graphs: Number of graphs B.

        Returns:
            (B, out_channels) float32; finite where a graph has no cluster.
        """
        raise NotImplementedError


class Head(Part):
    """Base class of heads: what the other parts computed to logits.

    Attributes:
        predicts: Node types whose classes the head predicts: ``FIELD_OF_VIEW``, ``LOCALISATION`` or both.
        drawn_views: Graphs of each FOV that a training batch holds.
        pairs_clusters: Whether these hold the same clusters in the same order.
    """

    predicts: ClassVar[tuple[str, ...]] = (schema.FIELD_OF_VIEW,)
    drawn_views: int = 1
    pairs_clusters: bool = False
    contract = (
        "Class(in_channels=..., sizes=...) with forward(encoded: Encoded) -> logits by node type; a FovHead has "
        "classify(vectors of FOVs (B, F)) -> logits (B, K) instead"
    )

    def forward(self, encoded: Encoded) -> dict[str, Tensor]:
        """Classify an encoded batch.

        Args:
            encoded: The batch and its vectors.

        Returns:
            One entry for each of ``predicts``: logits (B, K) or (N, K), float32.
        """
        raise NotImplementedError


class FovHead(Head):
    """Base class of heads that read the vectors of FOVs alone."""

    def forward(self, encoded: Encoded) -> dict[str, Tensor]:
        """Classify the FOVs of an encoded batch."""
        return {schema.FIELD_OF_VIEW: self.classify(encoded.fovs)}

    def classify(self, fovs: Tensor) -> Tensor:
        """(B, F) to logits (B, K) float32."""
        raise NotImplementedError


P = TypeVar("P", bound=Part)


def build_part(make: Callable[..., P], setting: str, base: type[P], **numbers: Any) -> P:
    """Build a part of a network, and check that it keeps its contract.

    Args:
        make: Class or partially applied class.
        setting: The argument that holds it, which prefixes the settings in errors.
        base: Base class of the contract.
        **numbers: Arguments that come from data and from the other parts.

    Raises:
        ConfigError: ``make`` cannot be called with these arguments, or returns something else than a ``base``.
        LocgraphError: The constructor refused its settings.
    """
    contract = f"expected a subclass of {base.__module__}.{base.__name__}: {base.contract}"
    try:
        part = make(**numbers)
    except LocgraphError as error:
        error.setting = setting if error.setting is None else f"{setting}.{error.setting}"
        raise
    except TypeError as error:
        raise ConfigError(f"{contract}; {_name(make)} cannot be built: {error}", setting=setting) from error
    if not isinstance(part, base):
        raise ConfigError(f"{contract}; found {_name(type(part))}", setting=setting)
    return part


def check_rows(setting: str, part: Part, values: Any, rows: int | None, channels: int | None) -> None:
    """Refuse what a part returned where its shape is another than its contract states.

    Args:
        setting: The argument of the network that holds the part.
        part: The part.
        values: What it returned.
        rows: Rows of its result; None for any number.
        channels: Columns of its result; None for any number.

    Raises:
        ConfigError: Names the contract and what was returned.
    """
    wanted = (rows, channels)
    fits = isinstance(values, Tensor) and values.dim() == 2
    if not fits or any(size not in (None, found) for size, found in zip(wanted, values.shape, strict=True)):
        shape = ", ".join("any" if size is None else str(size) for size in wanted)
        raise broken_contract(setting, part, f"a tensor of shape ({shape})", values)


def broken_contract(setting: str, part: Part, expected: str, values: Any) -> ConfigError:
    """Return the error for a part that returned something else than its contract states."""
    found = f"a tensor of shape {tuple(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
    return ConfigError(
        f"expected {expected} from {_name(type(part))}, found {found}; the contract is {part.contract}",
        setting=f"model.{setting}",
    )


def _name(make: Any) -> str:
    make = make.func if isinstance(make, functools.partial) else make
    return f"{make.__module__}.{make.__qualname__}" if isinstance(make, type) else repr(make)
