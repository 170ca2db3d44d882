"""Scores of the classes that a network names for single localisations."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.functional.classification import multiclass_confusion_matrix

from locgraph.data.dataset import NO_LABEL


class LocalisationScores(Metric):
    """Gathers the batches of one pass over a side; localisations without a class do not count.

    It keeps counts and sums alone, so that memory does not grow with the number of localisations.

    Args:
        n_classes: Number of classes K.
    """

    full_state_update = False
    confusion: Tensor
    loss: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.add_state("confusion", torch.zeros(n_classes, n_classes, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("loss", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, probabilities: Tensor, target: Tensor) -> None:
        """Adds localisations: (N, K) and (N,) int64, ``NO_LABEL`` where there is no class."""
        known = target != NO_LABEL
        if not known.any():
            return
        probabilities, target = probabilities[known], target[known]
        self.confusion += multiclass_confusion_matrix(probabilities, target, self.n_classes)
        self.loss += functional.nll_loss(probabilities.double().clamp_min(1e-12).log(), target, reduction="sum")

    def compute(self) -> dict[str, Tensor]:
        """Scores of all batches; NaN where no localisation has a class.

        Returns:
            ``accuracy``; ``balanced_accuracy``, ``f1`` and ``iou``, the means of what `by_class` gives; ``loss``, the
            mean negative log-likelihood.
        """
        means = {name: values.nanmean() for name, values in by_class(self.confusion).items()}
        return {
            "accuracy": self.confusion.diagonal().sum() / self.confusion.sum(),
            "balanced_accuracy": means["recall"],
            "f1": means["f1"],
            "iou": means["iou"],
            "loss": (self.loss / self.confusion.sum()).float(),
        }


def by_class(confusion: Tensor) -> dict[str, Tensor]:
    """Scores of each class.

    Args:
        confusion: Counts (K, K), rows are true classes.

    Returns:
        Each (K,) float32, NaN where it does not exist: ``recall``, the part of the class that is found, for classes
        there are; ``f1`` and ``iou``, the intersection over union of what is and what was called of the class, for
        classes there are or that were predicted.
    """
    right = confusion.diagonal().float()
    there, called = confusion.sum(dim=1).float(), confusion.sum(dim=0).float()
    return {"recall": right / there, "f1": 2 * right / (there + called), "iou": right / (there + called - right)}
