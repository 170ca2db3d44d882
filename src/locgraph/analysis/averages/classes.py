"""Averages of the objects of each class, as tables."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.averages import columns
from locgraph.analysis.averages.average import METHODS, Average, average
from locgraph.errors import ConfigError, DataError
from locgraph.provenance import whole_file, write_json
from locgraph.run_folder import (
    AVERAGE_PROFILES,
    AVERAGED_LOCALISATIONS,
    AVERAGED_OBJECTS,
    AVERAGES_RECORD,
    AVERAGES_TABLE,
)
from locgraph.settings import check_flag, check_whole
from locgraph.stats.ring_correlation import HALF_BIT, ONE_SEVENTH

log = logging.getLogger(__name__)

RADIAL, ANGULAR, RINGS = "radial", "angular", "frc"
"""Profiles: density by distance in nm, by angle in degrees, and ring correlation by frequency in 1/nm."""

AUTO: Final = "auto"


@dataclass(frozen=True)
class AverageSettings:
    """How objects are averaged.

    Args:
        methods: One or both of ``axes`` and ``pairwise``.
        symmetry: Order of rotational symmetry of the objects of every class; ``auto`` estimates it for each.
        mirror: Whether mirror images may be laid upon each other.
        resolution: Whether halves of the objects are averaged apart and compared.
        most_objects: Objects of a class that are averaged; of more a random choice.
        seed: Of all that is random.

    Raises:
        ConfigError: A value that cannot work.
    """

    methods: Sequence[str] = METHODS
    symmetry: int | str = AUTO
    mirror: bool = False
    resolution: bool = True
    most_objects: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        methods = [self.methods] if isinstance(self.methods, str) else list(self.methods)
        if not methods or not set(methods) <= set(METHODS) or len(set(methods)) < len(methods):
            raise ConfigError(f"expected some of {', '.join(METHODS)}, found {methods}", setting="methods")
        object.__setattr__(self, "methods", tuple(methods))
        if self.symmetry != AUTO:
            check_whole("symmetry", self.symmetry, at_least=1)
        check_flag("mirror", self.mirror)
        check_flag("resolution", self.resolution)
        check_whole("most_objects", self.most_objects, at_least=1)
        check_whole("seed", self.seed, at_least=0)


@dataclass(frozen=True)
class Averages:
    """Averages of the objects of each class.

    Attributes:
        averages: Class -> method -> the average.
        failed: Class -> why it has no average.
        notes: What holds for all of them, one sentence each.
        about: Where the objects are from: plain values.
    """

    averages: Mapping[str, Mapping[str, Average]]
    failed: Mapping[str, str]
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        lines = [f"{name}: {each!r}" for name, methods in self.averages.items() for each in methods.values()]
        return "\n".join(["Averages", *lines, *(f"{name}: none, {reason}" for name, reason in self.failed.items())])

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def __getitem__(self, name: str) -> Mapping[str, Average]:
        return self.averages[name]

    @property
    def table(self) -> pl.DataFrame:
        """One row for each class and method: the columns of `columns.AVERAGE_COLUMNS`."""
        rows = [_row(name, each) for name, methods in self.averages.items() for each in methods.values()]
        return pl.DataFrame(rows, schema={column.name: column.dtype for column in columns.AVERAGE_COLUMNS.values()})

    @property
    def objects(self) -> pl.DataFrame:
        """Pose and score of each object: ``class``, ``method`` and `columns.AVERAGED_OBJECT_COLUMNS`."""
        return self._stacked(lambda each: each.objects)

    @property
    def localisations(self) -> pl.DataFrame:
        """All localisations in the frame of their average."""
        return self._stacked(lambda each: each.positions)

    @property
    def profiles(self) -> pl.DataFrame:
        """``profile`` (radial, angular or frc), ``place`` (nm, degrees or 1/nm) and ``value``."""
        return self._stacked(_profiles)

    def _stacked(self, table: Any) -> pl.DataFrame:
        parts = [
            table(each).select(pl.lit(name).alias(columns.CLASS), pl.lit(method).alias(schema.METHOD), pl.all())
            for name, methods in self.averages.items()
            for method, each in methods.items()
        ]
        return pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame()

    def write(self, folder: Path) -> None:
        """Write the tables and the record into a folder, which exists."""
        tables = {
            AVERAGES_TABLE: self.table,
            AVERAGED_OBJECTS: self.objects,
            AVERAGED_LOCALISATIONS: self.localisations,
            AVERAGE_PROFILES: self.profiles,
        }
        for name, table in tables.items():
            with whole_file(folder / name) as temporary:
                table.write_parquet(temporary)
        write_json(folder / AVERAGES_RECORD, self.record())

    def record(self) -> dict[str, Any]:
        """Return where the objects are from, which have no pose, and what is uncertain, as plain values."""
        each = {
            name: {
                method: {"notes": list(average.notes), "left_out": average.left_out}
                for method, average in methods.items()
            }
            for name, methods in self.averages.items()
        }
        return {**self.about, "notes": list(self.notes), "failed": dict(self.failed), "averages": each}


def average_classes(
    classes: Mapping[str, Mapping[str, pl.DataFrame]],
    settings: AverageSettings,
    about: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Averages:
    """Average the objects of each class.

    Args:
        classes: Class -> name of an object -> its localisations; see `locgraph.analysis.averages.average.average`.
        settings: How.
        about: Where the objects are from.
        notes: What is to be said of all.

    Returns:
        The averages; a class without any object that has a pose is named with its reason, and stops no other.

    Raises:
        DataError: There is no class, or none has an average.
    """
    averages: dict[str, dict[str, Average]] = {}
    failed: dict[str, str] = {}
    sentences = list(notes)
    symmetry = None if settings.symmetry == AUTO else int(settings.symmetry)
    for name, objects in classes.items():
        chosen = _choose(objects, settings)
        if len(chosen) < len(objects):
            sentences.append(f"{name}: {len(chosen)} of {len(objects)} objects, drawn at random (most_objects)")
        try:
            averages[name] = {
                method: average(chosen, method, symmetry, settings.mirror, settings.resolution, settings.seed)
                for method in settings.methods
            }
        except DataError as error:
            failed[name] = str(error)
            log.warning("%s: no average: %s", name, error)
    if not averages:
        raise DataError(f"expected objects of at least one class to average, found none: {failed or 'no class'}")
    return Averages(averages, failed, tuple(sentences), dict(about or {}))


def _choose(objects: Mapping[str, pl.DataFrame], settings: AverageSettings) -> dict[str, pl.DataFrame]:
    names = sorted(objects)
    if len(names) > settings.most_objects:
        drawn = np.random.default_rng(settings.seed).choice(len(names), settings.most_objects, replace=False)
        names = [names[place] for place in sorted(drawn)]
    return {name: objects[name] for name in names}


def _row(name: str, each: Average) -> dict[str, Any]:
    order = each.symmetry.order
    halves = each.halves
    return {
        columns.CLASS: name,
        schema.METHOD: each.method,
        columns.N_OBJECTS: each.objects.height,
        columns.N_LEFT_OUT: len(each.left_out),
        schema.N_LOCALISATIONS: each.positions.height,
        columns.SYMMETRY: order,
        columns.SYMMETRY_SCORE: each.symmetry.scores.get(order),
        columns.SYMMETRY_P: each.symmetry.p_values.get(order),
        columns.SPREAD_ORDER: each.order,
        columns.FRC: None if halves is None else halves.resolution_nm(ONE_SEVENTH),
        columns.FRC_HALF_BIT: None if halves is None else halves.resolution_nm(HALF_BIT),
        columns.MEAN_SCORE: each.objects[schema.SCORE].mean(),
        columns.N_OUTLIERS: int(each.objects[columns.OUTLIER].sum()),
        schema.PRECISION: each.density.sigma_nm,
        columns.PIXEL: each.density.pixel_nm,
    }


def _profiles(each: Average) -> pl.DataFrame:
    parts = [(RADIAL, *each.radial.get_columns()), (ANGULAR, *each.angular.get_columns())]
    if each.halves is not None:
        parts.append((RINGS, pl.Series(each.halves.frequency), pl.Series(each.halves.correlation)))
    return pl.concat(
        pl.DataFrame({columns.PROFILE: [kind] * len(place), columns.PLACE: place, columns.VALUE: value})
        for kind, place, value in parts
    )
