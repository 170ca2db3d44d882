"""A localisation encoder that is invariant to rotation, and tells mirror images apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.base import LocEncoder
from locgraph.nn.layers import check_sizes, mlp
from locgraph.nn.localisations import check_stored, from_centre, owners
from locgraph.nn.messages import Aggregate
from locgraph.nn.precision import no_autocast, pool
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes
from locgraph.settings import check_whole

_SOFTNESS: Final = 0.1
"""Vectors much shorter than this have no direction: it fades out instead of jumping."""

_TINY: Final = 1e-12  # keeps the gradient of vectors of length 0 finite


class VectorNeurons(LocEncoder):
    """Layers on vectors that turn with the localisations, of which only what no rotation changes reaches the result.

    In each layer a localisation receives numbers and vectors from its neighbours: directions to them, each channel
    weighted by a small network of numbers that do not depend on rotation. Vectors are mixed by matrices over their
    channels, which commute with rotations. The lengths of vectors, their inner products, and the signed area that two
    of them span in 2D, or the signed volume of three in 3D, become numbers of the localisation. These numbers alone are
    reduced over the cluster, beside those of the mean vectors.

    The first layer is among the localisations, each further one among the points of the next sampled level, as far as
    the graphs have one: neighbours of a few points spread over the cluster see its whole shape, those of all
    localisations what is near. Between two levels a point takes the largest numbers among its nearest points below.

    The result is invariant to every rotation (SO(2) in 2D, SO(3) in 3D), while signed areas and volumes tell mirror
    images apart. No pose is estimated: a cluster with a symmetry axis, whose mean vectors are 0, loses nothing of what
    its localisations are. A 2D cluster is not a flat one in 3D, which a rotation turns into its mirror image.

    Args:
        sizes: Numbers from the data.
        channels: Numbers of a point after each layer; the last is also the size of the vectors of clusters.
        vectors: Vectors of a localisation in each layer.

    Raises:
        ConfigError: The store holds no localisations, or a size is below 1.

    Source: Deng et al. 2021, "Vector neurons", arXiv 2104.12229, for maps over channels of vectors and their
    invariants; Schuett et al. 2021, "Equivariant message passing", arXiv 2102.03036, for vectors weighted by numbers.
    """

    uses_localisations = True

    def __init__(self, sizes: DataSizes, channels: Sequence[int] = (32, 32, 64), vectors: int = 8) -> None:
        check_sizes("channels", channels)
        check_whole("vectors", vectors, at_least=1)
        check_stored(sizes)
        self.levels = [min(index, sizes.levels - 1) for index in range(len(channels))]
        # of the last layer on each level
        super().__init__(channels[-1], [*channels[: self.levels[-1]], channels[-1]])
        self.lift = mlp([1 + sizes.localisation_features, channels[0]], last_plain=False)
        ins = [channels[0], *channels]
        self.layers = nn.ModuleList(
            _Layer(size_in, size_out, vectors, sizes.dimensions) for size_in, size_out in pairwise(ins)
        )
        self.of_mean = _Invariants(vectors, vectors)
        self.together = mlp([2 * channels[-1] + self.of_mean.out_channels, channels[-1]], last_plain=False)

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; see `LocEncoder.forward`."""
        n_clusters, level, geometry = graph[schema.CLUSTER].num_nodes, 0, _Geometry.of_level(graph, 0)
        x = self.lift(torch.cat([geometry.lengths, graph[schema.LOCALISATION][schema.FEATURES]], dim=1))
        levels: list[Tensor] = []
        for layer, next_level in zip(self.layers, self.levels, strict=True):
            if next_level > level:
                levels.append(x)
                below, above = graph[schema.level_pooled(level)].edge_index
                x = pool(gather(x, below), above, graph[schema.level(next_level)].num_nodes, "max")
                level, geometry = next_level, _Geometry.of_level(graph, next_level)
            x, of_cluster = layer(x, geometry, n_clusters)
        reduced = [pool(x, geometry.owner, n_clusters, name) for name in ("mean", "max")]
        return self.together(torch.cat([*reduced, self.of_mean(of_cluster)], dim=1)).float(), [*levels, x]


class _Geometry:
    """Positions of a level from the centre, offsets along its edges, and numbers of both that no rotation changes.

    Attributes:
        edges: Source and target of each edge (2, E) int64.
        owner: Cluster of each localisation (N,) int64.
        positions: The positions (N, D).
        directions: Direction of the offset from the target to the source of each edge (E, D).
        lengths: Distance of each localisation from the centre (N, 1).
        of_edges: Of each edge (E, 3): its length, its part along the direction from the centre, and its part across;
            the last with a sign in 2D.
    """

    @classmethod
    def of_level(cls, graph: HeteroData, index: int) -> _Geometry:
        """Return the geometry of one level of a batch, in 32 bits."""
        positions = from_centre(graph, index)
        with no_autocast(positions.device):
            return cls(positions.float(), graph[schema.level_near(index)].edge_index, owners(graph, index))

    def __init__(self, positions: Tensor, edges: Tensor, owner: Tensor) -> None:
        self.positions, self.edges, self.owner = positions, edges, owner
        self.lengths = _length(positions)[:, None]
        offsets = gather(positions, edges[0]) - gather(positions, edges[1])
        outwards = gather(_direction(positions), edges[1])
        along = (offsets * outwards).sum(dim=1)
        in_plane = positions.shape[1] == 2
        across = _area(outwards, offsets) if in_plane else _length(torch.linalg.cross(outwards, offsets))
        self.of_edges = torch.stack([_length(offsets), along, across], dim=1)
        self.directions = _direction(offsets)


class _Layer(nn.Module):
    """Numbers and vectors from the neighbours of each localisation, and the numbers that these vectors give."""

    def __init__(self, in_channels: int, out_channels: int, vectors: int, dimensions: int) -> None:
        super().__init__()
        self.target = nn.Linear(in_channels, out_channels)
        self.source = nn.Linear(in_channels, out_channels, bias=False)
        self.edge = nn.Linear(3, out_channels, bias=False)
        self.weights = nn.Linear(out_channels, vectors)
        self.aggregate = Aggregate("mean")
        self.vectors, self.dimensions = vectors, dimensions
        # of a localisation: its vectors, those of its cluster, and its position
        self.invariants = _Invariants(2 * vectors + 1, vectors)
        self.update = mlp([in_channels + out_channels + self.invariants.out_channels, out_channels], last_plain=False)

    def forward(self, x: Tensor, geometry: _Geometry, n_clusters: int) -> tuple[Tensor, Tensor]:
        """(N, in_channels) to (N, out_channels), and the mean vectors of the clusters (C, vectors, D)."""
        source, target = geometry.edges
        # in place: on a CPU as much time goes into new memory as into numbers
        numbers = gather(self.target(x), target)
        numbers += gather(self.source(x), source)
        numbers += self.edge(geometry.of_edges)
        numbers = nn.functional.silu(numbers)
        weighted = self.weights(numbers).float()[:, :, None] * geometry.directions[:, None]
        received = self.aggregate(torch.cat([numbers.float(), weighted.flatten(1)], dim=1), geometry.edges, len(x))
        numbers, vectors = received.tensor_split([numbers.shape[1]], dim=1)
        of_cluster = pool(vectors, geometry.owner, n_clusters, "mean")
        shape = (self.vectors, self.dimensions)
        there = torch.cat([vectors, gather(of_cluster, geometry.owner), geometry.positions], dim=1)
        invariants = self.invariants(there.unflatten(1, (2 * self.vectors + 1, self.dimensions)))
        return self.update(torch.cat([x, numbers, invariants], dim=1)), of_cluster.unflatten(1, shape)


class _Invariants(nn.Module):
    """Numbers of vectors (N, V, D) that no rotation changes: (N, out_channels) float32.

    Three mixtures of the vectors give, channel by channel, lengths, inner products and signed areas or volumes.
    """

    def __init__(self, in_vectors: int, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(in_vectors, 3 * channels, bias=False)
        self.out_channels = 3 * channels

    def forward(self, vectors: Tensor) -> Tensor:
        """(N, in_vectors, D) to (N, out_channels) float32."""
        with no_autocast(vectors.device):
            first, second, third = self.mix(vectors.float().transpose(1, 2)).transpose(1, 2).chunk(3, dim=1)
            # directions, so that all numbers are of the order of a length
            first, second = _direction(first), _direction(second)
            across = _area(first, third) if vectors.shape[2] == 2 else _volume(first, second, third)
            return torch.cat([_length(third), (second * third).sum(dim=2), across], dim=1)


def _length(vectors: Tensor) -> Tensor:
    return (vectors.square().sum(dim=-1) + _TINY).sqrt()


def _direction(vectors: Tensor) -> Tensor:
    return vectors / (vectors.square().sum(dim=-1, keepdim=True) + _SOFTNESS**2).sqrt()


def _volume(first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    return (torch.linalg.cross(first, second) * third).sum(dim=-1)


def _area(first: Tensor, second: Tensor) -> Tensor:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
