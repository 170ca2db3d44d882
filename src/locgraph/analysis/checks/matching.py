"""Fields of view (FOVs) made equal in count, density or precision: what is left is the shape of the structures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.checks.acquisition import COUNT, DENSITY, MEASURES, PRECISION, measure
from locgraph.analysis.controls import MIN_EQUAL_COUNT, fov_generator
from locgraph.errors import ConfigError, DataError

KINDS: Final = (COUNT, DENSITY, PRECISION)
"""What FOVs can be made equal in."""

QUANTILE: Final = 0.1
"""Fraction of the FOVs of the class with the lowest values that may lie below the common value, and are left out."""


@dataclass(frozen=True)
class Matching:
    """FOVs that are equal in one number.

    Attributes:
        kind: One of `KINDS`.
        target: The common value.
        fovs: ``fov_id`` -> its localisations, with ``x``, ``y``, ... in nm.
        left_out: ``fov_id`` -> why it cannot be made equal.
    """

    kind: str
    target: float
    fovs: Mapping[str, pl.DataFrame]
    left_out: Mapping[str, str]

    @property
    def words(self) -> str:
        """How the FOVs were made equal."""
        return {
            COUNT: f"thinned to {self.target:.0f} localisations",
            DENSITY: f"thinned to {self.target:.3g} localisations per extent squared or cubed, in nm",
            PRECISION: f"jittered to a precision of {self.target:.2f} nm",
        }[self.kind]


def match_fovs(kind: str, fovs: Mapping[str, pl.DataFrame], labels: Mapping[str, str], seed: int) -> Matching:
    """Make FOVs equal in count, density or precision.

    Counts and densities can only be lowered, by thinning at random, and precision only be made worse, by Gaussian noise
    of the missing variance on x and y of each localisation. The common value is therefore that which all but `QUANTILE`
    of the FOVs of the least favourable class can reach; those others are left out, by name.

    Args:
        kind: One of `KINDS`.
        fovs: ``fov_id`` -> all localisations of the FOV, with ``cluster_id``.
        labels: Class of each FOV.
        seed: Of thinning and noise; each FOV has its own generator.

    Raises:
        ConfigError: The kind is unknown.
        DataError: The number is not known of every FOV.
    """
    if kind not in KINDS:
        raise ConfigError(f"expected some of {list(KINDS)}, found {kind!r}", setting="kinds")
    values = {name: measure(locs)[kind] for name, locs in fovs.items()}
    unknown = [name for name, value in values.items() if value is None or value <= 0]
    if unknown or not values:
        raise DataError(f"{MEASURES[kind].words} is not known of {len(unknown)} FOVs, such as {unknown[:3]}")
    known = {name: float(value) for name, value in values.items() if value is not None}
    target = _target(kind, known, labels)
    matched, left_out = {}, {}
    for name, locs in fovs.items():
        rng = fov_generator(seed, name)
        if kind == PRECISION:
            if known[name] > target:
                left_out[name] = f"precision of {known[name]:.2f} nm"
            else:
                matched[name] = _jitter(locs, target, rng)
            continue
        kept = int(target if kind == COUNT else round(target * locs.height / known[name]))
        if known[name] < target or kept < MIN_EQUAL_COUNT:
            left_out[name] = f"{locs.height} localisations, {kept} asked for, at least {MIN_EQUAL_COUNT}"
        else:
            matched[name] = locs[np.sort(rng.choice(locs.height, min(kept, locs.height), replace=False))]
    return Matching(kind, target, matched, left_out)


def _target(kind: str, values: Mapping[str, float], labels: Mapping[str, str]) -> float:
    """Return the value that all but `QUANTILE` of the FOVs of each class can reach."""
    by_class: dict[str, list[float]] = {}
    for name, value in values.items():
        by_class.setdefault(labels[name], []).append(value)
    if kind == PRECISION:
        return max(float(np.quantile(own, 1 - QUANTILE, method="higher")) for own in by_class.values())
    target = min(float(np.quantile(own, QUANTILE, method="lower")) for own in by_class.values())
    return max(target, MIN_EQUAL_COUNT) if kind == COUNT else target


def _jitter(locs: pl.DataFrame, target: float, rng: np.random.Generator) -> pl.DataFrame:
    """Return localisations with noise in x and y, so that each has at least the standard deviation ``target`` in nm."""
    own = locs[schema.PRECISION].cast(pl.Float64).fill_null(0.0).fill_nan(0.0).to_numpy()
    added = np.sqrt(np.maximum(target**2 - own**2, 0.0))
    noise = rng.normal(size=(locs.height, 2)) * added[:, None]
    return locs.with_columns(
        pl.col(schema.X) + noise[:, 0],
        pl.col(schema.Y) + noise[:, 1],
        pl.Series(schema.PRECISION, np.maximum(own, target)),
    )
