"""The LightningModule of networks that name classes of localisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.data.dataset import NO_LABEL
from locgraph.errors import ConfigError
from locgraph.learn.localisation_scores import LocalisationScores
from locgraph.learn.losses import CrossEntropy
from locgraph.learn.module import Classifier
from locgraph.learn.scores import FovScores
from locgraph.nn.network import Network
from locgraph.nn.precision import no_autocast, pool

BESIDE = "localisation_"
"""What names of scores of localisations start with where FOVs are scored as well."""


class Segmented(NamedTuple):
    """What a network says of a batch of FOVs.

    Attributes:
        fov_ids: The FOVs.
        targets: Index of the class of each (FOVs,), or ``NO_LABEL``.
        probabilities: (FOVs, K), the mean over views; None where it names no classes of FOVs.
        localisations: For each FOV the classes (n,) of its localisations in view 0, or ``NO_LABEL``, and their
            probabilities (n, K'), in the order of the table of localisations.
    """

    fov_ids: list[str]
    targets: Tensor
    probabilities: Tensor | None
    localisations: list[tuple[Tensor, Tensor]]


class Segmenter(Classifier):
    """Trains a network to name the classes of localisations, and that of their FOV if its head does both.

    Validation, test and prediction look at view 0 alone, since other views hold other localisations; the class of a
    FOV is that of all its views. As in `Classifier`, the loss of validation is unweighted.

    Args:
        network: Batch of graphs to logits by node type.
        *arguments: As those of `Classifier`.
        localisation_classes: Classes of localisations in the order of the logits (K').
        localisation_loss: Logits (N, K') and classes (N,) of those that have one to a number; None is plain
            cross-entropy.
        localisation_weight: Weight of that loss beside that of FOVs.
        **settings: As those of `Classifier`.

    Raises:
        ConfigError: FOVs would be blended, or the weight is not above 0.
    """

    network: Network

    def __init__(
        self,
        network: Network,
        *arguments: Any,
        localisation_classes: Sequence[str],
        localisation_loss: nn.Module | None = None,
        localisation_weight: float = 1.0,
        **settings: Any,
    ) -> None:
        super().__init__(network, *arguments, **settings)
        if self.mixup is not None:
            raise ConfigError(
                "training/mixup=manifold blends vectors of FOVs, but the head of this model also reads localisations; "
                "use training/mixup=none, or model/head=classify"
            )
        if not 0.0 < localisation_weight < float("inf"):
            raise ConfigError(f"training.localisation_weight must be above 0, found {localisation_weight}")
        self.names_fovs = schema.FIELD_OF_VIEW in network.predicts
        self.localisation_classes = tuple(localisation_classes)
        self.localisation_loss = localisation_loss or CrossEntropy()
        self.localisation_weight = localisation_weight
        n_classes = len(self.localisation_classes)
        self.val_localisations, self.test_localisations = LocalisationScores(n_classes), LocalisationScores(n_classes)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch, one view of each FOV."""
        target = batch[schema.TARGET][batch["fov"]]
        said = self.network.logits(batch)
        loss = self._localisation_loss(said[schema.LOCALISATION], batch[schema.LOCALISATION][schema.LOC_LABEL])
        if self.names_fovs:
            loss = self.loss(said[schema.FIELD_OF_VIEW], target) + self.localisation_weight * loss
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(target), prog_bar=True)
        return loss

    def _localisation_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss () float32 of the localisations that have a class; 0 where none has."""
        known = labels != NO_LABEL
        if not known.any():
            return 0.0 * logits.float().sum()
        loss: Tensor = self.localisation_loss(logits.float()[known], labels[known])
        return loss

    def predict_step(self, batch: Batch, batch_index: int) -> Segmented:
        """What the network says of a batch, in 32 bits."""
        fov = batch["fov"]
        with no_autocast(self.device):
            said = self.network.logits(batch)
            each = torch.softmax(said[schema.LOCALISATION].float(), dim=1)
            probabilities = None
            if self.names_fovs:
                of_views = torch.softmax(said[schema.FIELD_OF_VIEW].float(), dim=1)
                probabilities = pool(of_views, fov, len(batch[schema.TARGET]), "mean")
        node = batch[schema.LOCALISATION]
        sizes = torch.bincount(node.batch, minlength=len(fov)).tolist()
        labels, parts = node[schema.LOC_LABEL].split(sizes), each.split(sizes)
        of_graph = fov.tolist()
        first = [index for index, of in enumerate(of_graph) if index == 0 or of != of_graph[index - 1]]
        rows = [(labels[index], parts[index]) for index in first]
        return Segmented(list(batch[schema.FOV_ID]), batch[schema.TARGET], probabilities, rows)

    def _gather(self, batch: Batch, scores: FovScores, localisations: LocalisationScores) -> None:
        said = self.predict_step(batch, 0)
        if said.probabilities is not None:
            scores.update(said.probabilities, said.targets)
        for labels, probabilities in said.localisations:
            localisations.update(probabilities, labels)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Gathers what the network says of validation FOVs."""
        self._gather(batch, self.val_scores, self.val_localisations)

    def on_validation_epoch_end(self) -> None:
        """Logs loss and metrics of validation."""
        self._log_all("val", self.val_scores, self.val_localisations)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Gathers what the network says of test FOVs."""
        self._gather(batch, self.test_scores, self.test_localisations)

    def on_test_epoch_end(self) -> None:
        """Logs loss and metrics of the test."""
        self._log_all("test", self.test_scores, self.test_localisations)

    def _log_all(self, side: str, scores: FovScores, localisations: LocalisationScores) -> None:
        found = localisations.compute()
        localisations.reset()
        loss = found["loss"]
        if self.names_fovs:
            probabilities, target = torch.cat(scores.probabilities), torch.cat(scores.target)
            of_fovs = functional.nll_loss(probabilities.clamp_min(1e-12).log(), target)
            loss = of_fovs + self.localisation_weight * loss
            self._log_scores(side, scores)
            found = {BESIDE + name: value for name, value in found.items()}
        self.log_dict({f"{side}/{name}": value for name, value in found.items() if name != "loss"})
        self.log(f"{side}/loss", loss, prog_bar=side == "val")
