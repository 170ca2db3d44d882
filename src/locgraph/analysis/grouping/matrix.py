"""One matrix for all algorithms: blocks of columns on robust scales, each block with its weight.

The squared distance of two units is the sum over blocks of the weight times the mean over the columns of the block of
squared differences in robust standard deviations. So a block counts by its weight, whatever its number of columns, and
every algorithm uses one Euclidean metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import skew

from locgraph import schema
from locgraph.analysis.grouping.blocks import LEARNED, NOT_BY_ITSELF, present_blocks
from locgraph.analysis.grouping.units import Units
from locgraph.errors import ConfigError, DataError
from locgraph.settings import check_choice, check_number
from locgraph.stats.standardise import varies

TOGETHER, EACH, WHITENED = "together", "each", "whitened"
"""How learned vectors are scaled."""

LEAST_UNITS: Final = 3
_MAD: Final = 1.4826  # standard deviations of a normal distribution in one median absolute deviation
_SKEWED: Final = 1.0
_KEPT_VARIANCE: Final = 0.95
_FLAT: Final = 1e-9


@dataclass(frozen=True)
class MatrixSettings:
    """How columns become one matrix.

    Args:
        weights: Block -> weight, above 0; these blocks alone are used. None weighs every block that was measured by 1,
            without orientation; where there are embeddings, those alone.
        learned: How learned vectors are scaled: ``together`` by one number, so that their own distances stay;
            ``each`` column on its own; ``whitened``: principal components with 95 % of the variance, each on its own.
        limit: Robust standard deviations from the median beyond which a value of a column that is scaled on its own
            counts as this far; None: none does.
        max_missing: Part of the units without a value above which a column is left out; below it, and where it is a
            learned vector that they lack, the units are.

    Raises:
        ConfigError: A value cannot work.
    """

    weights: Mapping[str, float] | None = None
    learned: str = TOGETHER
    limit: float | None = 5.0
    max_missing: float = 0.05

    def __post_init__(self) -> None:
        if self.weights is not None:
            if not isinstance(self.weights, Mapping) or not self.weights:
                raise ConfigError(
                    f"expected a weight for each block, such as {{size: 1, shape: 2}}, found {self.weights!r}",
                    setting="weights",
                )
            for name, weight in self.weights.items():
                check_number(f"weights.{name}", weight, above=0)
        check_choice("learned", self.learned, (TOGETHER, EACH, WHITENED))
        if self.limit is not None:
            check_number("limit", self.limit, above=0)
        check_number("max_missing", self.max_missing, at_least=0, at_most=1)


@dataclass(frozen=True)
class UnitMatrix:
    """The matrix that algorithms see.

    Attributes:
        values: (n, P) float64; Euclidean distances are those of the weighted blocks.
        rows: (n,) int64, rows among the units.
        columns: The P columns; principal components of learned vectors are ``component_1``, ...
        weights: Block -> its weight.
        columns_left_out: Column -> why it is not among them.
        transforms: Column -> ``log``, ``log1p`` or ``linear``.
        notes: One sentence each.
    """

    values: np.ndarray
    rows: np.ndarray
    columns: tuple[str, ...]
    weights: Mapping[str, float]
    columns_left_out: Mapping[str, str]
    transforms: Mapping[str, str]
    notes: tuple[str, ...] = ()


def unit_matrix(units: Units, settings: MatrixSettings) -> UnitMatrix:
    """Return the matrix of some units.

    Raises:
        ConfigError: A weight is of a block that is absent, or that has no column left.
        DataError: There are fewer than 3 units, or nothing differs between them.
    """
    weights = _weights(units, settings)
    _check_number(len(units), units)
    chosen = [name for name in units.units if units.blocks[name] in weights]
    values, rows, left_out = _usable(units, chosen, settings.max_missing)
    _check_blocks(units, settings, weights, values, left_out)
    transforms = {name: _transform(each, units.scales.get(name), units.blocks[name]) for name, each in values.items()}
    parts: list[np.ndarray] = []
    columns: list[str] = []
    there = present_blocks(units.blocks[name] for name in values)
    for block in there:
        names = [name for name in values if units.blocks[name] == block]
        table = np.stack([_apply(values[name], transforms[name]) for name in names], axis=1)
        how = settings.learned if block == LEARNED else EACH
        scaled = _scale(table, how)
        if settings.limit is not None and how == EACH:  # else distances of the vectors would not stay
            scaled = np.clip(scaled, -settings.limit, settings.limit)
        parts.append(scaled * np.sqrt(weights[block] / scaled.shape[1]))
        columns += names if how != WHITENED else [f"component_{place + 1}" for place in range(scaled.shape[1])]
    return UnitMatrix(
        np.concatenate(parts, axis=1),
        rows,
        tuple(columns),
        {block: weights[block] for block in there},
        left_out,
        transforms,
        _notes(units, len(rows), left_out),
    )


def _usable(
    units: Units, chosen: Sequence[str], max_missing: float
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, str]]:
    """Return columns without gaps that differ, the rows that they are of, and why others are left out.

    Raises:
        DataError: Too few rows are complete, or nothing differs.
    """
    raw = units.values.select(chosen).fill_null(np.nan).to_numpy().astype(np.float64)
    left_out = {
        name: f"no value in {part:.1%} of the {units.words}"
        for name, part in zip(chosen, np.isnan(raw).mean(axis=0), strict=True)
        if part > max_missing and units.blocks[name] != LEARNED
    }
    used = np.array([name not in left_out for name in chosen], dtype=np.bool_)
    rows = np.flatnonzero(~np.isnan(raw[:, used]).any(axis=1))
    _check_number(len(rows), units, ", each with a value in every column that is used")
    complete = raw[rows]
    differs = varies(complete)
    left_out |= dict.fromkeys(np.array(chosen)[used & ~differs].tolist(), f"the same value in all {units.words}")
    kept = np.flatnonzero(used & differs)
    if not len(kept):
        raise DataError(
            f"expected {units.words} that differ, found none that do: {_some(left_out)}. There are no groups to find"
        )
    return {chosen[place]: complete[:, place] for place in kept.tolist()}, rows, left_out


def _weights(units: Units, settings: MatrixSettings) -> dict[str, float]:
    present = present_blocks(units.blocks.values())
    if settings.weights is None:
        if LEARNED in present:
            return {LEARNED: 1.0}
        return {name: 1.0 for name in present if name not in NOT_BY_ITSELF}
    for name in settings.weights:
        if name not in present:
            raise ConfigError(
                f"expected a block that is there, {', '.join(present) or 'none'}; found {name!r}",
                setting=f"weights.{name}",
            )
    return {name: float(weight) for name, weight in settings.weights.items()}


def _check_number(n: int, units: Units, which: str = "") -> None:
    if n < LEAST_UNITS:
        raise DataError(f"expected at least {LEAST_UNITS} {units.words} to group{which}; found {n}")


def _check_blocks(
    units: Units,
    settings: MatrixSettings,
    weights: Mapping[str, float],
    kept: Iterable[str],
    left_out: Mapping[str, str],
) -> None:
    """Refuse a weight that was given for a block of which no column is left."""
    there = {units.blocks[name] for name in kept}
    for block in weights:
        if settings.weights is not None and block not in there:
            reasons = {name: reason for name, reason in left_out.items() if units.blocks[name] == block}
            raise ConfigError(f"no column of this block can be used: {_some(reasons)}", setting=f"weights.{block}")


def _transform(values: np.ndarray, scale: str | None, block: str) -> str:
    """Return how a column is transformed: as its feature states, or by its skewness where it states nothing."""
    if block == LEARNED or (values < 0).any():
        return schema.LINEAR
    if scale is not None:
        return scale if scale in (schema.LOG, schema.LOG1P) else schema.LINEAR
    if skew(values) <= _SKEWED or not (values > 0).any():
        return schema.LINEAR
    return schema.LOG if abs(skew(_apply(values, schema.LOG))) < skew(values) else schema.LINEAR


def _apply(values: np.ndarray, transform: str) -> np.ndarray:
    if transform == schema.LOG:
        positive = values[values > 0]
        # 0 counts as the smallest, as for networks
        return np.log(np.maximum(values, positive.min())) if len(positive) else values
    return np.log1p(values) if transform == schema.LOG1P else values


def _scale(table: np.ndarray, how: str) -> np.ndarray:
    """Return columns (n, p) in robust standard deviations from their medians (n, q)."""
    if how == WHITENED:
        table = _components(table)
    centred = table - np.median(table, axis=0)
    deviations = _deviations(centred)
    if how == TOGETHER:
        deviations = np.sqrt((deviations**2).mean())
    return np.asarray(centred / deviations)


def _deviations(centred: np.ndarray) -> np.ndarray:
    """Return a robust standard deviation of each column (p,); the plain one where over half of the values are equal."""
    robust = _MAD * np.median(np.abs(centred), axis=0)
    plain = centred.std(axis=0)
    return np.where(robust > _FLAT * plain, robust, np.where(plain > 0, plain, 1.0))


def _components(table: np.ndarray) -> np.ndarray:
    """Return principal components with most of the variance (n, q)."""
    left, singular, _ = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)
    explained = np.cumsum(singular**2) / (singular**2).sum()
    kept = int(np.searchsorted(explained, _KEPT_VARIANCE)) + 1
    return np.asarray(left[:, :kept] * singular[:kept])


def _notes(units: Units, n: int, left_out: Mapping[str, str]) -> tuple[str, ...]:
    notes = []
    if left_out:
        notes.append(f"{len(left_out)} columns are left out: {_some(left_out)}")
    if n < len(units):
        notes.append(f"{len(units) - n} of {len(units)} {units.words} lack a value and have no group")
    return tuple(notes)


def _some(reasons: Mapping[str, str], most: int = 5) -> str:
    shown = "; ".join(f"{name}: {reason}" for name, reason in list(reasons.items())[:most])
    return shown + (f"; and {len(reasons) - most} more" if len(reasons) > most else "")
