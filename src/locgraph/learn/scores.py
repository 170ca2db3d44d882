"""Scores of predicted probabilities against the truth."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc, multiclass_accuracy, multiclass_f1_score


def fov_scores(probabilities: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Accuracy, balanced accuracy, F1 and AUROC; the last three do not depend on how frequent the classes are.

    A class that no FOV is of counts neither in the balanced accuracy nor in the AUROC, as in scikit-learn.

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
    # a class that every FOV is of has no rest to be told from
    classes = present.tolist() if len(present) > 1 else []
    areas = [binary_auroc(probabilities[:, index], (target == index).long()) for index in classes]
    return {
        "accuracy": multiclass_accuracy(probabilities, target, n_classes, average="micro"),
        "balanced_accuracy": recall.mean(),
        "f1": multiclass_f1_score(probabilities, target, n_classes, average="macro"),
        "auroc": torch.stack(areas).mean() if areas else torch.full_like(recall.mean(), torch.nan),
    }


class FovScores(Metric):
    """Gathers the batches of one pass over the FOVs of a side, and scores them together."""

    full_state_update = False
    probabilities: list[Tensor]
    target: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("probabilities", default=[], dist_reduce_fx="cat")
        self.add_state("target", default=[], dist_reduce_fx="cat")

    def update(self, probabilities: Tensor, target: Tensor) -> None:
        """Adds a batch: (FOVs, K) and (FOVs,) int64."""
        self.probabilities.append(probabilities)
        self.target.append(target)

    def compute(self) -> dict[str, Tensor]:
        """The scores of all batches; see `fov_scores`."""
        return fov_scores(torch.cat(self.probabilities), torch.cat(self.target))
