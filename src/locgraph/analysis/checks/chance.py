"""Is a result above chance? Simple classifiers on the same folds, with the labels as they are and permuted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.control_folds import ControlFolds
from locgraph.analysis.checks.kernel_ridge import accuracies
from locgraph.analysis.controls import CONTROL
from locgraph.analysis.sweeps.summary_text import number, p_words
from locgraph.errors import DataError
from locgraph.settings import check_whole
from locgraph.stats.metrics import ACCURACY
from locgraph.stats.permutation import Exchange, find_exchange, permutation_p

NETWORK: Final = "network"
PERMUTED: Final = "permuted"
COLUMNS: Final[dict[str, Any]] = {
    CONTROL: pl.String,
    ACCURACY: pl.Float64,
    "chance": pl.Float64,
    "chance_high": pl.Float64,
    "n": pl.Int64,
    "p": pl.Float64,
    "p_any": pl.Float64,
    PERMUTED: pl.List(pl.Float64),
}
"""One row for each classifier, named by its input, or ``network``: mean accuracy over folds; with permuted labels the
mean, the 95 % quantile, and each of ``n`` accuracies; p, and p against the best of all simple classifiers in each
permutation, which corrects for their number."""
LEVEL: Final = 0.05


def measure_chance(folds: ControlFolds, permutations: int = 200, seed: int = 0) -> Check:
    """Test whether simple classifiers know more of the classes than chance.

    Each input of a control is given to `locgraph.analysis.checks.kernel_ridge`, whose fit to one set of labels is a fit
    to all: no permutation costs a training. Ojala and Garriga 2010, JMLR 11:1833.

    Args:
        folds: Features of the controls, labels and folds.
        permutations: How many; p is at least 1 / (1 + permutations).
        seed: Of the permutations.

    Returns:
        A table with `COLUMNS`, the best classifier first, and one sentence.

    Raises:
        ConfigError: ``permutations`` is no whole number of at least 1.
        DataError: There is one class, or no label can be exchanged.
    """
    check_whole("permutations", permutations, at_least=1)
    exchange = find_exchange(folds.labels, folds.groups, folds.tests)
    rng = np.random.default_rng(seed)
    drawn = np.stack([folds.labels, *(exchange.draw(rng) for _ in range(permutations))])
    by_input = {name: _accuracies(values, drawn, folds.folds) for name, values in folds.features.items()}
    best = np.max([each[1:] for each in by_input.values()], axis=0)
    rows = [_row(name, each[0], each[1:], permutation_p(each[0], best)) for name, each in by_input.items()]
    table = pl.DataFrame(rows, schema=COLUMNS).sort(ACCURACY, descending=True, maintain_order=True)
    return Check(table, (_simple_words(table.row(0, named=True), exchange),), _limits(exchange, folds))


def add_network(chance: Check, observed: float, null: np.ndarray) -> Check:
    """Return the check with the network: its accuracy on one fold, and (n,) when trained on permuted labels."""
    row = _row(NETWORK, observed, null, None)
    sentence = (
        f"The network reaches {number(observed)}, and {number(row['chance'])} when trained on permuted labels "
        f"({_evidence(row['p'], row['n'])})."
    )
    table = pl.concat([pl.DataFrame([row], schema=COLUMNS), chance.table])
    return Check(table, (*chance.sentences, sentence), chance.warnings)


def _simple_words(row: Mapping[str, Any], exchange: Exchange) -> str:
    return (
        f"The best simple classifier, on {row[CONTROL].replace('_', ' ')}, names the class of {number(row[ACCURACY])} "
        f"of the test FOVs, and of {number(row['chance'])} with permuted {exchange} "
        f"({_evidence(row['p_any'], row['n'])})."
    )


def _evidence(p: float, n: int) -> str:
    verdict = "above chance" if p < LEVEL else "not shown to be above chance"
    if n * LEVEL < 1 - LEVEL:
        verdict = "too few permutations to show p = 0.05"
    return f"{n} permutations, {p_words(p)}: {verdict}"


def _row(name: str, observed: float, null: np.ndarray, p_any: float | None) -> dict[str, Any]:
    return {
        CONTROL: name,
        ACCURACY: float(observed),
        "chance": float(null.mean()),
        "chance_high": float(np.quantile(null, 0.95)),
        "n": len(null),
        "p": permutation_p(observed, null),
        "p_any": p_any,
        PERMUTED: null.tolist(),
    }


def _accuracies(
    values: np.ndarray, drawn: np.ndarray, folds: Mapping[int, tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Return the mean accuracy over folds for each set of labels (P,).

    Args:
        values: (N, F) float64, NaN where one is missing.
        drawn: (P, N) labels.
        folds: Fold -> rows of training and test.
    """
    used = [(fold, *sides) for fold, sides in folds.items() if all(map(len, sides))]
    if not used:
        raise DataError("expected a fold with training and test FOVs, found none")
    return np.mean([accuracies(values, drawn, train, test, fold) for fold, train, test in used], axis=0)


def _limits(exchange: Exchange, folds: ControlFolds) -> tuple[str, ...]:
    notes = []
    if exchange.log_arrangements < np.log(1 / LEVEL):
        notes.append(
            f"labels can be arranged in only {round(np.exp(exchange.log_arrangements))} ways: p cannot be below "
            f"{np.exp(-exchange.log_arrangements):.2f}, whatever the classes say"
        )
    if folds.tests is None:
        notes.append(
            "FOVs are tested in several folds, so that permuted labels are not stratified as the true ones are"
        )
    return tuple(notes)
