"""A trained network: the vectors that it computes, and localisations from vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import polars as pl
import torch

from locgraph import schema
from locgraph.api.device import check_device, fixed_threads
from locgraph.api.models.trained_data import TrainedData
from locgraph.api.sources import Source
from locgraph.api.training.parts import quiet
from locgraph.data.datamodule import GraphDataModule, LoaderSettings
from locgraph.data.folds import Split
from locgraph.data.prepared import Prepared
from locgraph.data.scaling import Scaler, ScalingSettings
from locgraph.errors import ConfigError, within
from locgraph.io.columns import ColumnMap
from locgraph.learn.checkpoint import Checkpoint
from locgraph.learn.module import Predictor
from locgraph.learn.tabulate import add_labels
from locgraph.learn.tasks.representation import describe_embeddings, head_of
from locgraph.learn.vectors import FOV, Embedder, vector_tables
from locgraph.run_folder import EMBEDDINGS, THREADS

NEW = "new"
"""Value of the column ``split`` for FOVs that no run knows."""


class TrainedNetwork(TrainedData):
    """A trained network with its task, and the vectors that it computes.

    Args:
        checkpoint: The checkpoint.

    Attributes:
        network: The network, in evaluation mode.
        task: What it predicts.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self.network = checkpoint.network()
        self.task = checkpoint.task(self.network)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes of FOVs, in the order of their probabilities."""
        return self.task.class_names

    @property
    def fold(self) -> int:
        """Index of the fold that the model was trained on."""
        return int(self.record["settings"]["fold"]["index"])

    def data(self, prepared: Prepared, fov_ids: Sequence[str], batch_size: int | None = None) -> GraphDataModule:
        """Return FOVs as batches, scaled as the network expects them."""
        loader = self.record["settings"]["loader"] | ({} if batch_size is None else {"batch_size": batch_size})
        with within("loader"):
            settings = LoaderSettings(**loader)
        return GraphDataModule(
            store=prepared.store,
            split=Split((), (), tuple(fov_ids)),
            labels=prepared.labels,
            class_names=self.class_names,
            loader=settings,
            scaling=ScalingSettings(),
            localisations=self.record["settings"]["graph"]["localisations"],
            scaler=Scaler.from_plain(self.record["scaler"]),
            localisation_classes=self.task.localisation_classes,
        )

    def trainer(self, accelerator: str) -> lightning.Trainer:
        """Return what runs the network: on ``auto``, ``cpu`` or ``gpu``."""
        check_device({"accelerator": accelerator})
        with quiet():
            return lightning.Trainer(
                accelerator=accelerator,
                devices=1,
                logger=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                enable_checkpointing=False,
            )

    def embed(
        self, source: Source, kind: str | None = None, *, columns: Mapping[str, Any] | ColumnMap | None = None
    ) -> pl.DataFrame:
        """Return the vectors that the network computes.

        Args:
            source: As for `predict`.
            kind: ``fov``, ``cluster`` or ``localisation``: vectors inside the network. None takes those that a
                representation learned of its units, and of a network with classes those of FOVs.
            columns: As for `predict`.

        Returns:
            One row for each, with ``fov_id``, ``label`` (null where unknown) and ``v_0``, ``v_1``, ...; units of an
            autoencoder also have their ``error``, the loss.

        Raises:
            ConfigError: The network has no vectors of this kind.
        """
        with self.prepared(source, columns) as prepared:
            return self.embed_prepared(prepared, kind=kind).drop(schema.FOLD, schema.SPLIT)

    def embed_prepared(
        self,
        prepared: Prepared,
        fov_ids: Sequence[str] | None = None,
        *,
        kind: str | None = None,
        batch_size: int | None = None,
        accelerator: str = "auto",
    ) -> pl.DataFrame:
        """Return the vectors of prepared FOVs; see `embed`.

        Args:
            prepared: Manifest, tables and graphs.
            fov_ids: FOVs to embed; None embeds all.
            kind: As for `embed`.
            batch_size: FOVs in a batch; None takes that of the training.
            accelerator: ``auto``, ``cpu`` or ``gpu``.

        Raises:
            ConfigError: The network has no vectors of this kind.
        """
        fov_ids = list(prepared.labels) if fov_ids is None else list(fov_ids)
        loader = self.data(prepared, fov_ids, batch_size).evaluation_dataloader(fov_ids)
        if kind is None and self.task.embeds:
            with quiet(), fixed_threads(self.record.get(THREADS, 1)):
                batches: Any = self.trainer(accelerator).predict(Predictor(self.network, self.task), loader)
            return add_labels(self.task.tables(batches, self.fold, NEW)[EMBEDDINGS], prepared.labels)
        embedder = Embedder(self.network, [kind or FOV], "kind")
        with quiet(), fixed_threads(self.record.get(THREADS, 1)):
            (table,) = vector_tables(self.trainer(accelerator), embedder, loader, self.fold, NEW).values()
        return add_labels(table, prepared.labels)

    def decode(self, vectors: np.ndarray) -> np.ndarray:
        """Turn the vectors of units into localisations.

        Args:
            vectors: (U, L), as `embed` returns them, or any between.

        Returns:
            (U, P, D) float64 nm, relative to the centre of each unit; in units of the extent of a FOV where the model
            was trained with ``scaling.positions=per_fov``. Where vectors do not depend on rotation, in a frame of their
            own.

        Raises:
            ConfigError: The model does not decode, or the vectors are of another size.
        """
        if not self.task.embeds:
            raise ConfigError(
                f"{self.checkpoint.path} classifies, and has no decoder; train an autoencoder, such as "
                "experiment=represent/autoencoder"
            )
        head = head_of(self.network)
        values = np.asarray(vectors, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != head.latent_channels:
            raise ConfigError(
                f"expected vectors of shape (any, {head.latent_channels}), found {values.shape}", setting="vectors"
            )
        with torch.no_grad(), fixed_threads(self.record.get(THREADS, 1)):
            clouds = head.decode(torch.from_numpy(values)).double().numpy()
        return clouds * (Scaler.from_plain(self.record["scaler"]).nm_per_unit or 1.0)

    def describe_embeddings(self, table: pl.DataFrame, tables: Path) -> dict[str, Any]:
        """Return what ``embeddings.json`` holds of embeddings of this model.

        Args:
            table: The embeddings.
            tables: Folder of the featextracted tables of their FOVs.
        """
        return describe_embeddings(self.network, table, tables)
