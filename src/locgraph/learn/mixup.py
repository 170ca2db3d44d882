"""Mix-up: training on blends of two FOVs."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from locgraph.errors import ConfigError


class ManifoldMixup:
    """Blends the vector of each FOV with that of another of the batch, just before the head; the loss blends as well.

    Graphs of different sizes cannot be blended themselves, the vectors that the readout gives for them can: of the
    layers that the source draws from, this is one. The share of the first is drawn for each batch from
    Beta(``alpha``, ``alpha``).

    Args:
        alpha: Strength: near 0 almost nothing is blended, at 1 every share is as likely.

    Raises:
        ConfigError: ``alpha`` is not above 0.

    Source: Verma et al. 2019, "Manifold Mixup", arXiv 1806.05236.
    """

    def __init__(self, alpha: float = 0.2) -> None:
        if not 0.0 < alpha < math.inf:
            raise ConfigError(
                f"training.mixup.alpha must be above 0, found {alpha}; training/mixup=none blends nothing"
            )
        self.alpha = float(alpha)

    def __call__(self, network: Any, batch: Batch, target: Tensor, loss: nn.Module) -> Tensor:
        """Loss of one batch.

        Args:
            network: Has ``embed``, batch to one vector for each FOV (B, F), and ``head``, vectors to logits (B, K).
            batch: B graphs.
            target: Classes (B,) int64.
            loss: Logits and classes to a number.

        Returns:
            () float32.

        Raises:
            ConfigError: The head sees more than the vectors of FOVs.
        """
        if hasattr(network.head, "predicts"):
            raise ConfigError(
                "training/mixup=manifold blends vectors of FOVs, but the head of this model also reads localisations; "
                "use training/mixup=none, or model/head=classify"
            )
        vectors = network.embed(batch)
        # from the random stream of dropout, which is renewed for each epoch
        share = torch.distributions.Beta(self.alpha, self.alpha).sample().item()
        other = torch.randperm(len(target)).to(target.device)
        logits = network.head(share * vectors + (1.0 - share) * vectors[other])
        return share * loss(logits, target) + (1.0 - share) * loss(logits, target[other])
