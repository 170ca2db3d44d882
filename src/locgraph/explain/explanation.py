"""What an explainer says of one FOV."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Explanation:
    """Scores of the parts of one graph: larger speaks more for the explained class.

    Scores are comparable within one explanation, not between explainers. All tensors are on the CPU.

    Attributes:
        clusters: (C,) float32, one score for each cluster, in their order in the graph.
        localisations: (N,) float32, one for each localisation, in their order in the graph; None where the explainer
            does not look inside clusters.
        edges: (E,) float32, one for each edge between clusters; None where it does not score them.
        features: (F,) float32, one for each feature of clusters; None where it does not score them.
        subgraph: (C,) bool, the clusters that explain the class together; None where the explainer names none.
    """

    clusters: Tensor
    localisations: Tensor | None = None
    edges: Tensor | None = None
    features: Tensor | None = None
    subgraph: Tensor | None = None
