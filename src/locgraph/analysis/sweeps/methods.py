"""Methods on the same test FOVs: pairs of them over FOVs, and a model against all of its rivals at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.sweeps.outcomes import CORRECT, columns_of
from locgraph.stats.metrics import ACCURACY
from locgraph.stats.paired import corrected_t_test, sign_flip_test

_KEYS: Final = (schema.FOLD, schema.FOV_ID)
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Method:
    """What is known of one method.

    Attributes:
        name: Its name.
        folds: Metric -> fold -> value, the mean over seeds.
        outcomes: Which test FOVs it classifies correctly (`locgraph.analysis.sweeps.outcomes`).
        overlap: n_test / n_train of a fold.
    """

    name: str
    folds: Mapping[str, Mapping[int, float]]
    outcomes: pl.DataFrame
    overlap: float


@dataclass(frozen=True)
class PairedFovs:
    """Two methods on the same FOVs.

    Attributes:
        n: FOVs that both were tested on; None where their names are not known, as are the other numbers.
        n_first: FOVs that the first classifies correctly more often.
        n_second: FOVs that the second classifies correctly more often.
        p: Two-sided p of `sign_flip_test`.
        p_greater: One-sided p, that the first is right more often.
        reason: Why there is no test; empty where there is one.
    """

    n: int | None = None
    n_first: int | None = None
    n_second: int | None = None
    p: float | None = None
    p_greater: float | None = None
    reason: str = ""


def paired_fovs(first: pl.DataFrame, second: pl.DataFrame, folds: Sequence[int]) -> PairedFovs:
    """Test two methods on the test FOVs of some folds, each FOV or group once, however often it was tested.

    Args:
        first: Outcomes of the first.
        second: Outcomes of the second.
        folds: The folds that both have.
    """
    known = [table.filter(pl.col(schema.FOLD).is_in(list(folds))) for table in (first, second)]
    both = known[0].join(known[1], on=_KEYS, how="inner", suffix="_2")
    if both.is_empty() or both.height < known[0].height:
        return PairedFovs(reason="no test over FOVs: it is not known which of them each classifies correctly")
    _, fovs, groups = columns_of(both)
    differences = (both[CORRECT] - both[f"{CORRECT}_2"]).to_numpy()
    sums = np.bincount(np.unique(fovs, return_inverse=True)[1], differences)
    owners = fovs if groups is None else groups
    return PairedFovs(
        len(sums),
        int((sums > _ROUNDING).sum()),
        int((sums < -_ROUNDING).sum()),
        sign_flip_test(differences, owners).p,
        sign_flip_test(differences, owners, greater=True).p,
    )


def better_than_all(model: Method, rivals: Sequence[Method]) -> dict[str, Any] | None:
    """Test whether a model is more often right than every one of several rivals, whichever of them is the best.

    The best of several is not known beforehand, and choosing it by the same test FOVs would need a correction. To be
    better than the best is to be better than each, and the largest of the p-values tests that without one: the
    intersection-union test (Berger 1982, 10.1080/00401706.1982.10487790). Each is twice its one-sided p, so that it
    agrees with a two-sided interval, and is 1 where the model is behind.

    Args:
        model: The model.
        rivals: The others.

    Returns:
        ``p``, the larger of ``p_folds`` (`corrected_t_test`) and ``p_fovs`` (`sign_flip_test`), each the largest over
        the rivals and None where no rival has one; ``hardest``, the rival with ``p``; ``of``, how many there are. None
        without a rival, or where one cannot be tested.
    """
    tests = {rival.name: _better_than(model, rival) for rival in rivals}
    if not tests or not all(map(_known, tests.values())):
        return None
    largest = {name: max(_known(pair)) for name, pair in tests.items()}
    hardest = max(largest, key=lambda name: largest[name])
    p_folds, p_fovs = (max(_known(side), default=None) for side in zip(*tests.values(), strict=True))
    return {"p": largest[hardest], "p_folds": p_folds, "p_fovs": p_fovs, "hardest": hardest, "of": len(rivals)}


def _better_than(model: Method, rival: Method) -> tuple[float | None, float | None]:
    """Return the p-values over folds and over FOVs; None where there is no test."""
    values, others = model.folds[ACCURACY], rival.folds[ACCURACY]
    folds = sorted(values.keys() & others.keys())
    differences = [values[fold] - others[fold] for fold in folds]
    over_folds = corrected_t_test(differences, model.overlap, greater=True)
    one_sided = (
        None if over_folds is None else over_folds.p,
        paired_fovs(model.outcomes, rival.outcomes, folds).p_greater,
    )
    p_folds, p_fovs = (None if p is None else min(1.0, 2 * p) for p in one_sided)
    return p_folds, p_fovs


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
