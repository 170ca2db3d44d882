"""A localisation encoder that is invariant to rotation by construction: products of angular harmonics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.angular import ShellHarmonics, couplings
from locgraph.nn.base import LocEncoder
from locgraph.nn.clouds import Clouds
from locgraph.nn.layers import check_sizes, mlp
from locgraph.nn.localisations import check_stored
from locgraph.nn.precision import no_autocast
from locgraph.nn.sizes import DataSizes
from locgraph.settings import check_number, check_whole

_FIRST: Final = 10.0  # brings the mean of a shell, about 0.1, to order one
_TINY: Final = 1e-6  # keeps the gradient of roots finite


class Harmonics(LocEncoder):
    """Dense layers on products of angular harmonics that no rotation changes.

    The density of a cluster's localisations about their mean is expanded in shells and angular harmonics. Learned
    mixtures of the shells are multiplied with themselves (power spectrum), and three at a time (bispectrum), such that
    rotations cancel. No pose is estimated, so that symmetric structures are no exception; nothing depends on the number
    of localisations; neighbours and features of localisations are not read. Mirror images stay apart: in 2D by every
    triple, in 3D by the signed volume of three mixtures of degree 1.

    Args:
        sizes: Numbers from the data.
        channels: Sizes of the dense layers; the last is that of the vectors of clusters.
        mixtures: Number of mixtures of shells.
        degree: Highest degree of harmonics; more sees finer angles, and more noise.
        shells: Number of shells; their spacing is the resolution.
        longest: Radius of the last shell, in units of position.
        dropout: Probability that a hidden value is dropped in training.

    Raises:
        ConfigError: Localisations are not stored, or a number is out of range.

    Source of the invariants: Kakarala 2012, "The bispectrum as a source of phase-sensitive invariants for Fourier
    descriptors", 10.1007/s10851-012-0330-6; Bartók et al. 2013, "On representing chemical environments",
    10.1103/PhysRevB.87.184115.
    """

    uses_localisations = True

    def __init__(
        self,
        sizes: DataSizes,
        channels: Sequence[int] = (128, 128),
        mixtures: int = 24,
        degree: int = 5,
        shells: int = 20,
        longest: float = 3.0,
        dropout: float = 0.0,
    ) -> None:
        check_sizes("channels", channels)
        check_stored(sizes)
        check_whole("mixtures", mixtures, at_least=1)
        check_whole("degree", degree, at_least=1)
        check_whole("shells", shells, at_least=2)
        super().__init__(channels[-1])
        self.harmonics = ShellHarmonics(shells, check_number("longest", longest, above=0), degree)
        self.mix = nn.ParameterList(torch.randn(mixtures, shells) * _FIRST / shells**0.5 for _ in range(degree + 1))
        tensors = couplings(degree, sizes.dimensions)
        self.degrees = list(tensors)
        for degrees, tensor in tensors.items():
            self.register_buffer(_name(degrees), tensor, persistent=False)
        features = mixtures * (degree + 1 + sum(len(tensor) for tensor in tensors.values()))
        self.norm = nn.LayerNorm(features, elementwise_affine=False)
        self.layers = mlp([features, *channels], dropout)

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; see `LocEncoder.forward`."""
        with no_autocast(graph[schema.LOCALISATION][schema.POS].device):
            invariants = self.norm(self.invariants(Clouds.from_graph(graph, schema.CLUSTER)))
        return self.layers(invariants).float(), []

    def invariants(self, clouds: Clouds) -> Tensor:
        """Return what no rotation changes of the clouds of U units, (U, features) float32."""
        coefficients = self.harmonics(clouds)
        mixed = [torch.einsum("cr,urk->uck", mix, values) for mix, values in zip(self.mix, coefficients, strict=True)]
        power = torch.cat([values.square().sum(dim=2) for values in mixed], dim=1)
        triples = [power.new_empty(len(power), 0)]
        for degrees in self.degrees:
            a, b, c = (mixed[degree] for degree in degrees)
            if degrees == (1, 1, 1):  # a signed volume needs three different vectors
                b, c = b.roll(1, dims=1), c.roll(2, dims=1)
            triples.append(torch.einsum("tijk,uci,ucj,uck->uct", getattr(self, _name(degrees)), a, b, c).flatten(1))
        cubes = torch.cat(triples, dim=1)
        # roots bring products of two and of three, which span decades, to the scale of the coefficients
        return torch.cat([(power + _TINY).sqrt(), cubes * (cubes.square() + _TINY).pow(-1 / 3)], dim=1)


def _name(degrees: tuple[int, int, int]) -> str:
    return "coupling_" + "_".join(str(degree) for degree in degrees)
