"""FOVs prepared as those of a training were, from the record of its checkpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.api.models.needs import Needs
from locgraph.api.prepare import Tables, make_graphs, make_tables, object_tables, read_catalogue
from locgraph.api.recipes import choose_prepared_dir, differing_settings, recorded_settings
from locgraph.api.sources import (
    Objects,
    Source,
    class_target,
    columns_settings,
    list_sources,
    nanometres,
    objects_settings,
    write_table,
)
from locgraph.build import TARGET
from locgraph.data.prepared import Prepared
from locgraph.errors import CheckpointError, DataError
from locgraph.io.catalogue import Catalogue
from locgraph.io.columns import ColumnMap
from locgraph.learn.checkpoint import Checkpoint
from locgraph.preparation.executors import Processes, Serial

_FEW_FOVS = 16
"""Up to this number of FOVs this process prepares them alone; starting others takes longer."""


class TrainedData:
    """Prepares FOVs as those of a training were.

    Args:
        checkpoint: The checkpoint, whose record holds all settings.

    Attributes:
        checkpoint: The same.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    @property
    def record(self) -> dict[str, Any]:
        """The record of the checkpoint: plain values."""
        return self.checkpoint.record

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the run, which may be changed: a copy."""
        return recorded_settings(self.record["settings"])

    @contextmanager
    def prepared(
        self,
        source: Source,
        columns: Mapping[str, Any] | ColumnMap | None = None,
        prepared_dir: str | Path | None = None,
        objects: Objects = None,
    ) -> Iterator[Prepared]:
        """Prepare FOVs as those of the training were; a temporary folder lasts as long as the block.

        Args:
            source: As for `predict`.
            columns: As for `predict`.
            prepared_dir: As for `predict`.
            objects: As for `predict`.

        Raises:
            DataError: No FOV can be used.
        """
        if isinstance(source, Prepared):
            self.check_prepared(source)
            yield source
            return
        with tempfile.TemporaryDirectory(prefix="locgraph-") as temporary:
            settings = self.settings
            if settings["data"]["kind"] != "raw":
                raise CheckpointError(
                    f"{self.checkpoint.path} was trained on featextracted tables, so it does not know how raw data "
                    "were clustered; give it prepared data, or train with data=raw"
                )
            if isinstance(source, pl.DataFrame):
                source, columns = write_table(source, Path(temporary) / "tables"), columns or nanometres()
            if columns is not None:
                settings["columns"] = columns_settings(columns)
            if objects is not None:
                settings["objects"] = objects_settings(objects)
            tables = object_tables(settings.get("objects"))
            with Needs.of(self.record).named():
                catalogue = list_sources(source, settings["columns"], tuple(self.record["class_names"]), tables)
            settings["paths"] = {"prepared_dir": str(prepared_dir or Path(temporary) / "prepared")}
            # what cannot be used is logged, and the others are predicted
            settings["limits"]["max_failed_fraction"] = 1.0
            settings["data"]["raw_dir"] = str(catalogue.sources[0].path.parent)
            yield self.prepare_catalogue(settings, catalogue)

    def check_prepared(self, prepared: Prepared) -> None:
        """Refuse data that were not prepared as those of the training.

        Raises:
            DataError: Settings of clusters, features, views or graphs differ.
        """
        differing = differing_settings(self.record["settings"], prepared)
        if differing:
            raise DataError(
                f"these data were prepared with other settings of {', '.join(differing)} than those of the training; "
                "give the model their files, or prepare them with the settings of the model",
                setting="source",
            )

    def prepare_catalogue(self, settings: dict[str, Any], catalogue: Catalogue | None) -> Prepared:
        """Cluster, measure and build graphs with the settings of the training.

        Raises:
            CheckpointError: The data have another number of dimensions than those of the training.
            DataError: No FOV can be used, or none has localisations in a channel that the model needs.
        """
        if "executor" not in settings:
            few = catalogue is not None and len(catalogue.sources) <= _FEW_FOVS and not settings.get("objects")
            settings["executor"] = {TARGET: class_target(Serial if few else Processes)}
        needs = Needs.of(self.record)
        with needs.named():
            tables: Tables = make_tables(settings, catalogue).of(needs.dimensions)
            found = tables.dimensions
        if found != needs.dimensions:
            raise CheckpointError(
                f"{self.checkpoint.path} was trained in {needs.dimensions}D, found data in {found}D; give it data "
                f"of the same dimensions: it needs {needs.words()}"
            )
        needs.check_channels(tables.folder, list(tables.manifest.table[schema.FOV_ID]))
        return make_graphs(settings, tables)

    def check_has_data(self, setting: str | None = None) -> None:
        """Refuse a packed model where the data of its training are asked for, which only its authors have.

        Args:
            setting: The argument with which other data are given, for the message.

        Raises:
            CheckpointError: It is packed.
        """
        if self.checkpoint.pack is not None:
            raise CheckpointError(
                f"expected new raw files: {self.checkpoint.pack} is a packed model, which does not hold the FOVs it "
                "was trained and tested on",
                setting=setting,
            )

    def training_data(self, prepared_dir: str | Path | None = None, **changes: Any) -> Prepared:
        """Return the data of the run that trained the model, made again below ``prepared_dir`` where they are gone.

        Args:
            prepared_dir: Folder of prepared data; None takes that of the configs.
            **changes: Groups of settings that differ, such as ``executor``.

        Raises:
            CheckpointError: The model is packed, and does not hold them.
        """
        self.check_has_data()
        settings = self.settings | changes
        settings["paths"] = choose_prepared_dir(settings, prepared_dir)
        return self.prepare_catalogue(settings, read_catalogue(settings))
