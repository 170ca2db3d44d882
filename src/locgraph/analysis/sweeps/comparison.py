"""Several methods on the same test FOVs, in pairs: differences with intervals, tests over folds and FOVs, effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.stats import rankdata

from locgraph.analysis.sweeps.comparison_text import pair_words
from locgraph.analysis.sweeps.methods import Method, paired_fovs
from locgraph.analysis.sweeps.outcomes import difference_interval_of
from locgraph.errors import ConfigError, DataError
from locgraph.provenance import whole_file, write_json
from locgraph.run_folder import COMPARISON_RECORD, COMPARISON_TABLE
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY
from locgraph.stats.paired import cohens_g, corrected_t_test, practical_equivalence
from locgraph.stats.tests import holm

ROPE: Final = 0.01
"""Half the width of the region of practical equivalence: one FOV in a hundred."""
LEVEL: Final = 0.05
"""Two methods are told apart below this p-value, after Holm's correction."""
METRICS: Final = (ACCURACY, BALANCED_ACCURACY)

_ROUNDING: Final = 1e-12
_NUMBERS: Final = (
    *("first_mean", "second_mean", "difference", "interval_low", "interval_high"),
    *("t", "p_folds", "p_fovs", "p", "p_holm"),
    *("p_worse", "p_equal", "p_better", "cohens_d", "cohens_g"),
)


@dataclass(frozen=True)
class Comparison:
    """Methods compared in pairs.

    Attributes:
        metric: ``accuracy`` or ``balanced_accuracy``.
        rope: Half the width of the region of practical equivalence.
        scores: One row for each method, the best first: ``method``, ``mean``, ``rank`` (mean over the shared folds, 1
            is best), ``fold_<number>``.
        table: One row for each pair: ``first`` and ``second`` (methods), ``n_folds`` and ``n_fovs`` (that both have),
            ``first_mean``, ``second_mean`` and ``difference`` (over these folds), ``interval_low``, ``interval_high``
            (95 % interval, `difference_interval_of`), ``t``, ``p_folds`` (`corrected_t_test`), ``n_first`` and
            ``n_second`` (FOVs that this one alone classifies correctly, or more often over seeds), ``p_fovs``
            (`sign_flip_test`: McNemar's), ``p`` (the larger of the two), ``p_holm`` (after Holm, over all pairs),
            ``p_worse``, ``p_equal``, ``p_better`` (`practical_equivalence`), ``cohens_d`` (mean over standard deviation
            of the folds), ``cohens_g`` (of discordant FOVs), ``note`` (what could not be computed, and why); null where
            there is no number.
        all_pairs: Whether every pair was compared; otherwise each method with the first.
        notes: What was left out, as plain sentences.
    """

    metric: str
    rope: float
    scores: pl.DataFrame
    table: pl.DataFrame
    all_pairs: bool
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Comparison({self.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{self.sentence}</p>{self.table._repr_html_()}"

    @property
    def sentence(self) -> str:
        """The first pair in words; of several, that of the two best methods, or of the model and its best rival."""
        rows = self.table.to_dicts()
        order = {name: place for place, name in enumerate(self.scores["method"])}
        return pair_words(min(rows, key=lambda row: order[row["first"]] + order[row["second"]]), self.rope, len(rows))

    def alike(self) -> list[tuple[str, ...]]:
        """Return the largest sets of methods, neighbours by rank, of which no pair is told apart; of two or more.

        A pair without a p-value is not told apart.
        """
        ranked = self.scores.sort("rank", maintain_order=True)["method"].to_list()
        apart = {
            frozenset((row["first"], row["second"]))
            for row in self.table.to_dicts()
            if row["p_holm"] is not None and row["p_holm"] < LEVEL
        }
        runs = [
            (start, end)
            for start in range(len(ranked))
            for end in range(start + 2, len(ranked) + 1)
            if not any(frozenset(pair) in apart for pair in combinations(ranked[start:end], 2))
        ]
        largest = [own for own in runs if not any(_holds(other, own) for other in runs if other != own)]
        return [tuple(ranked[start:end]) for start, end in largest]

    def content(self) -> dict[str, Any]:
        """Return plain values, as they are written to ``comparison.json``."""
        return {
            "metric": self.metric,
            "rope": self.rope,
            "sentence": self.sentence,
            "notes": list(self.notes),
            "all_pairs": self.all_pairs,
            "scores": self.scores.to_dicts(),
            "pairs": self.table.to_dicts(),
        }

    def write(self, folder: Path) -> None:
        """Write ``comparison.json`` (everything) and ``comparison.parquet`` (the pairs)."""
        write_json(folder / COMPARISON_RECORD, self.content())
        with whole_file(folder / COMPARISON_TABLE) as temporary:
            self.table.write_parquet(temporary)


def compare_methods(
    methods: Sequence[Method],
    *,
    all_pairs: bool,
    metric: str = ACCURACY,
    rope: float = ROPE,
    notes: Sequence[str] = (),
) -> Comparison:
    """Compare methods on the folds and test FOVs that they share.

    Args:
        methods: At least two, with folds of the same numbers.
        all_pairs: Whether to compare every pair; otherwise the first method with each other one.
        metric: ``accuracy`` or ``balanced_accuracy``; tests over FOVs are of right and wrong in both.
        rope: Half the width of the region of practical equivalence, in the unit of the metric.
        notes: What was left out before.

    Raises:
        DataError: There are fewer than two methods, two have one name, or two share no fold.
        ConfigError: A setting is out of range.
    """
    if metric not in METRICS:
        raise ConfigError(f"expected one of {', '.join(METRICS)}, found {metric!r}", setting="metric")
    names = [method.name for method in methods]
    if len(methods) < 2:
        raise DataError(f"expected at least two methods to compare, found {', '.join(names) or 'none'}")
    if len(set(names)) < len(names):
        raise DataError(f"expected methods of different names, found {', '.join(names)}")
    pairs = combinations(methods, 2) if all_pairs else ((methods[0], other) for other in methods[1:])
    rows = [_pair(first, second, metric, rope) for first, second in pairs]
    corrected = holm(np.array([np.nan if row["p"] is None else row["p"] for row in rows]))
    for row, p in zip(rows, corrected, strict=True):
        row["p_holm"] = None if np.isnan(p) else float(p)
    columns: dict[str, Any] = {"first": pl.String, "second": pl.String}
    columns |= dict.fromkeys(("n_folds", "n_fovs"), pl.Int64) | dict.fromkeys(_NUMBERS[:7], pl.Float64)
    columns |= dict.fromkeys(("n_first", "n_second"), pl.Int64) | dict.fromkeys(_NUMBERS[7:], pl.Float64)
    table = pl.DataFrame(rows, schema=columns | {"note": pl.String})
    return Comparison(metric, rope, _scores(methods, metric), table, all_pairs, tuple(notes))


def _pair(first: Method, second: Method, metric: str, rope: float) -> dict[str, Any]:
    values, others = first.folds[metric], second.folds[metric]
    folds = sorted(values.keys() & others.keys())
    if not folds:
        raise DataError(
            f"expected {metric} of the same folds, found it for folds {sorted(values)} of {first.name} and "
            f"{sorted(others)} of {second.name}"
        )
    by_fold = {fold: values[fold] - others[fold] for fold in folds}
    differences, overlap = list(by_fold.values()), (first.overlap + second.overlap) / 2
    interval = difference_interval_of(metric, by_fold, overlap, first.outcomes, second.outcomes)
    over_folds = corrected_t_test(differences, overlap)
    equivalence = practical_equivalence(differences, overlap, rope)
    fovs = paired_fovs(first.outcomes, second.outcomes, folds)
    known = [test for test in (None if over_folds is None else over_folds.p, fovs.p) if test is not None]
    deviation = float(np.std(differences, ddof=1)) if over_folds is not None else 0.0
    return {
        "first": first.name,
        "second": second.name,
        "n_folds": len(folds),
        "n_fovs": fovs.n,
        "first_mean": float(np.mean([values[fold] for fold in folds])),
        "second_mean": float(np.mean([others[fold] for fold in folds])),
        "difference": interval.estimate,
        "interval_low": interval.low,
        "interval_high": interval.high,
        "t": over_folds and over_folds.statistic,
        "p_folds": over_folds and over_folds.p,
        "n_first": fovs.n_first,
        "n_second": fovs.n_second,
        "p_fovs": fovs.p,
        "p": max(known, default=None),
        "p_worse": equivalence and equivalence.worse,
        "p_equal": equivalence and equivalence.equal,
        "p_better": equivalence and equivalence.better,
        "cohens_d": interval.estimate / deviation if deviation > _ROUNDING else None,
        "cohens_g": None if fovs.n_first is None or fovs.n_second is None else cohens_g(fovs.n_first, fovs.n_second),
        "note": "; ".join(filter(None, (_no_test(differences, over_folds is None), fovs.reason, interval.reason)))
        or None,
    }


def _no_test(differences: Sequence[float], missing: bool) -> str:
    if not missing:
        return ""
    why = "one fold does not show how much folds differ" if len(differences) == 1 else "all folds differ alike"
    return f"no test over folds: {why}"


def _scores(methods: Sequence[Method], metric: str) -> pl.DataFrame:
    shared = sorted(set.intersection(*(set(method.folds[metric]) for method in methods)))
    values = np.array([[method.folds[metric][fold] for fold in shared] for method in methods])
    ranks = rankdata(-np.round(values, 9), axis=0).mean(axis=1) if shared else np.full(len(methods), np.nan)
    rows = [
        {
            "method": method.name,
            "mean": float(np.mean(list(method.folds[metric].values()))),
            "rank": None if np.isnan(rank) else float(rank),
            **{f"fold_{fold}": value for fold, value in sorted(method.folds[metric].items())},
        }
        for method, rank in zip(methods, ranks, strict=True)
    ]
    every = sorted({fold for method in methods for fold in method.folds[metric]})
    columns = {"method": pl.String} | dict.fromkeys(("mean", "rank", *(f"fold_{fold}" for fold in every)), pl.Float64)
    return pl.DataFrame(rows, schema=columns).sort("mean", descending=True, maintain_order=True)


def _holds(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
