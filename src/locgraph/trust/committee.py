"""Predictions of several networks as one: pooled probabilities, disagreement, and what members say of each FOV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from scipy.special import softmax, xlogy

from locgraph import schema
from locgraph.trust.prediction_sets import PredictionSets
from locgraph.trust.trust import UNCERTAIN, UNLIKE, Trust

_SMALLEST: Final = 1e-12


@dataclass(frozen=True)
class CommitteeSets:
    """Prediction sets of several networks.

    Members with the same validation FOVs (seeds of one fold) have mean nonconformities of these, with which those of a
    new FOV are compared as in split conformal prediction: the coverage is that of a single network. The validation
    FOVs of one fold are training FOVs of another, so members of different folds have no FOV to calibrate together;
    their p-values are averaged. Twice a mean of p-values is a p-value (Vovk and Wang 2020, 10.1093/biomet/asaa027):
    the error rate is at most twice the nominal one.

    Args:
        class_names: The K classes in the order of the pooled probabilities.
        members: What each network knows of how far it can be trusted; each has prediction sets.
        shared: Whether all members have the same validation FOVs, in the same order.
    """

    class_names: tuple[str, ...]
    members: tuple[Trust, ...]
    shared: bool

    @property
    def coverage(self) -> float:
        """Nominal coverage: the largest of the members."""
        return max(member.settings.coverage for member in self.members)

    @property
    def validity(self) -> str:
        """What the coverage rests on, as a sentence."""
        if self.shared:
            return (
                f"prediction sets hold the true class of at least {self.coverage:.3g} of FOVs like those of training: "
                "they are calibrated on validation FOVs that all members share"
            )
        return (
            f"prediction sets are meant to hold the true class of {self.coverage:.3g} of FOVs like those of training, "
            f"and hold that of at least {max(0.0, 2 * self.coverage - 1):.3g}: members have different validation FOVs, "
            "so that their p-values are averaged"
        )

    def p_values(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the p-value of each class for each FOV, (N, K) float64.

        Args:
            probabilities: (M, N, K) float64, of each member, classes in the order of `class_names`.
        """
        first = self.members[0].sets
        if self.shared and first is not None:
            scores = np.mean([member.sets.scores for member in self.members if member.sets is not None], axis=0)
            classes = np.array([self._order(self.members[0])[place] for place in first.classes], dtype=np.int64)
            return PredictionSets(scores, classes, first.by_class).p_values(probabilities.mean(axis=0))
        values = np.zeros(probabilities.shape[1:])
        for member, own in zip(self.members, probabilities, strict=True):
            if member.sets is not None:
                order = self._order(member)
                values[:, order] += member.sets.p_values(own[:, order])
        return values / len(self.members)

    def _order(self, member: Trust) -> list[int]:
        """Return the place of each class of a member among those of the committee."""
        return [self.class_names.index(name) for name in member.class_names]


def committee_sets(
    class_names: Sequence[str], members: Sequence[Trust | None], validation: Sequence[Sequence[str]]
) -> CommitteeSets | None:
    """Return the prediction sets of several networks; None where one of them has none.

    Args:
        class_names: Classes in the order of the pooled probabilities.
        members: What each network knows.
        validation: Validation FOVs of each network.
    """
    known = tuple(member for member in members if member is not None and member.sets is not None)
    if len(known) < len(members):
        return None
    kinds = {(tuple(fovs), member.settings.by_class) for fovs, member in zip(validation, known, strict=True)}
    sizes = {len(member.sets.scores) for member in known if member.sets is not None}
    return CommitteeSets(tuple(class_names), known, len(kinds) == len(sizes) == 1)


def join_members(
    tables: Sequence[pl.DataFrame],
    class_names: Sequence[str],
    sets: CommitteeSets | None,
    abstain: Sequence[str] = (),
) -> pl.DataFrame:
    """Join the predictions of several networks for the same FOVs.

    Args:
        tables: ``predictions.parquet`` of each network, with the same FOVs and classes; rows and columns in any order.
        class_names: The K classes.
        sets: Prediction sets; None adds none.
        abstain: Reasons for which ``decision`` is null: ``unlike``, ``uncertain``.

    Returns:
        One row for each FOV in the order of the first table: ``fov_id``, ``fold`` (null where members are of several),
        ``split``, ``truth``, ``prediction``; ``p_<class>`` and ``uncalibrated_<class>``, pooled over the members;
        ``disagreement``, the mutual information of class and member in nats, 0 where all have the same probabilities
        (Houlsby et al. 2011, arXiv 1112.5745); ``n_members``; medians of ``typicality`` and ``typicality_p``,
        ``unlike`` where half of the members say so, and ``unlike_reasons``, where they know; ``prediction_set``,
        ``credibility`` and ``decision`` as for one network.
    """
    first = tables[0]
    order = first.select(schema.FOV_ID)
    aligned = [order.join(table, on=schema.FOV_ID, how="left", maintain_order="left") for table in tables]
    columns = [schema.PROBABILITY_PREFIX + name for name in class_names]
    members = np.stack([table.select(columns).to_numpy().astype(np.float64) for table in aligned])
    pooled = pool_probabilities(members)
    folds = pl.concat(table.select(schema.FOLD) for table in tables).to_series()
    joined = first.select(
        schema.FOV_ID,
        pl.lit(folds[0] if folds.n_unique() == 1 else None, pl.Int64).alias(schema.FOLD),
        schema.SPLIT,
        schema.TRUTH,
        pl.Series(schema.PREDICTION, [class_names[place] for place in pooled.argmax(axis=1)], pl.String),
        *(pl.Series(column, pooled[:, place]) for place, column in enumerate(columns)),
        pl.Series(schema.DISAGREEMENT, disagreement(members)),
        pl.lit(len(tables), pl.Int64).alias(schema.N_MEMBERS),
    )
    before = [schema.UNCALIBRATED_PREFIX + name for name in class_names]
    if all(name in table.columns for table in aligned for name in before):
        raw = pool_probabilities(np.stack([table.select(before).to_numpy().astype(np.float64) for table in aligned]))
        joined = joined.with_columns(pl.Series(name, raw[:, place]) for place, name in enumerate(before))
    joined = joined.with_columns(_join_unlike(aligned))
    return _decide(joined, members, class_names, sets, abstain)


def pool_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Return the normalised geometric mean over the members, (N, K) float64, of probabilities (M, N, K).

    It is the logarithmic opinion pool with equal weights (Genest and Zidek 1986, 10.1214/ss/1177013825). Arithmetic
    means of calibrated probabilities are too cautious (Rahaman and Thiery 2021, arXiv 2007.08792), which was also
    measured here: see `docs/predict.md`.
    """
    pooled: np.ndarray = softmax(np.log(np.maximum(probabilities, _SMALLEST)).mean(axis=0), axis=1)
    return pooled


def disagreement(probabilities: np.ndarray) -> np.ndarray:
    """Return the mutual information of class and member, (N,) float64 in nats, of probabilities (M, N, K)."""
    mean = probabilities.mean(axis=0)
    total = -xlogy(mean, mean).sum(axis=1)
    own = -xlogy(probabilities, probabilities).sum(axis=2).mean(axis=0)
    return np.maximum(total - own, 0.0)


def _join_unlike(tables: Sequence[pl.DataFrame]) -> list[pl.Series]:
    """Return the columns about FOVs unlike those of training, where all members have them."""
    joined = []
    for name in (schema.TYPICALITY, schema.TYPICALITY_P):
        if all(name in table.columns for table in tables):
            values = pl.DataFrame([table[name].alias(str(place)) for place, table in enumerate(tables)])
            joined.append(values.select(pl.concat_list(pl.all()).list.median()).to_series().alias(name))
    if all(schema.UNLIKE in table.columns for table in tables):
        votes = np.stack([table[schema.UNLIKE].to_numpy() for table in tables])
        joined.append(pl.Series(schema.UNLIKE, votes.mean(axis=0) >= 0.5, pl.Boolean))
        rows = zip(*(table[schema.UNLIKE_REASONS].to_list() for table in tables), strict=True)
        reasons = [list(dict.fromkeys(reason for own in row for reason in own or ())) for row in rows]
        joined.append(pl.Series(schema.UNLIKE_REASONS, reasons, pl.List(pl.String)))
    return joined


def _decide(
    joined: pl.DataFrame,
    members: np.ndarray,
    class_names: Sequence[str],
    sets: CommitteeSets | None,
    abstain: Sequence[str],
) -> pl.DataFrame:
    """Add prediction sets and the decision."""
    withheld = np.zeros(joined.height, dtype=bool)
    if sets is not None:
        p_values = sets.p_values(members)
        inside = p_values > 1.0 - sets.coverage + 1e-9
        names = [[name for name, here in zip(class_names, row, strict=True) if here] for row in inside]
        joined = joined.with_columns(
            pl.Series(schema.PREDICTION_SET, names, pl.List(pl.String)),
            pl.Series(schema.CREDIBILITY, p_values.max(axis=1)),
        )
        if UNCERTAIN in abstain:
            withheld |= inside.sum(axis=1) != 1
    if UNLIKE in abstain and schema.UNLIKE in joined.columns:
        withheld |= joined[schema.UNLIKE].to_numpy()
    decision = pl.when(pl.Series(withheld)).then(None).otherwise(pl.col(schema.PREDICTION))
    return joined.with_columns(decision.alias(schema.DECISION))
