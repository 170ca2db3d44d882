"""All tables of counted objects together, and the files that they are written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.objects import columns as c
from locgraph.analysis.objects.counts import (
    COVERS,
    count_classes,
    count_conditions,
    count_errors,
    count_fovs,
    read_confusion,
)
from locgraph.analysis.objects.space import AREAS, HULL, FovSpace, find_neighbours, measure_space
from locgraph.analysis.objects.table import Rule, tabulate_objects
from locgraph.errors import LocgraphError
from locgraph.io.manifest import Manifest
from locgraph.preparation.objects.extract import FovObjects
from locgraph.provenance import versions, whole_file, write_csv, write_json
from locgraph.run_folder import COUNTS, COUNTS_RECORD, NEIGHBOURS, OBJECT_TABLE
from locgraph.settings import check_choice, check_whole
from locgraph.stats.quantification import Confusion

PointReader = Callable[[str], np.ndarray]
"""Name of a FOV to the positions (N, D) of its localisations after filters, in nm."""


@dataclass(frozen=True)
class CountSettings:
    """How objects are counted.

    Attributes:
        rule: When a predicted class is counted.
        area: Area of a FOV: ``hull``, the convex hull of its localisations, or ``box``, the smallest box around them.
        simulations: Of each null hypothesis on neighbours, in each FOV; 0 tests none.
        seed: Of all draws.

    Raises:
        ConfigError: A value cannot work.
    """

    rule: Rule = field(default_factory=Rule)
    area: str = HULL
    simulations: int = 499
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("area", self.area, tuple(AREAS))
        check_whole("simulations", self.simulations, at_least=0)
        check_whole("seed", self.seed, at_least=0)

    def to_plain(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        rule = {"min_probability": self.rule.min_probability, "abstain": list(self.rule.abstain)}
        return rule | {"area": self.area, "simulations": self.simulations, "seed": self.seed}


@dataclass(frozen=True)
class CountedObjects:
    """Counted objects of several FOVs.

    Attributes:
        class_names: The classes.
        objects: One row for each object: `columns.OBJECTS`, and ``p_<class>``.
        fovs: One row for each FOV: `columns.FOVS`.
        counts: One row for each FOV and class: `columns.COUNTS`.
        conditions: One row for each condition and class: `columns.CONDITIONS`.
        neighbours: Tests of nearest neighbours: `columns.NEIGHBOURS`.
        failures: FOV without objects -> why.
        settings: How they were counted.
        uncorrected: Why counts are not corrected; empty where they are.
    """

    class_names: tuple[str, ...]
    objects: pl.DataFrame
    fovs: pl.DataFrame
    counts: pl.DataFrame
    conditions: pl.DataFrame
    neighbours: pl.DataFrame
    failures: Mapping[str, str]
    settings: CountSettings
    uncorrected: str = ""

    def record(self) -> dict[str, Any]:
        """Return all numbers as plain values, for ``counts.json``."""
        classes = self._rows_of(self.counts)
        neighbours = self._rows_of(self.neighbours)
        return {
            "class_names": list(self.class_names),
            "settings": self.settings.to_plain(),
            "intervals": COVERS,
            "uncorrected": self.uncorrected or None,
            "versions": versions(),
            "failed_fovs": dict(self.failures),
            "errors": count_errors(self.counts) or None,
            "conditions": self.conditions.to_dicts(),
            "fovs": [
                fov
                | {"classes": classes[fov[schema.FOV_ID]], "neighbours": neighbours.get(fov[schema.FOV_ID], [])}
                | {"without_class": self._reasons(fov[schema.FOV_ID])}
                for fov in self.fovs.to_dicts()
            ],
        }

    def write(self, folder: Path) -> None:
        """Write all tables and the record, each whole or not at all."""
        tables = {OBJECT_TABLE: self.objects, COUNTS: self.counts, NEIGHBOURS: self.neighbours}
        for name, table in tables.items():
            with whole_file(folder / name) as temporary:
                table.write_parquet(temporary)
        write_csv((folder / COUNTS).with_suffix(".csv"), self.counts)
        write_json(folder / COUNTS_RECORD, self.record())

    @staticmethod
    def _rows_of(table: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in table.drop(c.CONDITION, strict=False).to_dicts():
            rows.setdefault(row.pop(schema.FOV_ID), []).append(row)
        return rows

    def _reasons(self, fov_id: str) -> dict[str, int]:
        """Return why objects of a FOV have no class, with their numbers."""
        own = self.objects.filter(pl.col(schema.FOV_ID) == fov_id)
        return dict(own[schema.REASON].drop_nulls().value_counts(sort=True).iter_rows())


def count_objects(
    records: Mapping[str, FovObjects],
    manifest: Manifest,
    predictions: pl.DataFrame,
    class_names: Sequence[str],
    settings: CountSettings,
    read_points: PointReader,
    tested: pl.DataFrame | Confusion | str,
    conditions: Mapping[str, str] | None = None,
    untested: str = "",
) -> CountedObjects:
    """Count the objects of FOVs by predicted class.

    Args:
        records: FOV -> its objects.
        manifest: Of the objects.
        predictions: One row for each predicted object.
        class_names: The classes, in the order of ``p_<class>``.
        settings: How they are counted.
        read_points: Reads the localisations of a FOV.
        tested: Predictions of the test of the classifier, or its confusion matrix, from which counts are corrected; or
            why there are none.
        conditions: FOV -> condition; None puts all FOVs into one.
        untested: Why no neighbours are tested; empty where they are.

    Raises:
        DataError: There is no FOV with objects.
    """
    untested = untested or ("" if settings.simulations else "no simulations were asked for")
    objects = tabulate_objects(records, manifest, predictions, class_names, settings.rule, conditions)
    dimensions = dict(zip(manifest.table[schema.PARENT_FOV], manifest.table[schema.DIMENSIONS], strict=True))
    spaces = {
        fov_id: _measure(fov_id, read_points, settings.area, int(dimensions.get(fov_id) or 2)) for fov_id in records
    }
    fovs = count_fovs(objects, records, spaces)
    confusion = tested if isinstance(tested, str) else read_confusion(tested, class_names, settings.rule)
    known = None if isinstance(confusion, str) else confusion
    units = set(objects[c.OBJECT_ID])
    return CountedObjects(
        class_names=tuple(class_names),
        objects=objects,
        fovs=fovs,
        counts=count_classes(objects, fovs, class_names, known, settings.seed),
        conditions=count_conditions(objects, class_names),
        neighbours=find_neighbours(objects, records, spaces, settings.simulations, settings.seed, untested),
        failures={name: reason for name, reason in manifest.failures.items() if name not in units},
        settings=settings,
        uncorrected=confusion if isinstance(confusion, str) else "",
    )


def _measure(fov_id: str, read_points: PointReader, kind: str, dimensions: int) -> FovSpace:
    """Return the region of a FOV; one whose file cannot be read any more has none, with the reason."""
    try:
        return measure_space(read_points(fov_id), kind)
    except (LocgraphError, OSError) as error:
        return FovSpace(None, dimensions, kind, reason=f"its localisations cannot be read again: {error}")
