"""Representations: a vector of each unit, learned without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import polars as pl
import torch
from torch import Tensor
from torch_geometric.data import Batch
from torchmetrics import Metric

from locgraph import schema
from locgraph.data.datamodule import GraphDataModule
from locgraph.data.folds import VALIDATION
from locgraph.data.sampler import EpochSampler
from locgraph.errors import ConfigError
from locgraph.io.manifest import Manifest
from locgraph.learn.losses import CrossEntropy
from locgraph.learn.tasks.base import LossSettings, Task
from locgraph.learn.vectors import key_columns, vector_columns
from locgraph.nn.network import Network
from locgraph.nn.precision import pool
from locgraph.nn.representation import RepresentationHead
from locgraph.run_folder import CLASSIFIER, EMBEDDINGS, HOW_LEARNED, REPRESENTATION, UNSUPERVISED


class Embedding(NamedTuple):
    """Vectors of the units of a batch of FOVs.

    Attributes:
        fov_ids: The FOVs.
        vectors: Those of the units of each FOV (n, L) float32: one, or one for each cluster of view 0.
        errors: Loss of each of these units (n,) float32.
        unit: Kind of the units: ``fov`` or ``cluster``.
        alone: Whether an error is that of its unit, whatever else is in the batch.
    """

    fov_ids: list[str]
    vectors: list[Tensor]
    errors: list[Tensor]
    unit: str
    alone: bool

    def not_finite(self) -> list[str]:
        """Return the FOVs with vectors or errors that are not finite."""
        rows = zip(self.fov_ids, self.vectors, self.errors, strict=True)
        return [name for name, vectors, errors in rows if not (vectors.isfinite().all() and errors.isfinite().all())]


class EmbeddingScores(Metric):
    """Means of what the units of one pass are wrong by."""

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Embedding) -> None:
        """Add the errors of a batch."""
        for errors in prediction.errors:
            self.total += errors.double().sum()
            self.count += len(errors)

    def compute(self) -> dict[str, Tensor]:
        """Return ``loss``, the mean over all units."""
        return {"loss": (self.total / self.count).float()}


class RepresentationTask(Task):
    """Learn a vector of each unit, a FOV or a cluster, without labels: it knows no class.

    What is minimised belongs to the head: see `locgraph.nn.representation.RepresentationHead`. The vector of a FOV is
    the mean over its views; clusters are those of view 0.
    """

    predicts: ClassVar[tuple[str, ...]] = (schema.REPRESENTATION,)
    class_names = ()

    @classmethod
    def from_manifest(cls, manifest: Manifest, localisation_classes: Sequence[str] | None = None) -> Self:
        """Make the task; no labels are needed.

        Raises:
            ConfigError: Classes of localisations are named.
        """
        if localisation_classes is not None:
            raise ConfigError(
                "has no effect on representations, which need no labels; set it to null",
                setting="data.localisation_classes",
            )
        return cls()

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Make the task that a checkpoint records."""
        return cls()

    @property
    def predicts_fovs(self) -> bool:
        """Whether FOVs get a class: never."""
        return False

    @property
    def embeds(self) -> bool:
        """Whether units get a vector in place of a class."""
        return True

    def foldable(self, manifest: Manifest) -> Manifest:
        """Return the FOVs that folds are made of: all; by class where every FOV has one, else without classes."""
        labels = manifest.table[schema.LABEL]
        if not labels.is_null().any():
            return manifest
        without = manifest.table.with_columns(pl.lit(None, dtype=pl.String).alias(schema.LABEL))
        return replace(manifest, table=without, class_names=())

    def check_sampler(self, sampler: type[EpochSampler] | Any, manifest: Manifest) -> None:
        """Refuse to draw FOVs by class: labels would guide what is learned without them.

        Raises:
            ConfigError: The sampler balances classes of FOVs.
        """
        if sampler.balances_classes:
            raise ConfigError(
                "draws FOVs by class, and representations are learned without labels; use training/sampler=shuffled",
                setting="training.sampler",
            )

    def configure_losses(self, settings: LossSettings, data: GraphDataModule) -> None:
        """Refuse settings of losses of classes: the loss of a representation is that of its head.

        Raises:
            ConfigError: A setting would have no effect.
        """
        del data
        if settings.mixup is not None:
            raise ConfigError("blends classes, and representations have none; use training/mixup=none", setting="mixup")
        if settings.class_weights != "none":
            raise ConfigError(
                f"weighs classes, and representations have none; expected none, found {settings.class_weights!r}",
                setting="class_weights",
            )
        if type(settings.make_loss(None)) is not CrossEntropy:
            raise ConfigError(
                "is a loss of classes; that of a representation is a setting of its head, model.head; use "
                "training/loss=cross_entropy, which stands for none",
                setting="loss",
            )

    def losses(self, network: Network, batch: Batch) -> list[Tensor]:
        """Return the loss of a training batch, as the head defines it."""
        return [head_of(network).loss(network.encode(batch))]

    def loss_weights(self, batch: Batch) -> list[Tensor]:
        """Return the number of graphs of the batch."""
        return [torch.tensor(float(batch.num_graphs), device=batch[schema.TARGET].device)]

    def predict(self, network: Network, batch: Batch) -> Embedding:
        """Return vectors and errors of the units of a batch."""
        head, fov_ids = head_of(network), list(batch[schema.FOV_ID])
        encoded = network.encode(batch)
        vectors, errors = head.latents(encoded).float(), head.errors(encoded).float()
        of_graph = batch[schema.FOV]
        if head.unit == schema.CLUSTER:
            sizes = torch.bincount(batch[schema.CLUSTER].batch, minlength=len(of_graph)).tolist()
            # the views of a FOV follow each other, the whole FOV first
            wanted = torch.arange(len(fov_ids), device=of_graph.device)
            first = torch.searchsorted(of_graph, wanted).tolist()
            parts, wrong = vectors.split(sizes), errors.split(sizes)
            of_fovs = [(parts[index].cpu(), wrong[index].cpu()) for index in first]
        else:
            means = [pool(values, of_graph, len(fov_ids), "mean").cpu() for values in (vectors, errors[:, None])]
            of_fovs = [(vector[None], error) for vector, error in zip(*means, strict=True)]
        parts = ([vectors for vectors, _ in of_fovs], [errors for _, errors in of_fovs])
        return Embedding(fov_ids, *parts, unit=head.unit, alone=head.decodes)

    def make_scores(self) -> EmbeddingScores:
        """Return a new collector of scores."""
        return EmbeddingScores()

    def tables(self, predictions: Sequence[Embedding], fold: int, split: str) -> dict[str, pl.DataFrame]:
        """Return ``embeddings.parquet``: see `embedding_table`."""
        return {EMBEDDINGS: embedding_table(predictions, fold, split)}

    def epoch_table(self, predictions: Sequence[Embedding], fold: int | None) -> pl.DataFrame:
        """Return the mean error and the mean vector of the units of each FOV; NaN where it has none."""
        names = [name for batch in predictions for name in batch.fov_ids]
        errors = torch.stack([each.mean() for batch in predictions for each in batch.errors])
        vectors = torch.stack([each.mean(dim=0) for batch in predictions for each in batch.vectors])
        keys = {schema.FOV_ID: names, schema.FOLD: pl.Series([fold] * len(names), dtype=pl.Int64)}
        keys |= {schema.SPLIT: [VALIDATION] * len(names), schema.ERROR: errors.cpu().numpy()}
        return pl.DataFrame(keys | vector_columns(vectors.cpu().numpy()))

    def score(self, predictions: Sequence[Embedding], side: str) -> dict[str, Any]:
        """Return the mean error of the units of one side, and their number; and ``scored``, which states this."""
        scores = EmbeddingScores()
        for prediction in predictions:
            scores.update(prediction)
        return {"scored": REPRESENTATION, side: {"loss": scores.compute()["loss"].item(), "units": int(scores.count)}}


def head_of(network: Network) -> RepresentationHead:
    """Return the head of a network that represents.

    Raises:
        ConfigError: The head classifies.
    """
    if not isinstance(network.head, RepresentationHead):
        raise ConfigError(
            f"expected a subclass of {RepresentationHead.__module__}.{RepresentationHead.__name__}, found "
            f"{type(network.head).__name__}, which claims to represent",
            setting="model.head",
        )
    return network.head


def embedding_table(predictions: Sequence[Embedding], fold: int, split: str) -> pl.DataFrame:
    """Return one row for each unit.

    Args:
        predictions: Vectors of each batch.
        fold: Index of the fold.
        split: ``train``, ``val``, ``test`` or ``new``.

    Returns:
        Columns ``fov_id``; of clusters also ``cluster_id``; ``fold``, ``split``, ``error`` where it is that of the unit
        alone, and ``v_0``, ``v_1``, ... Float32.
    """
    names = [name for batch in predictions for name in batch.fov_ids]
    sizes = [len(vectors) for batch in predictions for vectors in batch.vectors]
    errors = torch.cat([errors for batch in predictions for errors in batch.errors]).numpy()
    vectors = torch.cat([vectors for batch in predictions for vectors in batch.vectors]).numpy()
    keys = key_columns(names, sizes, predictions[0].unit, fold, split)
    if predictions[0].alone:
        keys |= {schema.ERROR: errors}
    return pl.DataFrame(keys | vector_columns(vectors))


def describe_embeddings(network: Network, table: pl.DataFrame, tables: Path) -> dict[str, Any]:
    """Return what ``embeddings.json`` holds beside the table.

    Args:
        network: The network.
        table: The embeddings.
        tables: Folder of the featextracted tables of their FOVs.

    Returns:
        ``units``, ``tables``, ``parameters``, ``unit``, ``learned``, ``latent_channels`` and ``decodes``.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    about = {"units": table.height, "tables": str(tables), "parameters": parameters}
    if not isinstance(network.head, RepresentationHead):
        channels = network.readout.out_channels
        return about | {"unit": schema.FOV, HOW_LEARNED: CLASSIFIER, "latent_channels": channels, "decodes": False}
    head = network.head
    return about | {
        "unit": head.unit,
        HOW_LEARNED: UNSUPERVISED,
        "latent_channels": head.latent_channels,
        "decodes": head.decodes,
    }
