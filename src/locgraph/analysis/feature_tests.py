"""Which features differ between classes: tests, effect sizes with intervals, and correction for many tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable, classes_of
from locgraph.stats.effects import cliffs_delta, epsilon_squared, eta_squared, hedges_g
from locgraph.stats.tests import anova, false_discovery, is_constant, kruskal, mann_whitney, welch

MANN_WHITNEY: Final = "mann_whitney_u"
WELCH: Final = "welch_t"
KRUSKAL: Final = "kruskal_wallis"
ANOVA: Final = "anova"

CLIFFS_DELTA: Final = "cliffs_delta"
HEDGES_G: Final = "hedges_g"
EPSILON_SQUARED: Final = "epsilon_squared"
ETA_SQUARED: Final = "eta_squared"

EFFECTS: Final = {
    MANN_WHITNEY: CLIFFS_DELTA,
    WELCH: HEDGES_G,
    KRUSKAL: EPSILON_SQUARED,
    ANOVA: ETA_SQUARED,
}
"""Test -> the effect size beside it."""

FOV_LEVEL: Final = "fov"
GROUP_LEVEL: Final = "group"
FEWEST: Final = 2
"""Cases that a class needs to be compared."""

COLUMNS: Final = {
    "level": pl.String,
    "feature": pl.String,
    "unit": pl.String,
    "test": pl.String,
    "class_a": pl.String,
    "class_b": pl.String,
    "n_a": pl.Int64,
    "n_b": pl.Int64,
    "n": pl.Int64,
    "statistic": pl.Float64,
    "df": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "effect": pl.String,
    "estimate": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "reason": pl.String,
}


def feature_tests(
    features: FeatureTable, level: str = FOV_LEVEL, class_names: Sequence[str] | None = None
) -> pl.DataFrame:
    """Compares each feature between the classes.

    Two classes at a time: Mann and Whitney's U (10.1214/aoms/1177730491; exact for small samples without ties) with
    Cliff's delta, and Welch's t (10.1093/biomet/34.1-2.28) with Hedges' g. With more than two classes first all at
    once: Kruskal and Wallis' H (10.1080/01621459.1952.10483441) with epsilon squared, and the analysis of variance with
    eta squared; there are no intervals for these. All tests are two-sided.

    ``q`` is the p-value after Benjamini and Hochberg (1995, 10.1111/j.2517-6161.1995.tb02031.x) over all rows of one
    test: the expected part of false finds among those with a q no larger. It holds for features that are independent
    or rise together; it does not mend FOVs of one group that are not independent, for which see
    `locgraph.analysis.groups`.

    Args:
        features: Features of FOVs, or of groups; rows without a class do not count.
        level: What the rows are: ``fov`` or ``group``.
        class_names: Classes in the order in which they are compared; None takes those there are, sorted.

    Returns:
        One row for each feature, test and pair of classes (``class_a`` and ``class_b`` are null where all classes are
        compared at once), sorted by feature as in ``features``: the columns of ``COLUMNS``. ``statistic``, ``p``, ``q``
        and ``estimate`` are null where there is no result, and ``reason`` then says why; beside a result, it says what
        the result leaves out. Positive effects of pairs mean that ``class_a`` is larger.
    """
    there = classes_of(features.table)
    classes = there if class_names is None else [name for name in class_names if name in there]
    rows: list[dict[str, Any]] = []
    for column in features.columns:
        samples = samples_by_class(features.table, column, classes)
        about = {"level": level, "feature": column, "unit": features.units[column]}
        rows += [row | about for row in _compare(samples)]
    table = pl.DataFrame(rows, schema=COLUMNS)
    return table.with_columns(q=pl.col("p").map_batches(_false_discovery, pl.Float64).over("test"))


def samples_by_class(table: pl.DataFrame, column: str, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Class -> values of one feature (n,) float64, those that there are."""
    values = table.select(schema.LABEL, column).drop_nulls()
    return {name: values.filter(pl.col(schema.LABEL) == name)[column].to_numpy() for name in classes}


def _compare(samples: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Rows for one feature."""
    if len(samples) < 2:
        found = f"the class {next(iter(samples))} alone" if samples else "no class"
        n = sum(map(len, samples.values()))
        yield _row(MANN_WHITNEY, n=n, reason=f"a comparison needs two classes, found {found}")
        return
    if len(samples) > 2:
        yield from _all_classes(samples)
    for a, b in combinations(samples, 2):
        yield from _pair(a, b, samples[a], samples[b])


def _all_classes(samples: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    enough = {name: values for name, values in samples.items() if len(values) >= FEWEST}
    few = ", ".join(f"{name} has {len(values)}" for name, values in samples.items() if name not in enough)
    n = sum(map(len, enough.values()))
    reason = f"leaves out classes of fewer than {FEWEST} cases: {few}" if few else None
    if len(enough) < 2:
        reason = f"fewer than two classes have {FEWEST} cases or more: {few}"
    elif is_constant(*enough.values()):
        reason = _same(n)
    else:
        values = list(enough.values())
        h = kruskal(values)
        effect = epsilon_squared(h.statistic, n)
        yield _row(KRUSKAL, n=n, statistic=h.statistic, df=h.df, p=h.p, estimate=effect, reason=reason)
        eta = eta_squared(values)
        if all(is_constant(part) for part in values):
            yield _row(ANOVA, n=n, estimate=eta, reason="no class varies: there is no F")
        else:
            f = anova(values)
            yield _row(ANOVA, n=n, statistic=f.statistic, df=f.df, p=f.p, estimate=eta, reason=reason)
        return
    yield from (_row(test, n=n, reason=reason) for test in (KRUSKAL, ANOVA))


def _pair(name_a: str, name_b: str, a: np.ndarray, b: np.ndarray) -> Iterator[dict[str, Any]]:
    about = {"class_a": name_a, "class_b": name_b, "n_a": len(a), "n_b": len(b), "n": len(a) + len(b)}
    few = [f"{name} has {len(values)}" for name, values in ((name_a, a), (name_b, b)) if len(values) < FEWEST]
    reason = f"a class needs at least {FEWEST} cases: {', '.join(few)}" if few else None
    if reason is None and is_constant(a, b):
        reason = _same(len(a) + len(b))
    if reason:
        yield from (_row(test, **about, reason=reason) for test in (MANN_WHITNEY, WELCH))
        return
    u, delta = mann_whitney(a, b), cliffs_delta(a, b)
    interval = {"estimate": delta.estimate, "low": delta.low, "high": delta.high}
    yield _row(MANN_WHITNEY, **about, statistic=u.statistic, p=u.p, **interval)
    g = hedges_g(a, b)
    if g is None:
        yield _row(WELCH, **about, reason="neither class varies: there is no t")
        return
    t = welch(a, b)
    interval = {"estimate": g.estimate, "low": g.low, "high": g.high}
    yield _row(WELCH, **about, statistic=t.statistic, df=t.df, p=t.p, **interval)


def _row(test: str, **values: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(COLUMNS)
    return empty | {"test": test, "effect": EFFECTS[test]} | values


def _same(n: int) -> str:
    return f"the same value in all {n} cases"


def _false_discovery(p: pl.Series) -> pl.Series:
    return pl.Series(p.name, false_discovery(p.to_numpy())).fill_nan(None)
