"""Grad-CAM: which clusters carry the vectors that the class hangs on."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from locgraph.explain.base import Example, Explainer
from locgraph.explain.explanation import Explanation
from locgraph.explain.frozen import frozen
from locgraph.explain.hooks import hooked
from locgraph.explain.inputs import log_odds
from locgraph.nn.network import Network
from locgraph.settings import check_flag


class GradCam(Explainer):
    """Vectors of the clusters after the cluster encoder, weighted by the mean gradient of each channel.

    The gradient is that of the log-odds of the class, log(p / (1 - p)); its mean is over the clusters. Works for every
    model that names the class of a FOV, and scores clusters alone. After the last layer a cluster's vector also holds
    what it heard from its neighbours.

    Args:
        relu: ``true`` sets scores below 0, of clusters that speak against the class, to 0, as in the paper.

    Raises:
        ConfigError: ``relu`` is neither true nor false.

    Source: Selvaraju et al. 2017, "Grad-CAM", arXiv 1610.02391; on graphs: Pope et al. 2019, "Explainability methods
    for graph convolutional neural networks", doi 10.1109/CVPR.2019.01103.
    """

    def __init__(self, relu: bool = True) -> None:
        self.relu = check_flag("explainer.relu", relu)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Scores clusters."""
        del generator
        vectors: list[Tensor] = []

        def start_here(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            vectors.append(output.detach().requires_grad_())
            return vectors[0]

        with frozen(network):
            with hooked([network.cluster_encoder], start_here):
                said = log_odds(network(example.graph), example.target)
            (gradient,) = torch.autograd.grad(said.sum(), vectors)
            scores = vectors[0].detach() @ gradient.mean(dim=0)
        return Explanation(scores.relu() if self.relu else scores)
