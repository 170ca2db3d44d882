"""Which groups the FOVs, patients and classes are made of, and whether classes differ in it.

Units of one patient are alike for other reasons than their class. So patients, or FOVs where no patient is known, are
the cases: each counts once, by the fractions of its units in each group, however many units it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.grouping.columns import (
    CASE,
    COMPOSITION_COLUMNS,
    COMPOSITION_TEST_COLUMNS,
    GROUP,
    NO_GROUP,
    PATIENT,
)
from locgraph.analysis.grouping.units import Units
from locgraph.errors import DataError
from locgraph.stats.intervals import t_half_width
from locgraph.stats.permutation import find_exchange, permutation_p
from locgraph.stats.tests import holm

OF_FOV: Final = "fov"
OF_PATIENT: Final = "patient"
OF_CLASS: Final = "class"


@dataclass(frozen=True)
class Composition:
    """Composition of FOVs, patients and classes by group.

    Attributes:
        table: One row for each FOV, patient or class and group: `columns.COMPOSITION_COLUMNS`.
        tests: Whether classes differ: `columns.COMPOSITION_TEST_COLUMNS`; empty where there is no test.
        words: How it was tested, or why not.
    """

    table: pl.DataFrame
    tests: pl.DataFrame
    words: str


def composition(units: Units, labels: np.ndarray, permutations: int, seed: int) -> Composition:
    """Count groups in FOVs, patients and classes, and test whether classes differ.

    Args:
        units: The units.
        labels: Group of each (N,) int64; -1, no group, is counted like one.
        permutations: Of the classes of the cases; 0 tests nothing.
        seed: Of the permutations.
    """
    names = [*([NO_GROUP] if (labels == NO_GROUP).any() else []), *range(int(labels.max(initial=-1)) + 1)]
    keys = units.cases().with_columns(pl.Series(GROUP, labels))
    table = pl.concat(
        [
            _counted(keys, schema.FOV_ID, OF_FOV, names),
            _counted(keys.drop_nulls(PATIENT), PATIENT, OF_PATIENT, names),
            _of_classes(keys.drop_nulls(schema.LABEL), names),
        ]
    )
    tests, words = _test(keys.drop_nulls(schema.LABEL), names, permutations, seed)
    return Composition(table, tests, words)


def _fractions(keys: pl.DataFrame, by: list[str], names: list[int]) -> pl.DataFrame:
    """Return one row for each of ``by``: its ``n_units`` and the number of units in each group, ``g_<group>``."""
    counts = [(pl.col(GROUP) == name).sum().cast(pl.Int64).alias(f"g_{name}") for name in names]
    return keys.group_by(by, maintain_order=True).agg(pl.len().cast(pl.Int64).alias("n_units"), *counts).sort(by)


def _counted(keys: pl.DataFrame, column: str, of: str, names: list[int]) -> pl.DataFrame:
    counted = _fractions(keys, [column], names)
    rows: list[dict[str, Any]] = []
    for row in counted.to_dicts():
        for name in names:
            about = {"of": of, "name": row[column], GROUP: name, "n": row[f"g_{name}"], "n_units": row["n_units"]}
            rows.append(about | {"fraction": row[f"g_{name}"] / row["n_units"]})
    return pl.DataFrame(rows, schema=COMPOSITION_COLUMNS)


def _of_classes(keys: pl.DataFrame, names: list[int]) -> pl.DataFrame:
    """Return rows of classes, with means over cases, which count equally, and their 95 % t intervals."""
    totals = _counted(keys, schema.LABEL, OF_CLASS, names)
    cases = _fractions(keys, [schema.LABEL, CASE], names)
    rows = []
    for row in totals.to_dicts():
        own = cases.filter(pl.col(schema.LABEL) == row["name"])
        fractions = (own[f"g_{row[GROUP]}"] / own["n_units"]).to_numpy()
        mean, n = float(fractions.mean()), len(fractions)
        ends: dict[str, float | None] = {"low": None, "high": None}
        if n > 1:
            half = float(t_half_width(fractions.std(ddof=1), n))
            ends = {"low": max(mean - half, 0.0), "high": min(mean + half, 1.0)}
        rows.append(row | ends | {"mean_fraction": mean, "n_cases": n})
    return pl.DataFrame(rows, schema=COMPOSITION_COLUMNS)


def _test(keys: pl.DataFrame, names: list[int], permutations: int, seed: int) -> tuple[pl.DataFrame, str]:
    empty = pl.DataFrame(schema=COMPOSITION_TEST_COLUMNS)
    if not permutations:
        return empty, "no test was asked for"
    classes = keys[schema.LABEL].unique().sort().to_list()
    if len(classes) < 2:
        return empty, f"a test needs two classes, found {', '.join(classes) or 'none'}"
    cases, owners = _cases(keys, names)
    labels = cases[schema.LABEL].to_numpy()
    fractions = cases.select(pl.col(f"g_{name}") / pl.col("n_units") for name in names).to_numpy()
    try:
        exchange = find_exchange(labels, owners, None)
    except DataError as error:
        return empty, f"no test: {error}"
    generator = np.random.default_rng(seed)
    drawn = [labels, *(exchange.draw(generator) for _ in range(permutations))]
    statistics = np.stack([_between(fractions, each, classes) for each in drawn])  # (1 + B, K)
    whole = statistics.sum(axis=1)
    own = [permutation_p(float(statistics[0, place]), statistics[1:, place]) for place in range(len(names))]
    rows = [{GROUP: None, "statistic": float(whole[0]), "p": permutation_p(float(whole[0]), whole[1:]), "p_holm": None}]
    for place, corrected in enumerate(holm(np.array(own))):
        rows.append(
            {GROUP: names[place], "statistic": float(statistics[0, place]), "p": own[place], "p_holm": float(corrected)}
        )
    what = "patients" if owners is None and keys[PATIENT].null_count() < keys.height else "FOVs"
    within = " within their patient or FOV" if owners is not None else ""
    fewest = float(np.exp(-exchange.log_arrangements))
    words = f"{permutations} permutations of the classes of {len(labels)} {what}{within}, each counted once"
    few = f"; as few arrangements differ, p is at least about {fewest:.2g}" if fewest > 1 / permutations else ""
    return pl.DataFrame(rows, schema=COMPOSITION_TEST_COLUMNS), words + few


def _cases(keys: pl.DataFrame, names: list[int]) -> tuple[pl.DataFrame, np.ndarray | None]:
    """Return the cases that exchange classes, and whose they are where they exchange them within their owner only."""
    whole = _fractions(keys, [schema.LABEL, CASE], names)
    if not whole[CASE].is_duplicated().any():
        return whole, None
    parts = _fractions(keys, [schema.LABEL, CASE, schema.FOV_ID], names)
    return parts, parts[CASE].to_numpy()


def _between(fractions: np.ndarray, labels: np.ndarray, classes: list[str]) -> np.ndarray:
    """Return the sum of squares between classes of the fractions of each group (K,), each case counted once.

    It orders permutations as the pseudo-F of Anderson (2001, 10.1111/j.1442-9993.2001.01070.pp.x) does, since the total
    stays the same.
    """
    mean = fractions.mean(axis=0)
    parts = [fractions[labels == name] for name in classes]
    return np.asarray(sum(len(part) * (part.mean(axis=0) - mean) ** 2 for part in parts if len(part)))
