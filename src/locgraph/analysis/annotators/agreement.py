"""Agreement of annotators: which statements can be compared, and the tables of the comparison."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.analysis.annotators import columns
from locgraph.analysis.annotators.disputes import rank_disputes
from locgraph.analysis.annotators.tables import (
    Overlap,
    Row,
    alpha_rows,
    overlap_rows,
    point_overlaps,
    region_overlaps,
    sorted_rows,
)
from locgraph.analysis.annotators.values import (
    Annotators,
    SortedUnits,
    joined,
    marked_fovs,
    sorted_clusters,
    sorted_fovs,
)
from locgraph.errors import ConfigError, DataError
from locgraph.provenance import versions, whole_file, write_csv, write_json
from locgraph.run_folder import AGREEMENT, AGREEMENT_RECORD, DISPUTED
from locgraph.schema import annotation

_DTYPES: Final = {name: column.dtype for name, column in columns.AGREEMENT_COLUMNS.items()}
_SHOWN: Final = 5


@dataclass(frozen=True)
class AnnotatorAgreement:
    """How annotators agree.

    Attributes:
        table: One row for each level, measure, class and pair: `columns.AGREEMENT_COLUMNS`.
        disputed: FOVs that two annotated, the most disputed first: `columns.DISPUTED_COLUMNS`.
        annotators: Their names.
        class_names: The classes that they state.
        compared: Level -> number of FOVs that at least two annotated, and that one annotated.
        notes: What was not compared, and what looks wrong; one sentence each.
        about: Where the statements are from, and the settings.
    """

    table: pl.DataFrame
    disputed: pl.DataFrame
    annotators: tuple[str, ...]
    class_names: tuple[str, ...]
    compared: dict[str, tuple[int, int]]
    notes: tuple[str, ...]
    about: dict[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return what was compared, as plain values."""
        return self.about | {
            "annotators": list(self.annotators),
            "classes": list(self.class_names),
            "fovs": {level: {"compared": two, "one_annotator": one} for level, (two, one) in self.compared.items()},
            "notes": list(self.notes),
            "versions": versions(),
        }

    def write(self, folder: Path) -> None:
        """Write both tables, as parquet and CSV, and the record into a folder, which exists.

        Raises:
            StorageError: The folder cannot be written to.
        """
        for name, table in ((AGREEMENT, self.table), (DISPUTED, self.disputed)):
            path = folder / name
            with whole_file(path) as temporary:
                table.write_parquet(temporary)
            write_csv(path.with_suffix(".csv"), table)
        write_json(folder / AGREEMENT_RECORD, self.record())


def rename_classes(table: pl.DataFrame, rename: Mapping[str, str]) -> pl.DataFrame:
    """Return statements whose classes have the names that are meant.

    Raises:
        ConfigError: A class to rename is stated by nobody.
    """
    stated = set(table[annotation.LABEL].drop_nulls())
    unknown = sorted(set(rename) - stated)
    if unknown:
        raise ConfigError(
            f"expected classes that somebody states: {', '.join(sorted(stated))}; found {', '.join(unknown)}",
            setting="rename",
        )
    return table.with_columns(pl.col(annotation.LABEL).replace(dict(rename)))


def find_annotators(table: pl.DataFrame, groups: Mapping[str, str], where: str) -> tuple[Annotators, list[str]]:
    """Return who can be compared, and notes on classes that one of them alone states.

    Args:
        table: Standing statements.
        groups: FOV -> group.
        where: The file, for messages.

    Raises:
        DataError: There is one annotator alone, or no FOV that two of them annotated.
        ConfigError: No class is stated by two of them.
    """
    names = sorted(table[annotation.ANNOTATOR].unique())
    if len(names) < 2:
        alone = f"those of {names[0]} alone" if names else "none"
        raise DataError(f"{where}: expected statements of at least two annotators; found {alone}")
    by_fov = table.group_by(annotation.FOV_ID).agg(pl.col(annotation.ANNOTATOR).n_unique())
    if (by_fov[annotation.ANNOTATOR] < 2).all():
        each = table.group_by(annotation.ANNOTATOR).agg(pl.col(annotation.FOV_ID).n_unique()).sort(annotation.ANNOTATOR)
        numbers = ", ".join(f"{name} {number}" for name, number in each.iter_rows())
        raise DataError(
            f"{where}: expected FOVs that at least two people annotated; found none (FOVs of their own: {numbers}). "
            "Let them annotate the same ones"
        )
    stated = table.drop_nulls(annotation.LABEL).select(annotation.ANNOTATOR, annotation.LABEL).unique()
    by_class = stated.group_by(annotation.LABEL).agg(pl.col(annotation.ANNOTATOR).sort()).sort(annotation.LABEL)
    own: dict[str, list[str]] = {}
    for label, who in by_class.iter_rows():
        if len(who) == 1:
            own.setdefault(who[0], []).append(label)
    if sum(map(len, own.values())) == by_class.height:
        lists = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in sorted(own.items()))
        raise ConfigError(
            f"{where}: expected a class that two annotators state; found none ({lists}). Where they call the same "
            "thing by different names, rename some, such as {Pore: pore}",
            setting="rename",
        )
    notes = [
        f"only {name} states {', '.join(labels[:_SHOWN])}{', ...' if len(labels) > _SHOWN else ''}: where others mean "
        "the same by another name, rename it"
        for name, labels in sorted(own.items())
    ]
    return Annotators(tuple(names), tuple(by_class[annotation.LABEL].to_list()), groups), notes


@dataclass(frozen=True)
class CompareSettings:
    """How statements are compared.

    Attributes:
        radius_nm: Largest distance of two points that may mean the same; None: points are not compared.
        seed: Of the bootstrap.
    """

    radius_nm: float | None = None
    seed: int = 0


def compare_annotators(
    table: pl.DataFrame,
    about: Annotators,
    regions: Sequence[SortedUnits],
    settings: CompareSettings,
    notes: Sequence[str],
    record: Mapping[str, Any],
) -> AnnotatorAgreement:
    """Compare annotators on whole FOVs, clusters, points and regions, as far as two of them made statements.

    Args:
        table: Standing statements, in the order of time.
        about: Annotators and classes.
        regions: Localisations in regions, for each FOV; see `locgraph.analysis.annotators.values`.
        settings: How.
        notes: What is known already.
        record: Where the statements are from.

    Raises:
        DataError: No level has a FOV that two annotators made statements of.
    """
    clusters, moved = sorted_clusters(table, about)
    sorted_units = {columns.FOV: sorted_fovs(table, about), columns.CLUSTER: clusters}
    overlaps: dict[str, list[Overlap]] = {columns.POINT: [], columns.REGION: []}
    if settings.radius_nm is not None:
        overlaps[columns.POINT] = point_overlaps(marked_fovs(table), about, settings.radius_nm)
    units = joined(regions, about)
    overlaps[columns.REGION] = region_overlaps(units, about)
    rows: list[Row] = []
    compared = count_fovs(table)
    for level, own in sorted_units.items():
        if compared.get(level, (0, 0))[0]:
            rows += sorted_rows(level, own, about, settings.seed)
    if overlaps[columns.POINT]:
        rows += overlap_rows(columns.POINT, overlaps[columns.POINT], (columns.F1,), about, settings.seed)
    if overlaps[columns.REGION]:
        measures = (columns.DICE, columns.IOU)
        rows += alpha_rows(columns.REGION, units, about, settings.seed)
        rows += overlap_rows(columns.REGION, overlaps[columns.REGION], measures, about, settings.seed)
    notes = [*notes, *_of_different_data(table, moved)]
    disputed = rank_disputes(table, sorted_units, overlaps)
    frame = pl.DataFrame(rows, schema=_DTYPES)
    return AnnotatorAgreement(frame, disputed, about.names, about.classes, compared, tuple(notes), dict(record))


def _of_different_data(table: pl.DataFrame, moved: Collection[str]) -> list[str]:
    """Return notes on FOVs of which annotators looked at different clusters, or different raw files."""
    digests = table.group_by(annotation.FOV_ID).agg(pl.col(annotation.DATA_FINGERPRINT).drop_nulls().n_unique())
    changed = digests.filter(pl.col(annotation.DATA_FINGERPRINT) > 1)[annotation.FOV_ID].to_list()
    notes = []
    if moved:
        notes.append(
            f"clusters of {len(moved)} FOVs, such as {min(moved)}, have other centres for some annotators: they are of "
            "another clustering, and are not compared with each other"
        )
    if changed:
        notes.append(f"{len(changed)} FOVs, such as {min(changed)}, were annotated on different raw files")
    return notes


def count_fovs(table: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Return, of each level, how many FOVs at least two annotators made a statement of, and how many one did.

    Args:
        table: Standing statements; of whole FOVs and clusters, one that takes a class away counts as none.
    """
    sorted_things = pl.col(annotation.TARGET).is_in([annotation.OF_FOV, annotation.OF_CLUSTER])
    things = [annotation.FOV_ID, annotation.ANNOTATOR, annotation.TARGET, annotation.CLUSTER_ID]
    last = table.filter(sorted_things).unique(things, keep="last", maintain_order=True).drop_nulls(annotation.LABEL)
    stated = pl.concat([last, table.filter(~sorted_things)])
    numbers = stated.group_by(annotation.TARGET, annotation.FOV_ID).agg(pl.col(annotation.ANNOTATOR).n_unique())
    return {
        level: (int((own >= 2).sum()), int((own == 1).sum()))
        for level in columns.LEVELS
        if len(own := numbers.filter(pl.col(annotation.TARGET) == level)[annotation.ANNOTATOR])
    }
