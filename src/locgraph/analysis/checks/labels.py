"""Classes that may be wrong, and fields of view (FOVs) whose class would teach most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.checks.check import Check
from locgraph.data.folds import TEST
from locgraph.errors import DataError
from locgraph.settings import check_whole
from locgraph.stats.confident_learning import confident_classes, confident_joint, find_label_issues

GIVEN: Final = "given"
SUGGESTED: Final = "suggested"
QUALITY: Final = "quality"
P_SUGGESTED: Final = "p_of_suggested"
ISSUE: Final = "issue"
ENTROPY: Final = "entropy"
MARGIN: Final = "margin"
RANK: Final = "rank"

_SHOWN: Final = 5


def check_labels(predictions: pl.DataFrame, class_names: Sequence[str]) -> Check:
    """Find FOVs whose given class the networks that did not train on them contradict.

    Confident learning: a FOV confidently has a class where its probability is at least the mean over the FOVs that are
    given this class, so that classes which the network finds difficult need less (`locgraph.stats.confident_learning`).
    FOVs that were tested several times have the mean of their probabilities.

    Args:
        predictions: ``fov_id``, ``fold``, ``split``, ``truth`` and ``p_<class>`` of the test sides.
        class_names: The K classes.

    Returns:
        One row for each FOV, the lowest ``quality`` (probability of the given class) first: ``fov_id``, ``fold``,
        ``given``, ``suggested`` (the most probable class, or the confident one where it is an issue), ``quality``,
        ``p_of_suggested``, ``issue``.

    Raises:
        DataError: No test FOV has a class, or all have the same one.
    """
    columns = [f"{schema.PROBABILITY_PREFIX}{name}" for name in class_names]
    tested = predictions.filter(pl.col(schema.SPLIT) == TEST, pl.col(schema.TRUTH).is_in(list(class_names)))
    table = tested.group_by(schema.FOV_ID, maintain_order=True).agg(
        pl.col(schema.FOLD).first(), pl.col(schema.TRUTH).first(), pl.col(columns).cast(pl.Float64).mean()
    )
    if table[schema.TRUTH].n_unique() < 2:
        raise DataError(
            f"expected test FOVs of two classes at least, found {table.height} of "
            f"{table[schema.TRUTH].unique().to_list()}: labels are compared with predictions of the test sides"
        )
    probabilities = table.select(columns).to_numpy()
    place = {name: index for index, name in enumerate(class_names)}
    labels = np.array([place[name] for name in table[schema.TRUTH]])
    issues = find_label_issues(probabilities, labels)
    suggested = np.where(issues, confident_classes(probabilities, labels), probabilities.argmax(axis=1))
    rows = np.arange(len(labels))
    result = table.select(
        schema.FOV_ID,
        schema.FOLD,
        pl.col(schema.TRUTH).alias(GIVEN),
        pl.Series(SUGGESTED, [class_names[index] for index in suggested]),
        pl.Series(QUALITY, probabilities[rows, labels]),
        pl.Series(P_SUGGESTED, probabilities[rows, suggested]),
        pl.Series(ISSUE, issues),
    ).sort(QUALITY, schema.FOV_ID)
    joint = confident_joint(probabilities, labels)
    return Check(result, (_describe(result, float(1 - np.trace(joint) / joint.sum())),))


def _describe(table: pl.DataFrame, fraction: float) -> str:
    issues = table.filter(pl.col(ISSUE)).to_dicts()
    head = f"Of {table.height} FOVs {len(issues)} {'has' if len(issues) == 1 else 'have'} a class that predictions of "
    head += "networks which did not train on them contradict"
    if not issues:
        return f"{head}."
    shown = ", ".join(f"{row[schema.FOV_ID]} (given {row[GIVEN]}, rather {row[SUGGESTED]})" for row in issues[:_SHOWN])
    more = f" and {len(issues) - _SHOWN} more" if len(issues) > _SHOWN else ""
    return (
        f"{head}: {shown}{more}; about {fraction:.1%} of the classes would be wrong if the networks were right. Look "
        "at them: a FOV that the networks get wrong appears here too."
    )


def choose_next(
    predictions: pl.DataFrame, class_names: Sequence[str], number: int, vectors: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Choose unlabelled FOVs whose class would teach most: uncertain ones that differ from each other.

    The first is the one with the largest entropy of its probabilities. Each further one has the largest product of
    entropy and distance to the nearest that is chosen already (k-centre, Sener and Savarese 2018, arXiv:1708.00489,
    weighted by uncertainty): distances of learned vectors, each value standardised, or of the square roots of
    probabilities (Hellinger's) where there are no vectors.

    Args:
        predictions: ``fov_id``, ``truth`` and ``p_<class>``; rows with a truth are left out.
        class_names: The K classes.
        number: How many are chosen at most.
        vectors: ``fov_id`` and ``v_0``, ... of one network.

    Returns:
        ``rank`` from 1, ``fov_id``, ``prediction``, ``entropy`` (from 0 to 1), ``margin`` (of the two most probable).

    Raises:
        ConfigError: ``number`` is below 1.
        DataError: Every FOV has a class, or the predictions are of other classes.
    """
    check_whole("number", number, at_least=1)
    columns = [f"{schema.PROBABILITY_PREFIX}{name}" for name in class_names]
    absent = [name for name in columns if name not in predictions.columns]
    if absent:
        raise DataError(f"expected predictions of the classes {list(class_names)}, found no column {absent}")
    table = predictions.filter(pl.col(schema.TRUTH).is_null()).unique(schema.FOV_ID, keep="first", maintain_order=True)
    if table.is_empty():
        raise DataError(
            f"expected FOVs without a class, found none among {predictions.height}: nothing is left to label"
        )
    probabilities = table.select(columns).cast(pl.Float64).to_numpy()
    logarithms = np.log(np.where(probabilities > 0, probabilities, 1.0))
    entropy = np.maximum(-(probabilities * logarithms).sum(axis=1) / np.log(len(class_names)), 0.0)
    highest = np.sort(probabilities, axis=1)
    chosen = _far_and_uncertain(_places(table, probabilities, vectors), entropy, number)
    about = table.select(
        schema.FOV_ID,
        schema.PREDICTION,
        pl.Series(ENTROPY, entropy),
        pl.Series(MARGIN, highest[:, -1] - highest[:, -2]),
    )
    return about[chosen].with_columns(pl.int_range(1, pl.len() + 1).alias(RANK)).select(RANK, *about.columns)


def _places(table: pl.DataFrame, probabilities: np.ndarray, vectors: pl.DataFrame | None) -> np.ndarray:
    """Return where FOVs lie (N, D), so that unlike ones are far from each other."""
    if vectors is None:
        return np.sqrt(probabilities)
    columns = [name for name in vectors.columns if name.startswith(schema.VECTOR_PREFIX)]
    own = vectors.unique(schema.FOV_ID, keep="first").select(schema.FOV_ID, pl.col(columns).cast(pl.Float64))
    values = table.select(schema.FOV_ID).join(own, on=schema.FOV_ID, how="left", maintain_order="left")
    if not columns or values[columns[0]].is_null().any():
        return np.sqrt(probabilities)
    places = values.select(columns).to_numpy()
    deviations = places.std(axis=0)
    scaled: np.ndarray = (places - places.mean(axis=0)) / np.where(deviations > 0, deviations, 1.0)
    return scaled


def _far_and_uncertain(places: np.ndarray, entropy: np.ndarray, number: int) -> list[int]:
    chosen = [int(entropy.argmax())]
    nearest = np.full(len(places), np.inf)
    while len(chosen) < min(number, len(places)):
        nearest = np.minimum(nearest, np.linalg.norm(places - places[chosen[-1]], axis=1))
        worth = nearest * entropy
        worth[chosen] = -1.0
        chosen.append(int(worth.argmax()))
    return chosen
