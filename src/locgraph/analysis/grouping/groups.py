"""Groups of units: the grouping as a whole, and the tables that come of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from locgraph import schema
from locgraph.analysis.grouping.algorithms import Grouper
from locgraph.analysis.grouping.assign import group_rows
from locgraph.analysis.grouping.columns import (
    DISTANCE,
    GROUP,
    IS_MEDOID,
    NO_GROUP,
    PROBABILITY,
    SILHOUETTE,
)
from locgraph.analysis.grouping.composition import Composition, composition
from locgraph.analysis.grouping.differences import CIRCULAR, group_differences
from locgraph.analysis.grouping.matrix import MatrixSettings, UnitMatrix, unit_matrix
from locgraph.analysis.grouping.number import (
    Evidence,
    NumberOfGroups,
    NumberSettings,
    choose_number,
    compare_with_one_cloud,
)
from locgraph.analysis.grouping.places import connect_neighbours
from locgraph.analysis.grouping.quality import centre_distances, medoids, silhouettes
from locgraph.analysis.grouping.units import Units
from locgraph.errors import ConfigError, DataError
from locgraph.provenance import versions, whole_file, write_json
from locgraph.run_folder import (
    GROUP_COMPOSITION,
    GROUP_COMPOSITION_TESTS,
    GROUP_DIFFERENCES,
    GROUP_NUMBERS,
    GROUPS_RECORD,
    GROUPS_TABLE,
)
from locgraph.settings import check_whole
from locgraph.stats.partitions import PartitionAgreement, compare_partitions

log = logging.getLogger(__name__)

_MOST_CONNECTED: Final = 20_000
_FEW: Final = 20_000


@dataclass(frozen=True)
class GroupSettings:
    """How units are grouped.

    Args:
        n_groups: Number of groups; None: chosen, or found by the algorithm.
        matrix: How columns become one matrix.
        number: How the number is chosen and checked.
        spatial_neighbours: Nearest neighbours in space that a unit may be merged with; None: any units may be.
        permutations: Of the test whether classes differ in their composition.
        seed: Of all that is random.

    Raises:
        ConfigError: A value cannot work.
    """

    n_groups: int | None = None
    matrix: MatrixSettings = field(default_factory=MatrixSettings)
    number: NumberSettings = field(default_factory=NumberSettings)
    spatial_neighbours: int | None = None
    permutations: int = 999
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_groups is not None:
            check_whole("n_groups", self.n_groups, at_least=2)
        if self.spatial_neighbours is not None:
            check_whole("spatial_neighbours", self.spatial_neighbours, at_least=1)
        check_whole("permutations", self.permutations, at_least=0)
        check_whole("seed", self.seed, at_least=0)


@dataclass(frozen=True)
class Groups:
    """Groups of units.

    Attributes:
        units: The units.
        matrix: The matrix from which they were made.
        labels: Group of each unit (N,) int64, the largest 0; -1 for none.
        table: One row for each unit: `columns.GROUP_COLUMNS`.
        number: The number of groups, and why.
        evidence: Whether groups are clearer than those of one cloud; None where it was not asked.
        differences: What tells groups apart: `columns.DIFFERENCE_COLUMNS`.
        composition: What FOVs, patients and classes are made of.
        agreement: With the classes; None where fewer than two are known.
        notes: One sentence each.
        about: Where the units are from, and the settings: plain values.
    """

    units: Units
    matrix: UnitMatrix
    labels: np.ndarray
    table: pl.DataFrame
    number: NumberOfGroups
    evidence: Evidence | None
    differences: pl.DataFrame
    composition: Composition
    agreement: PartitionAgreement | None
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, np.bincount(self.labels[self.labels >= 0])))
        agreement = f", matched accuracy {self.agreement.matched_accuracy:.3f}" if self.agreement else ""
        return f"{type(self).__name__}({self.n_groups} groups of {sizes} {self.units.words}{agreement})"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.table._repr_html_()}"

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.labels.max(initial=-1)) + 1

    def record(self) -> dict[str, Any]:
        """Return settings, the number of groups and why, agreement with classes, and notes, as plain values."""
        groups = []
        for group in range(self.n_groups):
            rows = self.table.filter(pl.col(GROUP) == group)
            medoid = rows.filter(pl.col(IS_MEDOID)).row(0, named=True)
            groups.append(
                {
                    "group": group,
                    "n": rows.height,
                    "silhouette": rows[SILHOUETTE].mean(),
                    "median_distance": rows[DISTANCE].median(),
                    "medoid": {name: medoid[name] for name in (schema.FOV_ID, schema.CLUSTER_ID) if name in medoid},
                }
            )
        evidence = self.evidence
        return {
            **self.about,
            "unit": self.units.unit,
            "units": len(self.units),
            "without_group": int((self.labels == NO_GROUP).sum()),
            "n_groups": self.n_groups,
            "why": self.number.why,
            "groups": groups,
            "weights": dict(self.matrix.weights),
            "columns": list(self.matrix.columns),
            "transforms": dict(self.matrix.transforms),
            "columns_left_out": dict(self.matrix.columns_left_out),
            "evidence": None
            if evidence is None
            else {
                "silhouette": evidence.silhouette,
                "null_mean": float(evidence.null.mean()),
                "p": evidence.p,
                "draws": len(evidence.null),
            },
            "agreement": None if self.agreement is None else asdict(self.agreement),
            "composition": self.composition.words,
            "notes": list(self.notes),
            "versions": versions(),
        }

    def write(self, folder: Path) -> None:
        """Write the tables and the record into a folder, which exists."""
        tables = {
            GROUPS_TABLE: self.table,
            GROUP_NUMBERS: self.number.table,
            GROUP_DIFFERENCES: self.differences,
            GROUP_COMPOSITION: self.composition.table,
            GROUP_COMPOSITION_TESTS: self.composition.tests,
        }
        for name, table in tables.items():
            with whole_file(folder / name) as temporary:
                table.write_parquet(temporary)
        write_json(folder / GROUPS_RECORD, self.record())


def find_groups(
    units: Units, grouper: Grouper, settings: GroupSettings, about: Mapping[str, Any] | None = None
) -> Groups:
    """Group units.

    Args:
        units: The units.
        grouper: The algorithm.
        settings: How.
        about: Where the units are from.

    Raises:
        ConfigError: A setting does not fit the algorithm or the units.
        DataError: There is nothing to group, or the algorithm finds no group.
    """
    _check(units, grouper, settings)
    matrix = unit_matrix(units, settings.matrix)
    connections = _connections(units, matrix, settings)
    with threadpool_limits(1):  # threads spend more time waiting for each other on few rows
        number = choose_number(grouper, matrix.values, settings.n_groups, settings.number, settings.seed)
        evidence = compare_with_one_cloud(grouper, matrix.values, number.n_groups, settings.number, settings.seed)
    with threadpool_limits(1 if len(matrix.rows) <= _FEW else None):
        partition = group_rows(grouper, matrix.values, number.n_groups, settings.seed, connections)
    if (partition.labels < 0).all():
        raise DataError(
            f"expected at least one group, found none: all {units.words} are left without one; choose other settings "
            "or another algorithm",
            setting="grouping",
        )
    labels = np.full(len(units), NO_GROUP, dtype=np.int64)
    labels[matrix.rows] = partition.labels
    used = frozenset(name for name in matrix.transforms)
    notes = [*units.notes, *matrix.notes, *partition.notes, *number.notes, CIRCULAR]
    if evidence is not None and evidence.p > 0.05:
        notes.append(
            f"the groups are no clearer than those of one cloud without groups (p = {evidence.p:.2f}): this may be a "
            "continuum"
        )
    if connections is not None:
        notes.append("the number of groups and its evidence were found without the constraint to neighbours in space")
    return Groups(
        units=units,
        matrix=matrix,
        labels=labels,
        table=_table(units, matrix, labels, partition.probabilities, settings.seed),
        number=number,
        evidence=evidence,
        differences=group_differences(units, labels, used),
        composition=composition(units, labels, settings.permutations, settings.seed),
        agreement=_agreement(units, matrix, labels),
        notes=tuple(dict.fromkeys(notes)),
        about=dict(about or {}),
    )


def _check(units: Units, grouper: Grouper, settings: GroupSettings) -> None:
    name = type(grouper).__name__
    if settings.n_groups is not None and not grouper.needs_number:
        raise ConfigError(f"{name} finds the number of groups itself; expected null", setting="n_groups")
    if settings.n_groups is not None and settings.n_groups > len(units):
        raise ConfigError(
            f"expected at most as many groups as {units.words}, {len(units)}, found {settings.n_groups}",
            setting="n_groups",
        )
    if settings.spatial_neighbours is None:
        return
    setting = "spatial_neighbours"
    if not grouper.takes_connections:
        raise ConfigError(f"{name} cannot be constrained to neighbours; use grouping=agglomerative", setting=setting)
    if units.places is None:
        raise ConfigError(f"expected {units.words} with positions in a FOV, found none", setting=setting)
    if len(units) > _MOST_CONNECTED:
        raise ConfigError(
            f"expected at most {_MOST_CONNECTED:,} {units.words} with neighbours in space, found {len(units):,}; "
            "expected null",
            setting=setting,
        )


def _connections(units: Units, matrix: UnitMatrix, settings: GroupSettings) -> Any:
    if settings.spatial_neighbours is None or units.places is None or units.fields is None:
        return None
    places, fields = units.places[matrix.rows], units.fields[matrix.rows]
    return connect_neighbours(places, fields, matrix.values, settings.spatial_neighbours)


def _table(
    units: Units, matrix: UnitMatrix, labels: np.ndarray, probabilities: np.ndarray | None, seed: int
) -> pl.DataFrame:
    own = labels[matrix.rows]
    distances = centre_distances(matrix.values, own)
    is_medoid = np.zeros(len(units), dtype=np.bool_)
    is_medoid[matrix.rows[medoids(own, distances)]] = True
    columns = {
        PROBABILITY: probabilities,
        DISTANCE: distances,
        SILHOUETTE: silhouettes(matrix.values, own, seed),
    }
    spread = []
    for name, values in columns.items():
        every = np.full(len(units), np.nan)
        if values is not None:
            every[matrix.rows] = values
        spread.append(pl.Series(name, every).fill_nan(None))
    keys = [schema.FOV_ID, *([schema.CLUSTER_ID] if units.unit == schema.CLUSTER else [])]
    return units.keys.select(keys).with_columns(
        pl.Series(GROUP, labels), *spread, pl.Series(IS_MEDOID, is_medoid), *units.keys.drop(keys).get_columns()
    )


def _agreement(units: Units, matrix: UnitMatrix, labels: np.ndarray) -> PartitionAgreement | None:
    """Compare groups with classes; units left without a group match no class, those that lack a value do not count."""
    known = np.zeros(len(units), dtype=np.bool_)
    known[matrix.rows] = True
    known &= units.keys[schema.LABEL].is_not_null().to_numpy()
    classes = units.keys[schema.LABEL].filter(pl.Series(known)).to_numpy()
    if len(set(classes)) < 2:
        return None
    return compare_partitions(classes.astype(str), labels[known].astype(str), str(NO_GROUP))
