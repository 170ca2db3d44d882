"""The table of a benchmark as people read it: a line for each number, a column for each representation."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from locgraph.analysis.representations.scores import METRICS, REPRESENTATION, label_of

NOT_THERE: Final = "-"
"""Cell without a number."""


def rows(table: pl.DataFrame, intervals: bool) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the names of the columns, and the cells of each line, its label first.

    Controls, which have no vectors, stand at the right. The value of chance stands in the label.

    Args:
        table: See `locgraph.analysis.representations.scores.score_table`.
        intervals: Whether cells hold the interval too.
    """
    names = table[REPRESENTATION].unique(maintain_order=True).to_list()
    lines = []
    for metric in METRICS:
        of_metric = table.filter(pl.col("metric") == metric)
        for about in of_metric["about"].unique(maintain_order=True):
            cells = {row[REPRESENTATION]: row for row in of_metric.filter(pl.col("about") == about).to_dicts()}
            if all(row["value"] is None for row in cells.values()):
                continue
            chances = [row["chance"] for row in cells.values() if row["chance"] is not None]
            label = label_of(metric, about) + (f" (chance {chances[0]:.2g})" if chances else "")
            lines.append((label, *(_cell(cells.get(name), intervals) for name in names)))
    return names, lines


def reasons(table: pl.DataFrame) -> list[str]:
    """Return why numbers are missing, one sentence for each reason."""
    missing = table.filter(pl.col("value").is_null())
    lines: list[tuple[str, str, str]] = []
    for (name, reason), part in missing.group_by(REPRESENTATION, "reason", maintain_order=True):
        # of one kind the first words stand for all
        labels = dict.fromkeys(label_of(row["metric"], row["about"]).partition(",")[0] for row in part.to_dicts())
        lines.append((str(reason), str(name), "; ".join(labels)))
    joined: dict[tuple[str, str], list[str]] = {}
    for reason, name, labels_text in lines:
        joined.setdefault((labels_text, reason), []).append(name)
    everyone = table.filter(~pl.col("is_control"))[REPRESENTATION].n_unique()
    return [
        f"{'' if len(several) == everyone else ', '.join(several) + ': '}no {labels}: {reason}"
        for (labels, reason), several in joined.items()
    ]


def _cell(row: dict[str, Any] | None, interval: bool) -> str:
    if row is None or row["value"] is None:
        return NOT_THERE
    value = f"{row['value']:.3g}" if abs(row["value"]) < 1000 else f"{row['value']:,.0f}"
    if not interval or row["interval_low"] is None or row["interval_high"] is None:
        return value
    return f"{value} ({row['interval_low']:.3g} to {row['interval_high']:.3g})"
