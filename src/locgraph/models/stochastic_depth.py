"""Stochastic depth: residual branches that are skipped at random in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from locgraph.models.mlp import check_dropout


class StochasticDepth(nn.Module):
    """Skips a residual branch for whole graphs: ``x + skip(branch(x), batch, n_graphs)``.

    What is kept is scaled up, so that the mean stays; in evaluation nothing is skipped.

    Args:
        probability: Probability that the branch is skipped for a graph.

    Raises:
        ConfigError: ``probability`` is out of range.

    Source: Huang et al. 2016, "Deep Networks with Stochastic Depth", arXiv 1603.09382.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        check_dropout(probability)
        self.probability = probability

    def forward(self, branch: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """The branch, 0 where it is skipped.

        Args:
            branch: (C, F), what a residual connection would add.
            batch: (C,) int64, the graph of each row.
            n_graphs: Number of graphs.

        Returns:
            (C, F), of the type of ``branch``.
        """
        if not self.training or self.probability == 0.0:
            return branch
        kept = torch.rand(n_graphs, device=branch.device) >= self.probability
        return branch * (kept / (1.0 - self.probability)).to(branch.dtype)[batch][:, None]
