"""A trained model: predicts FOVs, embeds them, and explains its predictions, with nothing but its checkpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning.pytorch as lightning
import polars as pl

from locgraph import schema
from locgraph.api.device import check_device, fixed_threads
from locgraph.api.parts import quiet
from locgraph.api.prepare import Tables, make_graphs, make_tables, read_catalogue
from locgraph.api.recipes import choose_prepared_dir, differing_settings, recorded_settings
from locgraph.api.sources import Source, class_target, columns_settings, list_sources, nanometres, write_table
from locgraph.build import TARGET
from locgraph.data.datamodule import GraphDataModule, LoaderSettings
from locgraph.data.folds import TEST, Split
from locgraph.data.prepared import Prepared
from locgraph.data.scaling import Scaler, ScalingSettings
from locgraph.errors import CheckpointError, DataError, within
from locgraph.io.catalogue import Catalogue
from locgraph.io.columns import ColumnMap
from locgraph.learn.checkpoint import Checkpoint, check_targets, read_checkpoint
from locgraph.learn.module import Predictor
from locgraph.learn.vectors import Embedder, vector_tables
from locgraph.preparation.executors import Processes, Serial
from locgraph.run_folder import LOCALISATION_PREDICTIONS, PREDICTIONS, THREADS

if TYPE_CHECKING:
    from locgraph.api.explanations import Explanations

NEW = "new"
"""Value of the column ``split`` for FOVs that no run knows."""

_FEW_FOVS = 16
"""Up to this number of FOVs this process prepares them alone; starting others takes longer."""


def load(path: str | Path, trusted: Sequence[str] = ("locgraph",)) -> Model:
    """Load a trained model.

    Args:
        path: Its checkpoint: ``RUN/checkpoints/best.ckpt``.
        trusted: Packages whose classes the checkpoint may name.

    Raises:
        CheckpointError: The checkpoint cannot be read, or names classes of other packages.
    """
    checkpoint = read_checkpoint(Path(path), "path")
    check_targets(checkpoint.record["settings"], list(trusted), str(path))
    return Model(checkpoint)


class Model:
    """A trained network with all that it needs: settings from the column map to the graph, scaler and class names.

    Args:
        checkpoint: The checkpoint. Its record must be trusted; `load` checks it.

    Attributes:
        checkpoint: The same.
        network: The network, in evaluation mode.
        task: What it predicts.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.network = checkpoint.network()
        self.task = checkpoint.task(self.network)

    @property
    def record(self) -> dict[str, Any]:
        """The record of the checkpoint: plain values."""
        return self.checkpoint.record

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes of FOVs, in the order of their probabilities."""
        return self.task.class_names

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the run, which may be changed: a copy."""
        return recorded_settings(self.record["settings"])

    def __repr__(self) -> str:
        graph, split = self.record["settings"]["graph"], self.record["split"]
        encoders = ", ".join(type(part).__name__ for part in (self.network.loc_encoder, self.network.cluster_encoder))
        return (
            f"Model({str(self.checkpoint.path)!r}: {', '.join(self.class_names or self.task.localisation_classes)}; "
            f"{self.record['sizes']['dimensions']}D, {len(graph['cluster_features'])} cluster features, {encoders}; "
            f"trained on {len(split['train'])} FOVs)"
        )

    def predict(
        self,
        source: Source,
        *,
        columns: Mapping[str, Any] | ColumnMap | None = None,
        localisations: bool = False,
        prepared_dir: str | Path | None = None,
        batch_size: int | None = None,
        accelerator: str = "auto",
    ) -> pl.DataFrame:
        """Predict the classes of FOVs.

        Args:
            source: A folder of files, one file, several files, a table of localisations (``x``, ``y``, ... in nm; with
                a column ``fov_id`` it may hold several FOVs), or what `locgraph.prepare` returned.
            columns: Column map of the files where they differ from those of the training: a column source, or its
                settings with ``_target_``.
            localisations: Return the classes of localisations instead of those of FOVs.
            prepared_dir: Keeps tables and graphs there for the next call; None makes them in a temporary folder.
            batch_size: FOVs in a batch; None takes that of the training. It changes no prediction.
            accelerator: ``auto``, ``cpu`` or ``gpu``.

        Returns:
            One row for each FOV (or localisation): ``fov_id``, ``prediction`` and ``p_<class>``.

        Raises:
            DataError: No FOV can be used, or the model predicts nothing of this kind.
            LocgraphError: The data do not fit the model.
        """
        with self.prepared(source, columns, prepared_dir) as prepared:
            tables, _ = self.predict_prepared(prepared, batch_size=batch_size, accelerator=accelerator)
        name = LOCALISATION_PREDICTIONS if localisations else PREDICTIONS
        if name not in tables:
            other = "localisations" if not localisations else "FOVs"
            raise DataError(
                f"this model predicts classes of {other} alone; call predict with localisations={not localisations}"
            )
        return tables[name].drop(schema.FOLD, schema.SPLIT, schema.TRUTH)

    def embed(
        self, source: Source, kind: str = "fov", *, columns: Mapping[str, Any] | ColumnMap | None = None
    ) -> pl.DataFrame:
        """Return the vectors that the network computes.

        Args:
            source: As for `predict`.
            kind: ``fov``, ``cluster`` or ``localisation``.
            columns: As for `predict`.

        Returns:
            One row for each, with ``fov_id`` and ``v_0``, ``v_1``, ...

        Raises:
            ConfigError: The network has no vectors of this kind.
        """
        embedder = Embedder(self.network, [kind], "kind")
        with self.prepared(source, columns) as prepared:
            data = self.data(prepared, list(prepared.labels))
            loader = data.evaluation_dataloader(list(prepared.labels))
            with quiet(), fixed_threads(self.record.get(THREADS, 1)):
                (table,) = vector_tables(self._trainer("auto"), embedder, loader, self.fold, NEW).values()
        return table.drop(schema.FOLD, schema.SPLIT)

    def explain(
        self,
        source: Source,
        explainer: str = "subgraphx",
        fovs: Sequence[str] | None = None,
        *,
        overrides: Sequence[str] = (),
        columns: Mapping[str, Any] | ColumnMap | None = None,
        folder: str | Path | None = None,
    ) -> Explanations:
        """Explain the predictions of FOVs.

        Args:
            source: As for `predict`.
            explainer: A choice of the config group ``explain``, such as ``subgraphx``, ``shapley`` or ``all``.
            fovs: Names of the FOVs to explain; None draws some of each class.
            overrides: Further settings of the group, such as ``explain.max_fovs=5``.
            columns: As for `predict`.
            folder: Where tables and figures are written; None writes none.

        Returns:
            Scores of clusters, edges and features, which can be plotted.

        Raises:
            LocgraphError: The explainer does not support the model, or no FOV can be explained.
        """
        from locgraph.api.config import compose
        from locgraph.api.explanations import explain_prepared, make_plan

        group = compose("eval", "ckpt_path=null", f"explain={explainer}", *overrides)["explain"]
        if fovs is not None:
            group["fovs"] = list(fovs)
        plan = make_plan(group, self.checkpoint)
        with self.prepared(source, columns) as prepared:
            plan.check_fovs(list(prepared.labels), {})
            tables, _ = self.predict_prepared(prepared)
            return explain_prepared(plan, prepared, tables[PREDICTIONS], self.training_data, folder)

    @property
    def fold(self) -> int:
        """Index of the fold that the model was trained on."""
        return int(self.record["settings"]["fold"]["index"])

    @contextmanager
    def prepared(
        self,
        source: Source,
        columns: Mapping[str, Any] | ColumnMap | None = None,
        prepared_dir: str | Path | None = None,
    ) -> Iterator[Prepared]:
        """Prepare FOVs as those of the training were; a temporary folder lasts as long as the block.

        Args:
            source: As for `predict`.
            columns: As for `predict`.
            prepared_dir: As for `predict`.

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
            catalogue = list_sources(source, settings["columns"], self.class_names)
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
        """
        if "executor" not in settings:
            few = catalogue is not None and len(catalogue.sources) <= _FEW_FOVS
            settings["executor"] = {TARGET: class_target(Serial if few else Processes)}
        tables: Tables = make_tables(settings, catalogue)
        expected = self.record["sizes"]["dimensions"]
        if tables.dimensions != expected:
            raise CheckpointError(
                f"{self.checkpoint.path} was trained in {expected}D, found data in {tables.dimensions}D; give it data "
                "of the same dimensions"
            )
        return make_graphs(settings, tables)

    def training_data(self, prepared_dir: str | Path | None = None, **changes: Any) -> Prepared:
        """Return the data of the run that trained the model, made again below ``prepared_dir`` where they are gone.

        Args:
            prepared_dir: Folder of prepared data; None takes that of the configs.
            **changes: Groups of settings that differ, such as ``executor``.
        """
        settings = self.settings | changes
        settings["paths"] = choose_prepared_dir(settings, prepared_dir)
        return self.prepare_catalogue(settings, read_catalogue(settings))

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

    def predict_prepared(
        self,
        prepared: Prepared,
        fov_ids: Sequence[str] | None = None,
        *,
        split: str = NEW,
        batch_size: int | None = None,
        accelerator: str = "auto",
        vectors: Sequence[str] = (),
    ) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
        """Predict prepared FOVs.

        Args:
            prepared: Manifest, tables and graphs.
            fov_ids: FOVs to predict; None predicts all.
            split: Value of the column ``split``.
            batch_size: FOVs in a batch; None takes that of the training.
            accelerator: ``auto``, ``cpu`` or ``gpu``.
            vectors: Which vectors are tabulated: ``fov``, ``cluster``, ``localisation``.

        Returns:
            File name to table of predictions and vectors; scores of FOVs (or localisations) with a label, as ``test``.
        """
        fov_ids = list(prepared.labels) if fov_ids is None else list(fov_ids)
        trainer, loader = (
            self._trainer(accelerator),
            self.data(prepared, fov_ids, batch_size).evaluation_dataloader(fov_ids),
        )
        with quiet(), fixed_threads(self.record.get(THREADS, 1)):
            predictions: Any = trainer.predict(Predictor(self.network, self.task), loader)
            vectors_by_file = vector_tables(trainer, Embedder(self.network, vectors), loader, self.fold, split)
        tables = self.task.tables(predictions, self.fold, split)
        return tables | vectors_by_file, self.task.score(predictions, TEST)

    def _trainer(self, accelerator: str) -> lightning.Trainer:
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
