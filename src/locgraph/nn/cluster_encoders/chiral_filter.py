"""Continuous filters on distances and signed angles between clusters: they tell a shape from its mirror image."""

from __future__ import annotations

import torch
from torch import Tensor

from locgraph.nn.angles import cosines, sines
from locgraph.nn.cluster_encoders.angular_filter import AngularFilter


class ChiralFilter(AngularFilter):
    """As ``AngularFilter``, with angles that know left from right.

    Invariant to rotation and shift by construction, and not to reflection: digits and letters are chiral. In 3D left
    and right are the two sides of the plane that a cluster spans with its neighbours. Train it without the reflection
    augmentation where the mirror image is another class.

    The arguments are those of ``AngularFilter``.
    """

    angles_per_harmonic = 2

    def angles(self, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Expanded angle of each edge, cosines and sines: (E, 2 harmonics) float32."""
        functions = (cosines, sines)
        return torch.cat([function(positions, edge_index, self.harmonics) for function in functions], dim=1)
