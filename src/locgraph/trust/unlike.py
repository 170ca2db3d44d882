"""FOVs unlike those of training: typicality and ranges together, as columns of a table and as warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.trust.measures import Measures
from locgraph.trust.ranges import OutOfRange, Ranges, describe_ranges, describe_unlike
from locgraph.trust.typicality import Typicality


@dataclass(frozen=True)
class Unlike:
    """What is unlike training in a set of FOVs.

    Attributes:
        table: ``fov_id``, ``typicality`` and ``typicality_p`` (null where these could not be fitted), ``unlike``, and
            ``unlike_reasons``, a list of texts that is empty where nothing is unlike.
        outside: Measures and cluster features outside their range in training.
        false_alarms: Fraction of FOVs like those of training that may be called unlike.
    """

    table: pl.DataFrame
    outside: tuple[OutOfRange, ...]
    false_alarms: float

    def sentences(self) -> tuple[str, ...]:
        """Return warnings that name FOVs, then features; none where all FOVs are like those of training."""
        unlike = self.table.filter(pl.col(schema.UNLIKE))
        reasons = dict(unlike.select(schema.FOV_ID, schema.UNLIKE_REASONS).iter_rows())
        n_fovs = self.table.height
        return (*describe_unlike(n_fovs, reasons, self.false_alarms), *describe_ranges(n_fovs, self.outside))


@dataclass(frozen=True)
class UnlikeFovs:
    """Tells FOVs that are unlike those of training.

    A FOV is unlike where the p-value of its typicality is at most the rate of false alarms, or where a measure of the
    FOV itself lies outside the range of training, margins included.

    Args:
        ranges: Of measures and cluster features.
        typicality: None where it could not be fitted.
        notes: What could not be fitted, and why: one sentence each.
    """

    ranges: Ranges
    typicality: Typicality | None
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        measures: Measures,
        vectors: pl.DataFrame | None,
        validation: Sequence[str],
        labels: Mapping[str, str | None],
    ) -> Self:
        """Fit to training and validation FOVs; where they are too few for typicality, ranges are left.

        Args:
            measures: Of training and validation FOVs.
            vectors: ``fov_id``, ``v_0``, ... of the same FOVs; None where the network has none of FOVs.
            validation: Names of the validation FOVs.
            labels: ``fov_id`` -> class; those without one count as a class.

        Raises:
            DataError: There is no FOV, or a FOV has no vector.
        """
        ranges = Ranges.fit(measures)
        fov_ids = measures.fovs[schema.FOV_ID].to_list()
        values = _vectors(vectors, fov_ids)
        held_out = set(validation)
        try:
            typicality = Typicality.fit(
                values,
                np.array([fov_id in held_out for fov_id in fov_ids]),
                [labels.get(fov_id) for fov_id in fov_ids],
                measures.fovs,
            )
        except DataError as error:
            return cls(ranges, None, (f"unlike FOVs are told by ranges alone: {error}",))
        return cls(ranges, typicality, typicality.notes)

    def judge(self, measures: Measures, vectors: pl.DataFrame | None, false_alarms: float) -> Unlike:
        """Return which FOVs are unlike those of training.

        Args:
            measures: Of the FOVs.
            vectors: ``fov_id``, ``v_0``, ... of the same FOVs; None as when fitted.
            false_alarms: Fraction of FOVs like those of training that may be called unlike.

        Raises:
            DataError: A FOV has no vector, or vectors are of another network.
        """
        fov_ids = measures.fovs[schema.FOV_ID].to_list()
        reasons: dict[str, list[str]] = {fov_id: [] for fov_id in fov_ids}
        outside = self.ranges.check(measures)
        for entry in outside:
            reasons[entry.fov_id].append(entry.words())
        unlike = np.isin(fov_ids, [entry.fov_id for entry in outside if not entry.of_clusters])
        columns: dict[str, Any] = dict.fromkeys((schema.TYPICALITY, schema.TYPICALITY_P), [None] * len(fov_ids))
        if self.typicality is not None and fov_ids:
            values = _vectors(vectors, fov_ids)
            scores, p_values = self.typicality.score(values, measures.fovs)
            columns = {schema.TYPICALITY: scores, schema.TYPICALITY_P: p_values}
            far = p_values <= false_alarms
            unlike = unlike | far
            words = self.typicality.explain(values, measures.fovs)
            for row in np.flatnonzero(far):
                # a measure out of range says more, and is named first
                reasons[fov_ids[row]].append(words[row])
        table = pl.DataFrame(
            {schema.FOV_ID: fov_ids, **columns, schema.UNLIKE: unlike, schema.UNLIKE_REASONS: list(reasons.values())},
            schema={
                schema.FOV_ID: pl.String,
                schema.TYPICALITY: pl.Float64,
                schema.TYPICALITY_P: pl.Float64,
                schema.UNLIKE: pl.Boolean,
                schema.UNLIKE_REASONS: pl.List(pl.String),
            },
        )
        return Unlike(table, tuple(outside), false_alarms)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        return {
            "ranges": self.ranges.to_plain(),
            "typicality": None if self.typicality is None else self.typicality.to_plain(),
            "notes": list(self.notes),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_plain` wrote."""
        typicality = plain["typicality"]
        return cls(
            Ranges.from_plain(plain["ranges"]),
            None if typicality is None else Typicality.from_plain(typicality),
            tuple(plain["notes"]),
        )


def _vectors(vectors: pl.DataFrame | None, fov_ids: Sequence[str]) -> np.ndarray | None:
    """Return the vectors of FOVs in their order, (N, F) float64."""
    if vectors is None:
        return None
    order = pl.DataFrame({schema.FOV_ID: fov_ids}, schema={schema.FOV_ID: pl.String})
    joined = order.join(vectors, on=schema.FOV_ID, how="inner", maintain_order="left")
    if joined.height != len(fov_ids):
        raise DataError(f"expected one vector of each FOV, found {joined.height} of {len(fov_ids)} FOVs")
    return joined.select(pl.col(f"^{schema.VECTOR_PREFIX}.*$").cast(pl.Float64)).to_numpy()
