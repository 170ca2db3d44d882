"""What a run knows of how far its predictions can be trusted, fitted after training and kept in the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.settings import check_flag, check_number
from locgraph.trust.calibrator import METHODS, Calibrator
from locgraph.trust.measures import Measures
from locgraph.trust.prediction_sets import PredictionSets
from locgraph.trust.unlike import UnlikeFovs

UNLIKE: Final = "unlike"
UNCERTAIN: Final = "uncertain"
REASONS: Final = (UNLIKE, UNCERTAIN)
"""Reasons for which no class is returned."""


@dataclass(frozen=True)
class TrustSettings:
    """How predictions are calibrated and judged.

    Attributes:
        calibration: ``temperature``, ``vector`` or ``none``.
        coverage: Fraction of FOVs whose true class is in their prediction set.
        by_class: Whether this holds within each class, which takes more validation FOVs, rather than over all.
        false_alarms: Fraction of FOVs like those of training that may be called unlike.

    Raises:
        ConfigError: A value cannot work.
    """

    calibration: str = "temperature"
    coverage: float = 0.95
    by_class: bool = False
    false_alarms: float = 0.05

    def __post_init__(self) -> None:
        if self.calibration not in METHODS:
            raise ConfigError(
                f"expected one of {', '.join(METHODS)}, found {self.calibration!r}", setting="calibration"
            )
        for name in ("coverage", "false_alarms"):
            if check_number(name, getattr(self, name), above=0.0, at_most=1.0) == 1.0:
                raise ConfigError("expected a number above 0 and below 1, found 1", setting=name)
        check_flag("by_class", self.by_class)


def check_abstain(abstain: Sequence[str] | str | None, setting: str = "abstain") -> tuple[str, ...]:
    """Return the reasons for which no class is returned.

    Args:
        abstain: Some of ``unlike`` and ``uncertain``, one of them, or None.
        setting: Name of the argument in messages.

    Raises:
        ConfigError: A reason is unknown.
    """
    reasons = (abstain,) if isinstance(abstain, str) else tuple(abstain or ())
    if set(reasons) - set(REASONS):
        raise ConfigError(f"expected some of {', '.join(REASONS)}, found {list(reasons)}", setting=setting)
    return reasons


@dataclass(frozen=True)
class Trust:
    """Calibration, prediction sets and unlike FOVs of one trained network.

    Args:
        class_names: The K classes in the order of the probabilities.
        settings: What was asked for.
        calibrator: Calibration of probabilities.
        sets: Prediction sets; None where there was no validation FOV with a class.
        unlike: Tells FOVs unlike those of training.
    """

    class_names: tuple[str, ...]
    settings: TrustSettings
    calibrator: Calibrator
    sets: PredictionSets | None
    unlike: UnlikeFovs

    @classmethod
    def fit(
        cls,
        settings: TrustSettings,
        class_names: Sequence[str],
        probabilities: np.ndarray,
        targets: np.ndarray,
        unlike: UnlikeFovs,
    ) -> Self:
        """Fit to the validation FOVs with a class.

        Args:
            settings: What to fit.
            class_names: The K classes.
            probabilities: (N, K) float64 of the network.
            targets: (N,) int64, index of the true class.
            unlike: Tells FOVs unlike those of training, fitted.
        """
        calibrator = Calibrator.fit(settings.calibration, probabilities, targets)
        sets = PredictionSets.fit(calibrator.apply(probabilities), targets, settings.by_class) if len(targets) else None
        return cls(tuple(class_names), settings, calibrator, sets, unlike)

    def calibrate(self, probabilities: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, (N, K) float64."""
        return self.calibrator.apply(probabilities)

    def judge(
        self,
        predictions: pl.DataFrame,
        measures: Measures,
        vectors: pl.DataFrame | None,
        abstain: Sequence[str] = (),
    ) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Add what is known of each prediction to a table.

        Args:
            predictions: One row for each FOV, with ``prediction`` and calibrated ``p_<class>``.
            measures: Of the same FOVs.
            vectors: ``fov_id``, ``v_0``, ... of the same FOVs, of the network that ``unlike`` was fitted to.
            abstain: Reasons for which the decision is null: ``unlike``, ``uncertain``.

        Returns:
            The table, and warnings that name unlike FOVs and what is unlike. It has further columns:
            ``prediction_set``, the classes that conform at the coverage; ``credibility``, the largest conformal
            p-value of a class; ``typicality``, ``typicality_p``, ``unlike`` and ``unlike_reasons`` of
            `locgraph.trust.unlike.UnlikeFovs`; and ``decision``, the predicted class or null.
        """
        table, uncertain = self._add_sets(predictions)
        judged = self.unlike.judge(measures, vectors, self.settings.false_alarms)
        table = table.join(judged.table, on=schema.FOV_ID, how="left", maintain_order="left")
        withheld = {UNCERTAIN: pl.Series(uncertain), UNLIKE: table[schema.UNLIKE].fill_null(False)}
        decision = pl.col(schema.PREDICTION)
        for reason in abstain:
            decision = pl.when(withheld[reason]).then(None).otherwise(decision)
        return table.with_columns(decision.alias(schema.DECISION)), judged.sentences()

    def _add_sets(self, predictions: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
        """Return the table with prediction sets, and which rows are uncertain (N,) bool: all but sets of one class."""
        if self.sets is None:
            return predictions, np.zeros(predictions.height, dtype=bool)
        columns = [schema.PROBABILITY_PREFIX + name for name in self.class_names]
        probabilities = predictions.select(columns).to_numpy().astype(np.float64)
        inside = self.sets.contains(probabilities, self.settings.coverage)
        names = [[name for name, here in zip(self.class_names, row, strict=True) if here] for row in inside]
        table = predictions.with_columns(
            pl.Series(schema.PREDICTION_SET, names, dtype=pl.List(pl.String)),
            pl.Series(schema.CREDIBILITY, self.sets.p_values(probabilities).max(axis=1)),
        )
        return table, inside.sum(axis=1) != 1

    def limits(self) -> tuple[str, ...]:
        """Return what could not be fitted, and why: one sentence each."""
        words = list(self.unlike.notes)
        if self.calibrator.reason:
            words.append(f"probabilities are not calibrated: {self.calibrator.reason}")
        if self.sets is None:
            words.append("there are no prediction sets: no FOV to compare with has a class")
            return tuple(words)
        few = self.sets.too_few(self.settings.coverage, len(self.class_names))
        needed = int(np.ceil(1.0 / (1.0 - self.settings.coverage) - 1e-9)) - 1
        for index, size in few.items():
            of = "" if index is None else f" of class {self.class_names[index]}"
            words.append(
                f"prediction sets at a coverage of {self.settings.coverage:g} always hold "
                f"{'every class' if index is None else 'this class'}: there are {size} FOVs{of} to compare with, it "
                f"takes {needed}; lower trust.coverage, or take more FOVs"
            )
        return tuple(words)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        return {
            "class_names": list(self.class_names),
            "settings": asdict(self.settings),
            "calibrator": self.calibrator.to_plain(),
            "sets": None if self.sets is None else self.sets.to_plain(),
            "unlike": self.unlike.to_plain(),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_plain` wrote."""
        return cls(
            tuple(plain["class_names"]),
            TrustSettings(**plain["settings"]),
            Calibrator.from_plain(plain["calibrator"]),
            None if plain["sets"] is None else PredictionSets.from_plain(plain["sets"]),
            UnlikeFovs.from_plain(plain["unlike"]),
        )
