"""Averages of the objects of each class, from tables, prepared data, runs or raw files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from locgraph import schema
from locgraph.analysis.averages.classes import Averages, AverageSettings, average_classes
from locgraph.analysis.source import read_manifest
from locgraph.api.config import Settings, compose
from locgraph.api.prepare import scan_folder
from locgraph.api.studies.studied_runs import find_study_tables
from locgraph.api.studies.studies import study
from locgraph.build import build
from locgraph.data.folds import TRAIN, VALIDATION
from locgraph.data.prepared import Prepared
from locgraph.errors import ConfigError, DataError, LocgraphError, within
from locgraph.io.featextracted import read_fov
from locgraph.io.groups import NoGroups
from locgraph.io.read import read_localisations
from locgraph.run_folder import (
    AVERAGES,
    AVERAGES_PICTURE,
    CLUSTERS,
    LOCS,
    METRICS,
    PREDICTIONS,
    RUN,
    RunFolder,
    find_runs,
    read_record,
)
from locgraph.settings import check_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

Classes = Mapping[str, Mapping[str, pl.DataFrame]]
"""Class -> name of an object -> its localisations, positions and precision in nm."""

_LABELS, _PREDICTIONS, _AUTO = "labels", "predictions", "auto"


@dataclass(frozen=True)
class ClassAverages(Averages):
    """Averages of the objects of each class, which can be drawn; see `locgraph.analysis.averages.classes.Averages`."""

    def plot(self) -> Figure:
        """Return a matplotlib figure: a row for each class, its averages and single objects."""
        from locgraph.show.figures.averages import averages_figure

        return averages_figure(self)

    def write(self, folder: Path) -> None:
        """Write the tables, the record and the picture into a folder, which exists."""
        from locgraph.show.figures.style import save_figure

        super().write(folder)
        save_figure(self.plot(), folder / AVERAGES_PICTURE)


@dataclass
class ChosenObjects:
    """Objects of each class, and what was left out.

    Attributes:
        source: Where they are from.
        by: ``labels`` or ``predictions``.
        classes: The objects.
        notes: One sentence each.
        unreadable: Object -> why it could not be read.
    """

    source: str
    by: str
    classes: dict[str, dict[str, pl.DataFrame]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def averages(source: str | Path | Prepared | Classes, *config: str | Mapping[str, Any]) -> ClassAverages:
    """Lay the objects of each class upon each other; see ``locgraph average``.

    Args:
        source: A run or sweep, a folder that ``locgraph eval`` wrote, prepared tables, a folder of raw files with
            labels, `Prepared`, or class -> name -> polars table with ``x``, ``y`` (``z``) and ``precision`` in nm.
        *config: Overrides such as ``"average.methods=[axes]"``, or a mapping with all settings of
            ``configs/average.yaml``.

    Returns:
        The averages: ``table``, ``objects``, ``localisations``, ``profiles``, ``plot()``, ``write(folder)``, and by
        class and method the `locgraph.analysis.averages.average.Average`.

    Raises:
        LocgraphError: There is nothing to average, or a setting cannot work.
    """
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("average", *config, *(() if mapping else ("folder=null",)))
    how = dict(settings["average"])
    with within("average"):
        chosen_by, least = how.pop("classes"), how.pop("min_probability")
        if chosen_by not in (_AUTO, _LABELS, _PREDICTIONS):
            raise ConfigError(f"expected {_AUTO}, {_LABELS} or {_PREDICTIONS}, found {chosen_by!r}", setting="classes")
        least = check_number("min_probability", least, at_least=0, at_most=1)
        choice = AverageSettings(**how)
    chosen = choose_objects(source, settings, chosen_by, least)
    about = {"source": chosen.source, "classes": chosen.by, "settings": settings["average"]}
    about["unreadable"] = chosen.unreadable
    result = average_classes(chosen.classes, choice, about, chosen.notes)
    return ClassAverages(result.averages, result.failed, result.notes, result.about)


def output_folder(folder: Path, settings: Settings) -> Path:
    """Return where averages of a folder are written."""
    if settings["output"] is not None:
        return Path(str(settings["output"])).resolve()
    ours = (folder / LOCS).is_dir() or (folder / PREDICTIONS).is_file() or bool(find_runs(folder))
    return (folder if ours else Path(settings["paths"]["output_dir"]).resolve()) / AVERAGES


def choose_objects(
    source: str | Path | Prepared | Classes, settings: Settings, chosen_by: str, least: float
) -> ChosenObjects:
    """Return the objects of each class of a source.

    Args:
        source: As `averages` takes it.
        settings: Settings of ``average``.
        chosen_by: ``labels``, ``predictions``, or ``auto``.
        least: Least probability of a predicted class.

    Raises:
        ConfigError: Predictions are asked for where there are none, or a probability where labels are used.
        DataError: There is no object with a class.
    """
    if isinstance(source, (str, Path)):
        chosen = _from_folder(Path(source).resolve(), settings, chosen_by, least)
    else:
        _refuse_predictions(chosen_by, least, "tables")
        if isinstance(source, Prepared):
            chosen = ChosenObjects(str(source.tables), _LABELS)
            _add_labelled(chosen, source.tables, source.labels)
        else:
            chosen = ChosenObjects("tables", _LABELS, {name: dict(objects) for name, objects in source.items()})
    if chosen.unreadable:
        name, reason = next(iter(chosen.unreadable.items()))
        chosen.notes.append(f"{len(chosen.unreadable)} FOVs could not be read, such as {name}: {reason}")
    if not any(chosen.classes.values()):
        raise DataError(f"{chosen.source}: expected objects with a class, found none ({'; '.join(chosen.notes)})")
    return chosen


def _from_folder(folder: Path, settings: Settings, chosen_by: str, least: float) -> ChosenObjects:
    tables = None if settings["tables"] is None else Path(str(settings["tables"])).resolve()
    if not folder.is_dir():
        raise DataError(f"no such folder: {folder}", setting="folder")
    if (folder / LOCS).is_dir() and (folder / CLUSTERS).is_dir():
        _refuse_predictions(chosen_by, least, str(folder))
        chosen = ChosenObjects(str(folder), _LABELS)
        _add_labelled(chosen, folder, _labels(folder))
        return chosen
    if (folder / PREDICTIONS).is_file() and not (folder / RUN).is_file():
        predictions = RunFolder(folder).table(PREDICTIONS)
        tables = tables or Path(str(read_record(folder / METRICS).get("tables")))
    elif find_runs(folder):
        studied = study(folder)
        predictions = studied.predictions()
        tables = find_study_tables([run.folder for run in studied.completed], tables)
    else:
        _refuse_predictions(chosen_by, least, str(folder))
        return _from_raw(folder, settings)
    chosen = ChosenObjects(str(folder), _LABELS if chosen_by == _LABELS else _PREDICTIONS)
    if chosen_by == _LABELS:
        _refuse_predictions(chosen_by, least, str(folder))
        _add_labelled(chosen, tables, _labels(tables))
    else:
        _add_predicted(chosen, tables, predictions, least)
    return chosen


def _refuse_predictions(chosen_by: str, least: float, where: str) -> None:
    """Refuse settings of predictions where labels are used."""
    if chosen_by == _PREDICTIONS:
        raise ConfigError(f"expected a run, a sweep or a folder of eval; {where} has no predictions", setting="classes")
    if least > 0:
        raise ConfigError("has no effect on labels, which are certain; expected 0", setting="min_probability")


def _labels(tables: Path) -> dict[str, str | None]:
    table = read_manifest(tables).table
    return dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))


def _add_labelled(chosen: ChosenObjects, tables: Path, labels: Mapping[str, str | None]) -> None:
    """Add the FOVs that have a label, classes in the order of the manifest."""
    _add(chosen, tables, labels.items(), read_manifest(tables).class_names)
    unlabelled = sum(label is None for label in labels.values())
    if unlabelled:
        chosen.notes.append(f"{unlabelled} FOVs without a class are not averaged")


def _add_predicted(chosen: ChosenObjects, tables: Path, predictions: pl.DataFrame, least: float) -> None:
    """Add FOVs by their predicted class: those of test sides, or new ones, not those that models were trained on."""
    trained_on = pl.col(schema.SPLIT).is_in([TRAIN, VALIDATION])
    rows = predictions.filter(~trained_on) if schema.SPLIT in predictions.columns else predictions
    names = [name.removeprefix(schema.PROBABILITY_PREFIX) for name in rows.columns if _is_probability(name)]
    probability = pl.max_horizontal(schema.PROBABILITY_PREFIX + name for name in names)
    sure = rows.filter(probability >= least)
    if sure.height < rows.height:
        chosen.notes.append(f"{rows.height - sure.height} of {rows.height} FOVs are less probable than {least:g}")
    if schema.DECISION in sure.columns:
        undecided = int(sure[schema.DECISION].is_null().sum())
        if undecided:
            chosen.notes.append(f"{undecided} FOVs have no class, as the model abstains")
        sure = sure.filter(pl.col(schema.DECISION).is_not_null())
    once = sure.unique(schema.FOV_ID, keep="first", maintain_order=True)
    _add(chosen, tables, zip(once[schema.FOV_ID], once[schema.PREDICTION], strict=True), names)


def _is_probability(name: str) -> bool:
    return name.startswith(schema.PROBABILITY_PREFIX)


def _add(chosen: ChosenObjects, tables: Path, classes: Iterable[tuple[str, str | None]], order: Iterable[str]) -> None:
    """Read the localisations of FOVs that have a class: those of view 0 that belong to a cluster."""
    found: dict[str, dict[str, pl.DataFrame]] = {name: {} for name in order}
    for fov_id, name in classes:
        if name is None:
            continue
        try:
            locs = read_fov(tables, fov_id).locs
        except LocgraphError as error:
            chosen.unreadable[fov_id] = str(error)
            continue
        inside = (pl.col(schema.VIEW) == 0) & (pl.col(schema.CLUSTER_ID) != schema.NOISE)
        found.setdefault(name, {})[fov_id] = locs.filter(inside)
    chosen.classes = {name: objects for name, objects in found.items() if objects}


def _from_raw(folder: Path, settings: Settings) -> ChosenObjects:
    """Read raw files that have a label, one object each."""
    columns, labels = (build(settings[name], name) for name in ("columns", "labels"))
    limit = settings["limits"]["max_refused_fraction"]
    with within("limits"):
        limit = check_number("max_refused_fraction", limit, at_least=0, at_most=1)
    catalogue = scan_folder(folder, columns, labels, NoGroups())
    chosen = ChosenObjects(
        str(folder), _LABELS, {name: {} for name in catalogue.class_names}, [], dict(catalogue.failures)
    )
    unlabelled = 0
    for each in catalogue.sources:
        if each.label is None:
            unlabelled += 1
            continue
        try:
            table = read_localisations(each.path, columns, limit).table
        except LocgraphError as error:
            chosen.unreadable[each.fov_id] = str(error)
            continue
        chosen.classes.setdefault(each.label, {})[each.fov_id] = table
    if unlabelled:
        chosen.notes.append(f"{unlabelled} files without a class are not averaged")
    chosen.classes = {name: objects for name, objects in chosen.classes.items() if objects}
    return chosen
