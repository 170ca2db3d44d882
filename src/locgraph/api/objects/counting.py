"""Counting of objects with a model or an ensemble, in new files or in prepared data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.objects import columns as c
from locgraph.analysis.objects.counts import count_errors
from locgraph.analysis.objects.results import CountSettings, count_objects
from locgraph.analysis.objects.table import Rule, read_records
from locgraph.api.models.trained_data import TrainedData
from locgraph.api.objects.counts import Counts
from locgraph.api.objects.parents import ParentFovs
from locgraph.api.packs.packed import read_pack
from locgraph.api.sources import Objects, Source, objects_settings
from locgraph.data.folds import TEST
from locgraph.data.prepared import Prepared
from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import ColumnMap
from locgraph.run_folder import OBJECTS, PREDICTIONS, RunFolder
from locgraph.stats.quantification import Confusion

_PICTURES: Final = 12

OF_THE_TEST: Final = "these are the objects of the test, from which counts would be corrected"
"""Why counts of the test itself are not corrected."""

FOLDERS: Final = "folders"
"""Value of ``conditions``: FOVs of one folder are of one condition."""


class Predictor(Protocol):
    """What counting needs of a model or an ensemble."""

    @property
    def members(self) -> tuple[TrainedData, ...]:
        """The models, of which the first prepares the data."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        ...

    def check_abstain(self, abstain: Sequence[str] | str | None, setting: str = ...) -> tuple[str, ...]:
        """Return the reasons for which no class is returned."""
        ...

    def predict_prepared(
        self, prepared: Prepared, *, batch_size: int | None = ..., accelerator: str = ...
    ) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
        """Return tables of predictions by name of file, and scores."""
        ...


class Counting:
    """Adds `count` to what predicts."""

    def count(
        self: Predictor,
        source: Source,
        *,
        objects: Objects = None,
        min_probability: float = 0.0,
        abstain: Sequence[str] | str = (),
        conditions: Mapping[str, str] | str | None = FOLDERS,
        area: str = "hull",
        simulations: int = 499,
        seed: int = 0,
        columns: Mapping[str, Any] | ColumnMap | None = None,
        prepared_dir: str | Path | None = None,
        batch_size: int | None = None,
        accelerator: str = "auto",
    ) -> Counts:
        """Find the objects in files, predict each, and count them by class.

        Args:
            source: A folder, a file, several files, a table of localisations, or prepared objects.
            objects: What an object is: a choice of the config group ``objects`` such as ``picks``, or its settings;
                None takes that of the training, which must be objects then.
            min_probability: An object whose predicted class is less probable has no class.
            abstain: Further reasons for none: ``unlike``, ``uncertain``.
            conditions: FOV -> condition; ``folders`` takes the folder of each FOV; None puts all into one.
            area: Area of a FOV: ``hull``, the convex hull of its localisations, or ``box``.
            simulations: Of each null hypothesis on nearest neighbours; 0 tests none.
            seed: Of all draws.
            columns: Column map of the files where they differ from those of the training.
            prepared_dir: Keeps tables and graphs there for the next call.
            batch_size: Objects in a batch; it changes no prediction.
            accelerator: ``auto``, ``cpu`` or ``gpu``.

        Returns:
            Tables of counts and objects, which can be plotted and written.

        Raises:
            ConfigError: A setting cannot work, or whole FOVs would be counted.
            DataError: No FOV has an object that can be used.
            LocgraphError: The data do not fit the model.
        """
        settings = CountSettings(Rule(min_probability, abstain), area, simulations, seed)
        self.check_abstain(abstain)
        model = self.members[0]
        if not isinstance(source, Prepared):
            _check_objects(model, objects)
        with model.prepared(source, columns, prepared_dir, objects) as prepared:
            tables, _ = self.predict_prepared(prepared, batch_size=batch_size, accelerator=accelerator)
            if PREDICTIONS not in tables:
                raise DataError(f"{model.checkpoint.path} does not classify objects; expected a model that does")
            about = {"model": [str(member.checkpoint.path) for member in self.members]}
            predictions, tested = tables[PREDICTIONS], read_tested(self.members)
            counts = count_prepared(prepared, predictions, self.class_names, settings, tested, conditions, about=about)
            if isinstance(source, pl.DataFrame):
                counts.keep()
        return counts


def has_objects(prepared: Prepared) -> bool:
    """Return whether prepared data are objects of FOVs, with the record of all that were found."""
    return prepared.manifest.table[schema.PARENT_FOV].is_not_null().any() and (prepared.tables / OBJECTS).is_dir()


def count_prepared(
    prepared: Prepared,
    predictions: pl.DataFrame,
    class_names: Sequence[str],
    settings: CountSettings,
    tested: pl.DataFrame | Confusion | str,
    conditions: Mapping[str, str] | str | None = None,
    among: Sequence[str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Counts:
    """Count prepared objects.

    Args:
        prepared: The objects.
        predictions: One row for each.
        class_names: The classes, in the order of the probabilities.
        settings: How they are counted.
        tested: From `read_tested`; or why counts are not corrected.
        conditions: As for `Counting.count`.
        among: Objects whose FOVs are counted; None counts all.
        about: What counted them, for the record.

    Raises:
        DataError: These are no objects.
    """
    if not has_objects(prepared):
        raise DataError("expected objects of FOVs, found whole FOVs; choose objects, such as objects=picks")
    records = read_records(prepared.manifest, prepared.tables, among)
    parents = ParentFovs(prepared)
    counted = count_objects(
        records,
        prepared.manifest,
        predictions,
        class_names,
        settings,
        parents.points,
        tested,
        _conditions(conditions, list(records), prepared),
        untested="" if parents.has_places else "a grid decides where these objects lie",
    )
    return Counts(counted, records, parents, about)


def write_counts(
    folder: Path,
    prepared: Prepared,
    tables: Mapping[str, pl.DataFrame],
    class_names: Sequence[str],
    tested: pl.DataFrame | Confusion | str,
    abstain: Sequence[str] = (),
    among: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write the counts of an evaluation into its folder, with pictures of the first FOVs; neighbours are not tested.

    Args:
        folder: Folder of a run or evaluation.
        prepared: The objects.
        tables: File name to table of predictions.
        class_names: The classes.
        tested: As for `count_prepared`.
        abstain: Reasons for which an object has no class.
        among: As for `count_prepared`.

    Returns:
        ``objects`` for ``metrics.json``: numbers of FOVs and objects, and the error of the counts where classes are
        known; nothing where whole FOVs were predicted.
    """
    if PREDICTIONS not in tables or not has_objects(prepared):
        return {}
    settings = CountSettings(Rule(abstain=abstain), simulations=0)
    counts = count_prepared(prepared, tables[PREDICTIONS], class_names, settings, tested, among=among)
    counts.write(folder, most_pictures=_PICTURES)
    totals = counts.fovs.select(pl.col(c.N_OBJECTS, c.N_COUNTED, c.N_UNDECIDED, c.N_LEFT_OUT, c.N_FAILED).sum())
    return {"objects": {c.N_FOVS: counts.fovs.height, **totals.row(0, named=True), **count_errors(counts.table)}}


def read_tested(members: Sequence[TrainedData]) -> pl.DataFrame | Confusion | str:
    """Return what models confused in their tests: the predictions of the test side of their runs.

    Of several models each was tested on objects that it was not trained on; their rates of confusion stand for those of
    the ensemble, as cross-validated ones do for a classifier trained on all data (Forman 2008). A packed model states
    the numbers alone.

    Args:
        members: One model, or those of an ensemble.

    Returns:
        Predictions of all tests, or their confusion matrix; or why there is none.
    """
    if members[0].checkpoint.pack is not None:
        return _packed_confusion(members[0])
    tables = []
    for folder in dict.fromkeys(member.checkpoint.path.resolve().parents[1] for member in members):
        run = RunFolder(folder)
        if not run.is_completed() or not (folder / PREDICTIONS).is_file():
            return "the run of the model, with its test, is not beside the checkpoint"
        tables.append(run.table(PREDICTIONS).filter(pl.col(schema.SPLIT) == TEST))
    tested = pl.concat(tables, how="diagonal_relaxed")
    return tested if tested.height else "the run of the model tested nothing"


def _packed_confusion(model: TrainedData) -> Confusion | str:
    """Return the confusion matrix that a packed model states, in the order of the model's classes."""
    metrics, names = read_pack(model.checkpoint.path).metrics, list(model.record["class_names"])
    stated = list(metrics.get("class_names") or ())
    if sorted(stated) != sorted(names) or not metrics.get("confusion_matrix"):
        return "the packed model states no confusion matrix of its classes"
    order = [stated.index(name) for name in names]
    counts = np.array(metrics["confusion_matrix"], dtype=np.int64)[np.ix_(order, order)]
    # of several seeds the same FOVs were tested several times
    return Confusion(counts, counts.sum(axis=1) / max(len(metrics.get("seeds") or ()), 1))


def _check_objects(model: TrainedData, objects: Objects) -> None:
    chosen = model.settings.get("objects") if objects is None else objects_settings(objects)
    if not chosen:
        raise ConfigError(
            "expected what an object is, found whole FOVs; choose objects, such as objects=picks or objects=sites",
            setting="objects",
        )


def _conditions(
    conditions: Mapping[str, str] | str | None, fov_ids: Sequence[str], prepared: Prepared
) -> dict[str, str] | None:
    """Return FOV -> condition; None where all are of one.

    Raises:
        ConfigError: It is neither ``folders`` nor a mapping.
    """
    if conditions is None or isinstance(conditions, Mapping):
        return None if conditions is None else dict(conditions)
    if conditions != FOLDERS:
        raise ConfigError(
            f"expected {FOLDERS}, a mapping from FOV to condition, or none, found {conditions!r}", setting="conditions"
        )
    table = prepared.manifest.table.select(schema.PARENT_FOV, schema.PATH).drop_nulls()
    paths = {fov_id: Path(path) for fov_id, path in table.iter_rows()}
    folders = {path.parent for path in paths.values()}
    if len(folders) < 2:
        return None
    # single files have the name of a file alone
    return {name: name.rpartition("/")[0] or (paths[name].parent.name if name in paths else "") for name in fov_ids}
