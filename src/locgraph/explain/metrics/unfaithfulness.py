"""Unfaithfulness: how far the answer to the selected clusters is from that to the whole FOV, over all classes."""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr

from locgraph.explain.metrics.probabilities import Parts


def unfaithfulness(parts: Parts) -> float:
    """GEF = 1 - exp(-KL(p(whole) || p(kept))): in [0, 1], lower is better; 0 where both are the same.

    PyG 2.8.1 takes the divergence the other way round, KL(p(kept) || p(whole)), against its own words.

    Args:
        parts: What the network says.

    Returns:
        The unfaithfulness; 1 where what is kept rules out a class that the whole allows.

    Source: Agarwal et al. 2023, "Evaluating explainability for graph neural networks", arXiv 2208.09339.
    """
    divergence = rel_entr(parts.whole.double().numpy(), parts.kept.double().numpy()).sum()
    # rounding may leave it a hair below 0
    return float(-np.expm1(-max(divergence, 0.0)))
