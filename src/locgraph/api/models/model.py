"""A trained model: predicts FOVs, embeds them, and explains its predictions, with nothing but its checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from locgraph import schema
from locgraph.api.device import fixed_threads
from locgraph.api.models.trained_network import NEW, TrainedNetwork
from locgraph.api.objects.counting import Counting
from locgraph.api.sources import Objects, Source
from locgraph.api.training.parts import quiet
from locgraph.data.folds import TEST
from locgraph.data.prepared import Prepared
from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import ColumnMap
from locgraph.learn.checkpoint import Checkpoint
from locgraph.learn.module import Predictor
from locgraph.learn.tabulate import add_labels, fov_vector_table, tabulate
from locgraph.learn.tasks.representation import head_of
from locgraph.learn.vectors import FILES, FOV, Embedder, check_kinds, vector_tables
from locgraph.run_folder import EMBEDDINGS, LOCALISATION_PREDICTIONS, PREDICTIONS, THREADS
from locgraph.trust.measures import measure_fovs
from locgraph.trust.trust import check_abstain

if TYPE_CHECKING:
    from locgraph.api.models.explanations import Explanations

log = logging.getLogger(__name__)


class Model(TrainedNetwork, Counting):
    """A trained network with all that it needs: settings from the column map to the graph, scaler and class names.

    Args:
        checkpoint: The checkpoint. Its record must be trusted; `locgraph.load` checks it.

    Attributes:
        checkpoint: The same.
        network: The network, in evaluation mode.
        task: What it predicts.
        trust: How far predictions can be trusted; None where the checkpoint does not know.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self.trust = checkpoint.trust()
        if self.trust is None and self.task.predicts_fovs:
            log.warning(
                "%s does not say how far its predictions can be trusted: probabilities are not calibrated, and FOVs "
                "unlike those of the training are not named. It was written before training ended, or by an earlier "
                "version: train again",
                checkpoint.path,
            )

    def __repr__(self) -> str:
        graph, split = self.record["settings"]["graph"], self.record["split"]
        encoders = ", ".join(type(part).__name__ for part in (self.network.loc_encoder, self.network.cluster_encoder))
        return (
            f"Model({self.checkpoint.pack or str(self.checkpoint.path)!r}: "
            f"{self._purpose()}; "
            f"{self.record['sizes']['dimensions']}D, {len(graph['cluster_features'])} cluster features, {encoders}; "
            f"trained on {len(split['train'])} FOVs)"
        )

    def _purpose(self) -> str:
        if self.task.embeds:
            head = head_of(self.network)
            return f"vectors of {head.latent_channels} numbers of each {head.unit}"
        return ", ".join(self.class_names or self.task.localisation_classes)

    def predict(
        self,
        source: Source,
        *,
        columns: Mapping[str, Any] | ColumnMap | None = None,
        objects: Objects = None,
        localisations: bool = False,
        abstain: Sequence[str] | str = (),
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
            objects: What is classified where it differs from the training: a choice of the config group ``objects``,
                such as ``sites``, or its settings with ``_target_``; ``fov`` takes whole FOVs.
            localisations: Return the classes of localisations instead of those of FOVs.
            abstain: When ``decision`` is null: for FOVs ``unlike`` those of the training, for ``uncertain`` ones, whose
                prediction set does not hold one class alone, or for both.
            prepared_dir: Keeps tables and graphs there for the next call; None makes them in a temporary folder.
            batch_size: FOVs in a batch; None takes that of the training. It changes no prediction.
            accelerator: ``auto``, ``cpu`` or ``gpu``.

        Returns:
            One row for each FOV (or localisation): ``fov_id``, ``prediction``, ``p_<class>``, and of FOVs what
            `locgraph.trust.trust.Trust.judge` adds.

        Raises:
            ConfigError: A reason to abstain is unknown, or the checkpoint does not know it.
            DataError: No FOV can be used, or the model predicts nothing of this kind.
            LocgraphError: The data do not fit the model.
        """
        with self.prepared(source, columns, prepared_dir, objects) as prepared:
            tables, scores = self.predict_prepared(
                prepared, batch_size=batch_size, accelerator=accelerator, abstain=abstain
            )
        for warning in scores.get("warnings", ()):
            log.warning(warning)
        name = LOCALISATION_PREDICTIONS if localisations else PREDICTIONS
        if self.task.embeds:
            raise DataError("this model learned without labels and predicts no classes; call embed")
        if name not in tables:
            other = "localisations" if not localisations else "FOVs"
            raise DataError(
                f"this model predicts classes of {other} alone; call predict with localisations={not localisations}"
            )
        return tables[name].drop(schema.FOLD, schema.SPLIT, schema.TRUTH)

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
        from locgraph.api.models.explanations import explain_prepared, make_plan

        group = compose("eval", "ckpt_path=null", f"explain={explainer}", *overrides)["explain"]
        if fovs is not None:
            group["fovs"] = list(fovs)
        plan = make_plan(group, self.checkpoint)
        with self.prepared(source, columns) as prepared:
            plan.check_fovs(list(prepared.labels), {})
            tables, _ = self.predict_prepared(prepared)
            return explain_prepared(plan, prepared, tables[PREDICTIONS], self.training_data, folder)

    def export(self, path: str | Path) -> Path:
        """Write the model as a program of PyTorch or ONNX that needs no locgraph; see `locgraph.learn.export`.

        Args:
            path: The file: ``NAME.pt2``, or ``NAME.onnx`` with the extra ``onnx``.

        Raises:
            ConfigError: The network reads more than clusters and their edges, or its program predicts something else.
        """
        from locgraph.learn.export import export_model

        return export_model(self.checkpoint, path)

    @property
    def members(self) -> tuple[Model, ...]:
        """The model itself: an ensemble has several."""
        return (self,)

    @property
    def test_fovs(self) -> list[str]:
        """FOVs on the test side of the run that trained the model."""
        return list(self.record["split"][TEST])

    def describe(self, fov_ids: Sequence[str], split: str) -> dict[str, Any]:
        """Return what an evaluation records beside scores: nothing, where an ensemble names its members."""
        del fov_ids, split
        return {}

    def check_vectors(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """Return the kinds of vectors that can be written, which are all that the network has.

        Raises:
            ConfigError: The network has no vectors of a kind.
        """
        check_kinds(self.network, kinds)
        return tuple(kinds)

    def predict_prepared(
        self,
        prepared: Prepared,
        fov_ids: Sequence[str] | None = None,
        *,
        split: str = NEW,
        batch_size: int | None = None,
        accelerator: str = "auto",
        vectors: Sequence[str] = (),
        abstain: Sequence[str] | str = (),
    ) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
        """Predict prepared FOVs.

        Args:
            prepared: Manifest, tables and graphs.
            fov_ids: FOVs to predict; None predicts all.
            split: Value of the column ``split``.
            batch_size: FOVs in a batch; None takes that of the training.
            accelerator: ``auto``, ``cpu`` or ``gpu``.
            vectors: Which vectors are tabulated: ``fov``, ``cluster``, ``localisation``.
            abstain: As for `predict`.

        Returns:
            File name to table of predictions and vectors; scores of FOVs (or localisations) with a label, as ``test``,
            and ``warnings`` that name FOVs unlike those of the training.
        """
        reasons = self.check_abstain(abstain)
        fov_ids = list(prepared.labels) if fov_ids is None else list(fov_ids)
        loader = self.data(prepared, fov_ids, batch_size).evaluation_dataloader(fov_ids)
        trainer = self.trainer(accelerator)
        with quiet(), fixed_threads(self.record.get(THREADS, 1)):
            predictions: Any = trainer.predict(Predictor(self.network, self.task), loader)
            vectors_by_file = fov_vector_table(self.task, predictions, self.fold, split) if FOV in vectors else {}
            others = [kind for kind in vectors if FILES[kind] not in vectors_by_file]
            vectors_by_file |= vector_tables(trainer, Embedder(self.network, others), loader, self.fold, split)
        if self.trust is not None:
            predictions = self.task.calibrated(predictions, self.trust.calibrate)
        measures = None if self.trust is None else measure_fovs(prepared.tables, fov_ids)
        tables, warnings = tabulate(self.task, predictions, self.fold, split, self.trust, measures, reasons)
        if EMBEDDINGS in tables:
            tables[EMBEDDINGS] = add_labels(tables[EMBEDDINGS], prepared.labels)
        scores = self.task.score(predictions, TEST)
        return tables | vectors_by_file, scores | ({"warnings": warnings} if warnings else {})

    def check_abstain(self, abstain: Sequence[str] | str | None, setting: str = "abstain") -> tuple[str, ...]:
        """Return the reasons for which no class is returned.

        Raises:
            ConfigError: One is unknown, or the checkpoint does not know it.
        """
        reasons = check_abstain(abstain, setting)
        if reasons and self.trust is None:
            raise ConfigError(
                f"{', '.join(reasons)}: {self.checkpoint.path} does not know which FOVs these are; leave it out, or "
                "train again",
                setting=setting,
            )
        return reasons
