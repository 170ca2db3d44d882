"""Scores of predicted probabilities against true classes, collected batch by batch."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.functional.classification import (
    binary_auroc,
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)
from torchmetrics.utilities import dim_zero_cat

from locgraph.data.stored import NO_LABEL


def fov_scores(probabilities: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Return accuracy, balanced accuracy, F1 and AUROC; the last three do not depend on the sizes of the classes.

    A class without FOVs counts neither in the balanced accuracy nor in the AUROC, as in scikit-learn.

    Args:
        probabilities: (FOVs, K), rows sum to 1.
        target: (FOVs,) int64, class of each FOV.

    Returns:
        ``accuracy``; ``balanced_accuracy``, the mean recall of the classes there are; ``f1``, its mean over the classes
        there are or that were predicted; ``auroc``, of each class against the rest, its mean over the classes there
        are, NaN where there is one alone.
    """
    n_classes = probabilities.shape[1]
    present = target.unique()
    recall = multiclass_accuracy(probabilities, target, n_classes, average="none")[present]
    # with a single class there is no rest to tell it from
    classes = present.tolist() if len(present) > 1 else []
    areas = [binary_auroc(probabilities[:, index], (target == index).long()) for index in classes]
    return {
        "accuracy": multiclass_accuracy(probabilities, target, n_classes, average="micro"),
        "balanced_accuracy": recall.mean(),
        "f1": multiclass_f1_score(probabilities, target, n_classes, average="macro"),
        "auroc": torch.stack(areas).mean() if areas else torch.full_like(recall.mean(), torch.nan),
    }


FOV_SCORES: Final = ("accuracy", "balanced_accuracy", "f1", "auroc", "loss")
"""Scores of FOVs."""
LOCALISATION_SCORES: Final = ("accuracy", "balanced_accuracy", "f1", "iou", "loss")
"""Scores of localisations."""

EMBEDDING_SCORES: Final = ("loss",)
"""Scores of representations."""


class FovScores(Metric):
    """Collects the predictions of FOVs over one pass, and scores them together."""

    full_state_update = False
    probabilities: list[Tensor]
    target: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("probabilities", default=[], dist_reduce_fx="cat")
        self.add_state("target", default=[], dist_reduce_fx="cat")

    def update(self, prediction: Any) -> None:
        """Add the ``probabilities`` (FOVs, K) and ``targets`` (FOVs,) of a batch."""
        self.probabilities.append(prediction.probabilities)
        self.target.append(prediction.targets)

    def compute(self) -> dict[str, Tensor]:
        """Return `fov_scores` of all batches, and ``loss``, the mean negative log-likelihood."""
        # those of all processes where several train together
        probabilities, target = dim_zero_cat(self.probabilities), dim_zero_cat(self.target)
        loss = functional.nll_loss(probabilities.clamp_min(1e-12).log(), target)
        return fov_scores(probabilities, target) | {"loss": loss}


class LocalisationScores(Metric):
    """Collects the predictions of localisations over one pass; those without a class do not count.

    Memory does not grow with their number: counts and sums are kept alone.

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
        """Add localisations: (N, K) and (N,) int64, ``NO_LABEL`` where there is no class."""
        known = target != NO_LABEL
        if not known.any():
            return
        probabilities, target = probabilities[known], target[known]
        self.confusion += multiclass_confusion_matrix(probabilities, target, self.n_classes)
        self.loss += functional.nll_loss(probabilities.double().clamp_min(1e-12).log(), target, reduction="sum")

    def compute(self) -> dict[str, Tensor]:
        """Return the scores of all batches; NaN where no localisation has a class.

        Returns:
            ``accuracy``; ``balanced_accuracy``, ``f1`` and ``iou``, the means of `scores_by_class`; ``loss``, the mean
            negative log-likelihood.
        """
        means = {name: values.nanmean() for name, values in scores_by_class(self.confusion).items()}
        return {
            "accuracy": self.confusion.diagonal().sum() / self.confusion.sum(),
            "balanced_accuracy": means["recall"],
            "f1": means["f1"],
            "iou": means["iou"],
            "loss": (self.loss / self.confusion.sum()).float(),
        }


class TaskScores(nn.Module):
    """Scores of localisations, and of FOVs where they get a class.

    Args:
        n_classes: Classes of localisations, K'.
        localisation_weight: Weight of the loss of localisations beside that of FOVs; None where FOVs get no class.
    """

    def __init__(self, n_classes: int, localisation_weight: float | None) -> None:
        super().__init__()
        self.localisations, self.localisation_weight = LocalisationScores(n_classes), localisation_weight
        self.fovs = None if localisation_weight is None else FovScores()

    def update(self, prediction: Any) -> None:
        """Add the prediction of one batch."""
        if self.fovs is not None:
            self.fovs.update(prediction.fovs)
        for labels, probabilities in prediction.localisations:
            self.localisations.update(probabilities, labels)

    def compute(self) -> dict[str, Tensor]:
        """Return the scores of all batches."""
        scores = self.localisations.compute()
        if self.fovs is None or self.localisation_weight is None:
            return scores
        of_fovs = self.fovs.compute()
        loss = of_fovs["loss"] + self.localisation_weight * scores.pop("loss")
        return of_fovs | {f"localisation_{name}": value for name, value in scores.items()} | {"loss": loss}

    def reset(self) -> None:
        """Forget all batches."""
        self.localisations.reset()
        if self.fovs is not None:
            self.fovs.reset()


def scores_by_class(confusion: Tensor) -> dict[str, Tensor]:
    """Return the scores of each class.

    Args:
        confusion: Counts (K, K), rows are true classes.

    Returns:
        Each (K,) float32, NaN where it does not exist: ``recall``, for classes there are; ``f1`` and ``iou``, the
        intersection over union of true and predicted members, for classes there are or that were predicted.
    """
    right = confusion.diagonal().float()
    true, predicted = confusion.sum(dim=1).float(), confusion.sum(dim=0).float()
    return {"recall": right / true, "f1": 2 * right / (true + predicted), "iou": right / (true + predicted - right)}
