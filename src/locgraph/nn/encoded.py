"""What a head that looks below the vector of the FOV is handed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch_geometric.data import HeteroData


@dataclass(frozen=True)
class Encoded:
    """A batch of B graphs, and the vectors that the parts of a network made of it.

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
