"""Is a result above chance? Simple classifiers on the same folds, with the labels as they are and permuted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl
from sklearn.kernel_ridge import KernelRidge

from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.control_folds import ControlFolds
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

_ALPHA: Final = 0.1
_MOST_TRAINED: Final = 2000
"""Training FOVs of a fold; the kernel of more would need gigabytes."""
_AT_ONCE: Final = 200


def measure_chance(folds: ControlFolds, permutations: int = 200, seed: int = 0) -> Check:
    """Test whether simple classifiers know more of the classes than chance.

    Each input of a control is given to kernel ridge regression on the classes (a least-squares support vector machine;
    Suykens and Vandewalle 1999, 10.1023/A:1018628609742), whose fit to one set of labels is a fit to all: no
    permutation costs a training. Ojala and Garriga 2010, JMLR 11:1833.

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
    accuracies = {name: _accuracies(values, drawn, folds.folds) for name, values in folds.features.items()}
    best = np.max([each[1:] for each in accuracies.values()], axis=0)
    rows = [_row(name, each[0], each[1:], permutation_p(each[0], best)) for name, each in accuracies.items()]
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
    names, codes = np.unique(drawn, return_inverse=True)
    codes = codes.reshape(drawn.shape)
    total = np.zeros(len(drawn))
    tested = 0
    for fold, (train, test) in folds.items():
        if not len(test) or not len(train):
            continue
        # which of many FOVs are trained on does not depend on their labels
        rows = (
            np.random.default_rng(fold).choice(train, _MOST_TRAINED, replace=False)
            if len(train) > _MOST_TRAINED
            else train
        )
        seen, asked = _standardised(values[rows], values[test])
        ridge = KernelRidge(alpha=_ALPHA, kernel="rbf", gamma=_gamma(seen))
        for start in range(0, len(drawn), _AT_ONCE):
            chosen = codes[start : start + _AT_ONCE]
            targets = (chosen[:, rows, None] == np.arange(len(names))).transpose(1, 0, 2).astype(np.float64)
            means = targets.mean(axis=0)
            ridge.fit(seen, (targets - means).reshape(len(rows), -1))
            predicted = (ridge.predict(asked).reshape(len(test), *means.shape) + means).argmax(axis=2)
            total[start : start + _AT_ONCE] += (chosen[:, test] == predicted.T).mean(axis=1)
        tested += 1
    if not tested:
        raise DataError("expected a fold with training and test FOVs, found none")
    return total / tested


def _standardised(seen: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test rows with mean 0 and deviation 1 on the training side, the mean where one is missing."""
    known = ~np.isnan(seen)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, seen, 0.0).sum(axis=0) / counts
    deviations = (np.where(known, seen - means, 0.0) ** 2).sum(axis=0) / counts
    scale = np.where(deviations > 0, deviations, 1.0) ** 0.5
    standard = [np.nan_to_num((rows - means) / scale) for rows in (seen, asked)]
    return standard[0], standard[1]


def _gamma(seen: np.ndarray) -> float:
    """Return 1 / the median squared distance of training rows (N, F), of a part of them where they are many."""
    some = seen[:: max(1, len(seen) // 500)]
    squares = ((some[:, None] - some[None]) ** 2).sum(axis=2)[np.triu_indices(len(some), 1)]
    median = float(np.median(squares)) if len(squares) else 0.0
    return 1 / median if median > 0 else 1.0


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
