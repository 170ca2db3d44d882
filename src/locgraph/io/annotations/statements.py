"""Statements about one field of view (FOV), and the labels of its localisations that follow from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.annotations.regions import nearest_rows, regions_to_rows
from locgraph.io.annotations.votes import MAJORITY, NONE, decide_rows
from locgraph.schema import annotation as columns

SAME_CENTRE_NM: Final = 1.0
"""A cluster is the one that was annotated where its centre is no farther from the one in the annotation."""

UNLABELLED: Final = "localisations_without_label"
"""Begin of the entries of the counts: localisations that annotators state something of, but that have no label."""


@dataclass(frozen=True)
class Statement:
    """One statement about a part of a FOV; the fields are columns of the table of annotations."""

    annotator: str
    target: str
    label: str | None
    x: tuple[float, ...]
    y: tuple[float, ...]
    radius: float | None
    tool: str

    @property
    def shape(self) -> str:
        """The tool by which `regions_to_rows` reads the coordinates."""
        return columns.POINT if self.target == columns.OF_POINT else self.tool

    def plain(self) -> list[Any]:
        """Return all that labels depend on, as plain values."""
        return [self.annotator, self.target, self.label, list(self.x), list(self.y), self.radius, self.shape]


@dataclass(frozen=True)
class PartLabels:
    """How localisations of one FOV get labels.

    Attributes:
        statements: About regions, points and clusters, in the order in which they were made.
        rule: How annotators are joined, for each localisation.
        min_annotators: Localisations of which fewer annotators state something have no label.
    """

    statements: tuple[Statement, ...] = ()
    rule: str = MAJORITY
    min_annotators: int = 1

    @property
    def needs_clusters(self) -> bool:
        """Whether some statements are about clusters."""
        return any(statement.target == columns.OF_CLUSTER for statement in self.statements)

    def plain(self) -> list[Any]:
        """Return all that labels depend on, as plain values; without statements there is nothing."""
        if not self.statements:
            return []
        return [self.rule, self.min_annotators, [statement.plain() for statement in self.statements]]

    def state(
        self, positions: np.ndarray, class_names: Sequence[str], clusters: np.ndarray | None, where: str
    ) -> np.ndarray:
        """Return what each annotator states of each localisation, later statements over earlier ones.

        Args:
            positions: (N, D) nm, as in the raw file.
            class_names: Classes in the order of their indices.
            clusters: Cluster of each localisation (N,), -1 for those without one; None where they are not known.
            where: What to call the FOV in errors.

        Returns:
            (A, N) int16: index of the class, `NONE` where the annotator states none; annotators in alphabetical order.

        Raises:
            DataError: A cluster that was annotated is not there.
        """
        names = sorted({statement.annotator for statement in self.statements})
        index: dict[str | None, int] = {name: number for number, name in enumerate(class_names)} | {None: NONE}
        stated = np.full((len(names), len(positions)), NONE, np.int16)
        centres = _Centres.of(positions, clusters) if clusters is not None and self.needs_clusters else None
        for each in self.statements:
            if each.target == columns.OF_CLUSTER:
                rows = _cluster_rows(each, centres, where)
            else:
                rows = regions_to_rows(positions, each.x, each.y, each.radius, each.shape)
            stated[names.index(each.annotator), rows] = index[each.label]
        return stated

    def label(
        self, table: pl.DataFrame, class_names: Sequence[str], clusters: np.ndarray | None, where: str
    ) -> tuple[pl.DataFrame, dict[str, int]]:
        """Return localisations with the column ``loc_label``, and counts of those without a label by reason.

        Args:
            table: Localisations with x and y in nm.
            class_names: Classes in the order of their indices.
            clusters: Cluster of each localisation (N,), -1 for those without one; None where they are not known.
            where: What to call the FOV in errors.

        Raises:
            DataError: A cluster that was annotated is not there.
        """
        positions = table.select(schema.X, schema.Y).to_numpy()
        stated = self.state(positions, class_names, clusters, where)
        labels, reasons = decide_rows(stated, len(class_names), self.rule, self.min_annotators)
        counts = {f"{UNLABELLED}: {reason}": number for reason, number in reasons.items()}
        return table.with_columns(pl.Series(schema.LOC_LABEL, labels, pl.Int64)), counts


@dataclass(frozen=True)
class Annotated:
    """What is taken from the annotations of one FOV.

    Attributes:
        digests: Of the raw file as it was annotated; none where it is not known, or does not count.
        shares: Class -> share of the annotators of the FOV who state it; empty where nobody does.
        parts: How its localisations get labels; None where it is the FOV that has one.
        objects: Object -> its ``shares``, where objects of the FOV have labels.
    """

    digests: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    parts: PartLabels | None = None
    objects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of_object(self, name: str) -> Annotated:
        """Return what is taken for one object of the FOV."""
        return replace(self, shares=self.objects[name]) if name in self.objects else self

    def decides(self) -> list[Any]:
        """Return all that labels of localisations depend on, as plain values; empty where there are none."""
        return [] if self.parts is None else [["annotations", self.parts.plain()]]

    def shares_text(self) -> str | None:
        """Return the shares as JSON, as the manifest holds them; None where nobody states a class."""
        return json.dumps(dict(self.shares), ensure_ascii=False) if self.shares else None

    def check_data(self, digest: str, where: str) -> None:
        """Refuse a raw file that is not the one which was annotated.

        Args:
            digest: Of the file, as `provenance.file_digest` returns it.
            where: What to call the FOV.

        Raises:
            DataError: It is another one.
        """
        others = sorted(set(self.digests) - {digest})
        if others:
            raise DataError(
                f"{where}: its raw file has changed since it was annotated (it was {', '.join(others)}, now {digest}). "
                "Put the file back, look at the FOV again with `locgraph annotate`, or set labels.check_data=false "
                "where the annotations hold for the new file, too"
            )


def to_statements(rows: pl.DataFrame) -> tuple[Statement, ...]:
    """Return the statements about parts among the rows of one FOV, in their order."""
    parts = rows.filter(pl.col(columns.TARGET) != columns.OF_FOV)
    names = (columns.ANNOTATOR, columns.TARGET, columns.LABEL, columns.X, columns.Y, columns.RADIUS, columns.TOOL)
    return tuple(
        Statement(annotator, target, label, tuple(x), tuple(y), radius, tool)
        for annotator, target, label, x, y, radius, tool in parts.select(names).iter_rows()
    )


@dataclass(frozen=True)
class _Centres:
    """Centres of mass of the clusters (C, 2) nm, and the cluster of each localisation (N,)."""

    centres: np.ndarray
    clusters: np.ndarray

    @classmethod
    def of(cls, positions: np.ndarray, clusters: np.ndarray) -> _Centres:
        within = clusters >= 0
        owners, sizes = clusters[within], np.bincount(clusters[within])
        sums = [np.bincount(owners, weights=positions[within, axis]) for axis in range(2)]
        with np.errstate(invalid="ignore"):  # a number without localisations has no centre
            return cls(np.stack(sums, axis=1) / sizes[:, None], clusters)


def _cluster_rows(statement: Statement, centres: _Centres | None, where: str) -> np.ndarray:
    """Return the localisations (N,) bool of the cluster that a statement is about."""
    point = (statement.x[0], statement.y[0])
    if centres is None:
        raise DataError(
            f"{where}: {statement.annotator} annotated a cluster at ({point[0]:.1f}, {point[1]:.1f}) nm, and there are "
            "no clusters of whole FOVs here; annotate regions instead, or choose objects=none"
        )
    nearest = nearest_rows(centres.centres, np.array(point), SAME_CENTRE_NM)
    if not len(nearest):
        raise DataError(
            f"{where}: {statement.annotator} annotated a cluster at ({point[0]:.1f}, {point[1]:.1f}) nm, and there is "
            "none now: prepare with the settings of the clusters that were annotated, or take the annotation back"
        )
    return centres.clusters == nearest[0]


def stated_labels(statements: Iterable[Statement]) -> set[str]:
    """Return the classes that statements name."""
    return {statement.label for statement in statements if statement.label is not None}
