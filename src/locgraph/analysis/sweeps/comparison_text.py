"""A pair of methods, and a model against all of its rivals, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locgraph.analysis.sweeps.outcomes import MODEL
from locgraph.analysis.sweeps.summary_text import interval, number, p_words


def pair_words(row: Mapping[str, Any], rope: float, n_pairs: int) -> str:
    """Return one pair of `locgraph.analysis.sweeps.comparison.Comparison.table` in a sentence or two.

    Args:
        row: The pair.
        rope: Half the width of the region of practical equivalence.
        n_pairs: How many pairs were compared.
    """
    first = "The model" if row["first"] == MODEL else row["first"]
    if row["n_fovs"] and not row["n_first"] and not row["n_second"]:
        return f"{first} and {row['second']} classify the same of {row['n_fovs']} FOVs correctly."
    ends = (
        "" if row["interval_low"] is None else f" (95 % interval {interval(row['interval_low'], row['interval_high'])})"
    )
    which = "ahead of" if row["difference"] > 0 else "behind"
    words = f"{first} is {which} {row['second']} by {number(abs(row['difference']))}{ends}"
    if row["difference"] == 0:
        words = f"{first} and {row['second']} are equally often right{ends}"
    tests = [
        p_words(row[name]) + f" over {row[count]} {what}"
        for name, count, what in (("p_folds", "n_folds", "folds"), ("p_fovs", "n_fovs", "FOVs"))
        if row[name] is not None
    ]
    if row["p_holm"] is not None and n_pairs > 1:
        tests.append(f"{p_words(row['p_holm'])} after Holm's correction for {n_pairs} pairs")
    words += f"; {', '.join(tests)}." if tests else "."
    if row["p_equal"] is None:
        return words
    return (
        f"{words} Better by more than {rope:g} with probability {row['p_better']:.2f}, practically alike with "
        f"{row['p_equal']:.2f}, worse with {row['p_worse']:.2f}."
    )
