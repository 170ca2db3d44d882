"""Two sweeps over the same folds beside each other, paired by fold and FOV."""

from __future__ import annotations

import numpy as np
import polars as pl

from locgraph.analysis.sweeps.outcomes import SOURCE, difference_interval_of
from locgraph.analysis.sweeps.summary import Summary


def compare_summaries(summary: Summary, other: Summary) -> pl.DataFrame:
    """Compare two sweeps on the folds that both completed.

    Args:
        summary: Of one sweep.
        other: Of another one, with the same folds of the same data.

    Returns:
        One row for each source (`MODEL` or a control) and metric that both have: ``source``, ``metric``, ``n_folds``
        (shared folds), ``mean`` and ``other_mean`` over these, ``difference`` (the first less the other),
        ``interval_low`` and ``interval_high`` (95 % interval of the difference, `difference_interval_of`), and
        ``fold_<index>``, the difference of each shared fold.
    """
    rows = []
    folds: set[int] = set()
    for source, metric in summary.table.select("source", "metric").iter_rows():
        values, others = summary.folds(metric).get(source, {}), other.folds(metric).get(source, {})
        shared = sorted(values.keys() & others.keys())
        if not shared:
            continue
        folds |= set(shared)
        differences = {fold: values[fold] - others[fold] for fold in shared}
        sides = (each.outcomes.filter(pl.col(SOURCE) == source) for each in (summary, other))
        interval = difference_interval_of(metric, differences, summary.overlap, *sides)
        rows.append(
            {
                "source": source,
                "metric": metric,
                "n_folds": len(shared),
                "mean": float(np.mean([values[fold] for fold in shared])),
                "other_mean": float(np.mean([others[fold] for fold in shared])),
                "difference": interval.estimate,
                "interval_low": interval.low,
                "interval_high": interval.high,
                **{f"fold_{fold}": value for fold, value in differences.items()},
            }
        )
    numbers = ("mean", "other_mean", "difference", "interval_low", "interval_high")
    columns = {"source": pl.String, "metric": pl.String, "n_folds": pl.Int64}
    columns |= dict.fromkeys((*numbers, *(f"fold_{fold}" for fold in sorted(folds))), pl.Float64)
    return pl.DataFrame(rows, schema=columns)
