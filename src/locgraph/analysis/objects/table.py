"""All objects of the FOVs with what was predicted of them, and why some have no class."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.objects import columns as c
from locgraph.errors import DataError
from locgraph.io.manifest import Manifest
from locgraph.preparation.objects.extract import FovObjects, objects_fingerprint, read_objects
from locgraph.settings import check_number
from locgraph.trust.trust import UNCERTAIN, UNLIKE, check_abstain

ALL_FOVS: Final = "all FOVs"
"""The condition where there are no others."""
_NOT_PREDICTED: Final = "not among the objects that were to be predicted"


@dataclass(frozen=True)
class Rule:
    """When a predicted class is counted.

    Attributes:
        min_probability: Of the predicted class, 0 to 1; an object below has no class.
        abstain: Further reasons for which an object has no class: ``unlike``, ``uncertain``.

    Raises:
        ConfigError: A value cannot work.
    """

    min_probability: float = 0.0
    abstain: Sequence[str] | str = ()

    def __post_init__(self) -> None:
        check_number("min_probability", self.min_probability, at_least=0.0, at_most=1.0)
        object.__setattr__(self, "abstain", check_abstain(self.abstain))

    @property
    def withholds(self) -> bool:
        """Whether an object may be left without a class."""
        return bool(self.min_probability or self.abstain)

    def apply(self, predictions: pl.DataFrame) -> pl.DataFrame:
        """Add ``probability``, ``decision`` and the ``reason`` where there is no decision.

        Args:
            predictions: ``prediction`` and ``p_<class>``; ``unlike`` and ``prediction_set`` where they matter and are
                known.
        """
        probability = pl.max_horizontal(f"^{schema.PROBABILITY_PREFIX}.*$").cast(pl.Float64)
        withheld = {f"its probability is below {self.min_probability:g}": probability < self.min_probability}
        if UNLIKE in self.abstain and schema.UNLIKE in predictions.columns:
            withheld["unlike those of training"] = pl.col(schema.UNLIKE).fill_null(False)
        if UNCERTAIN in self.abstain and schema.PREDICTION_SET in predictions.columns:
            withheld["its prediction set is not one class"] = pl.col(schema.PREDICTION_SET).list.len() != 1
        reason = pl.coalesce(pl.when(holds).then(pl.lit(words)) for words, holds in withheld.items())
        table = predictions.with_columns(probability.alias(schema.PROBABILITY), reason.alias(schema.REASON))
        decision = pl.when(pl.col(schema.REASON).is_null()).then(pl.col(schema.PREDICTION))
        return table.with_columns(decision.alias(schema.DECISION))


def find_parents(manifest: Manifest, tables: Path) -> list[str]:
    """Return the FOVs that objects were looked for in, those whose objects all failed included."""
    parents = manifest.table[schema.PARENT_FOV].drop_nulls().to_list()
    failed = (name.rpartition("/")[0] for name in manifest.failures)
    parents += [name for name in failed if name and objects_fingerprint(tables, name) is not None]
    return sorted(set(parents))


def read_records(manifest: Manifest, tables: Path, predicted: Collection[str] | None = None) -> dict[str, FovObjects]:
    """Read the records of the objects of FOVs.

    Args:
        manifest: Of the objects.
        tables: Folder of their tables.
        predicted: Objects that were predicted, whose FOVs are taken; None takes all FOVs.

    Raises:
        DataError: A record is absent or damaged.
    """
    parents = find_parents(manifest, tables)
    if predicted is not None:
        wanted = {name.rpartition("/")[0] for name in predicted}
        parents = [name for name in parents if name in wanted]
    return {name: read_objects(tables, name) for name in parents}


def tabulate_objects(
    records: Mapping[str, FovObjects],
    manifest: Manifest,
    predictions: pl.DataFrame,
    class_names: Sequence[str],
    rule: Rule,
    conditions: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Return all objects, used or not, with predictions and decisions.

    Args:
        records: FOV -> its objects.
        manifest: Of the objects, whose failures are those of later steps.
        predictions: One row for each predicted object.
        class_names: The classes, in the order of ``p_<class>``.
        rule: When a class is counted.
        conditions: FOV -> condition; None puts all FOVs into one.

    Returns:
        The columns of `columns.OBJECTS`, and ``p_<class>``.

    Raises:
        DataError: There is no FOV with objects.
    """
    if not records:
        raise DataError("expected FOVs with objects, found none", setting="objects")
    tables = [own.table.drop(schema.ROWS).with_columns(parent=pl.lit(name)) for name, own in records.items()]
    objects = pl.concat(tables).rename({schema.FOV_ID: c.OBJECT_ID, "parent": schema.FOV_ID})
    probabilities = [schema.PROBABILITY_PREFIX + name for name in class_names]
    known = (schema.PREDICTION, schema.TRUTH, schema.UNLIKE, schema.PREDICTION_SET)
    wanted = [name for name in (schema.FOV_ID, *known, *probabilities) if name in predictions.columns]
    decided = rule.apply(predictions.select(wanted)).rename({schema.FOV_ID: c.OBJECT_ID, schema.REASON: "undecided"})
    table = objects.join(decided, on=c.OBJECT_ID, how="left", maintain_order="left")
    later = {name: reason for name, reason in manifest.failures.items() if name in set(table[c.OBJECT_ID])}
    fails_later = pl.col(c.OBJECT_ID).replace_strict(later, default=None, return_dtype=pl.String)
    was_predicted = pl.col(schema.PREDICTION).is_not_null()
    status = (
        pl.when(was_predicted & pl.col(schema.DECISION).is_not_null())
        .then(pl.lit(c.COUNTED))
        .when(was_predicted)
        .then(pl.lit(c.UNDECIDED))
        .when(pl.col(schema.FAILED) | fails_later.is_not_null())
        .then(pl.lit(c.FAILED))
        .otherwise(pl.lit(c.LEFT_OUT))
    )
    not_predicted = pl.coalesce(schema.REASON, fails_later, pl.lit(_NOT_PREDICTED))
    reason = pl.when(was_predicted).then(pl.col("undecided")).otherwise(not_predicted)
    truth = pl.coalesce(*([schema.TRUTH] if schema.TRUTH in table.columns else []), schema.LABEL)
    condition = pl.lit(ALL_FOVS)
    if conditions is not None:
        condition = pl.col(schema.FOV_ID).replace_strict(dict(conditions), default=ALL_FOVS, return_dtype=pl.String)
    table = table.with_columns(
        status.alias(c.STATUS),
        reason.alias(schema.REASON),
        pl.when(truth.is_in(list(class_names))).then(truth).alias(schema.TRUTH),
        condition.alias(c.CONDITION),
    )
    absent = [name for name in c.OBJECTS if name not in table.columns]
    table = table.with_columns(pl.lit(None).alias(name) for name in absent)
    return table.select([*(pl.col(name).cast(column.dtype) for name, column in c.OBJECTS.items()), *probabilities])
