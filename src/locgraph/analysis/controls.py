"""Controls: simple methods on the same split, which a network has to beat.

Each structure is often imaged in an experiment of its own, so that the number of localisations alone may predict the
class; the controls measure how much of a result could come from it.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import numba
import numpy as np
import polars as pl
from sklearn.ensemble import RandomForestClassifier

from locgraph import schema
from locgraph.analysis.channel_control import channel_descriptor, choose_channels
from locgraph.analysis.control_inputs import ControlInputs
from locgraph.errors import ConfigError, DataError, FoldError
from locgraph.graphs.descriptors import MAX_LOCALISATIONS, draw_sample, pair_histogram, principal_deviations
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY, balanced_accuracy

CLUSTER_FEATURES: Final = "cluster_features"
PAIR_DISTANCES_AND_COUNT: Final = "pair_distances_and_count"
CLUSTERED_PAIR_DISTANCES: Final = "clustered_pair_distances"
CHANNEL_PAIR_DISTANCES: Final = "channel_pair_distances"
PAIR_DISTANCES: Final = "pair_distances"
COUNT_ALONE: Final = "count_alone"
SHUFFLED_POSITIONS: Final = "shuffled_positions"
EQUAL_COUNTS: Final = "equal_counts"
MAJORITY_CLASS: Final = "majority_class"

MEANINGS: Final = {
    CLUSTER_FEATURES: "forest on means, deviations and quantiles of the cluster features, and the numbers",
    PAIR_DISTANCES_AND_COUNT: "forest on pair distances, extent and number of localisations",
    CLUSTERED_PAIR_DISTANCES: "the same, of the localisations in clusters alone",
    CHANNEL_PAIR_DISTANCES: "forest on pair distances within and between channels, extents and numbers",
    PAIR_DISTANCES: "forest on pair distances and extent",
    COUNT_ALONE: "forest on the number of localisations",
    SHUFFLED_POSITIONS: "first forest, positions drawn from all training FOVs: what is left is the number",
    EQUAL_COUNTS: "second forest, every FOV thinned to the same number of localisations",
    MAJORITY_CLASS: "always the most frequent training class",
}
"""Every control and what it is, in the order of the table."""

MIN_EQUAL_COUNT: Final = 20
"""No FOV is thinned below this: fewer localisations have no shape."""

CONTROL: Final = "control"
"""Column with the name of the control."""

N_TREES: Final = 200
_RANGE_QUANTILE: Final = 0.95

_T = TypeVar("_T")


def run_controls(
    positions: Mapping[str, np.ndarray],
    labels: Mapping[str, str],
    train: Sequence[str],
    test: Sequence[str],
    seed: int,
) -> pl.DataFrame:
    """Return the scores of the controls on positions alone; see `predict_controls` and `score_controls`."""
    predictions = predict_controls(ControlInputs(positions), labels, train, test, seed)
    return score_controls(predictions, len(train))


def predict_controls(
    inputs: ControlInputs,
    labels: Mapping[str, str],
    train: Sequence[str],
    test: Sequence[str],
    seed: int,
    wanted: Collection[str] = MEANINGS,
) -> pl.DataFrame:
    """Train every control on the training FOVs of a fold and predict the test FOVs.

    The result depends neither on the order of the FOVs nor on others in the mappings. The upper end of the
    pair-distance histogram and the pool of shuffled positions come from training FOVs alone.

    Args:
        inputs: What the controls see.
        labels: ``fov_id`` -> class name.
        train: Training FOVs.
        test: Test FOVs.
        seed: Of the forests, the shuffling and the thinning.
        wanted: Which of `MEANINGS`.

    Returns:
        One row for each control, in the order of `MEANINGS`, and test FOV: ``control``, ``fov_id``, ``truth``,
        ``prediction``. Controls whose input is not given are absent.

    Raises:
        FoldError: A part is empty, or a FOV is in both.
        DataError: A FOV has no position, cluster features or label, or positions differ in dimension.
    """
    train, test = sorted(train), sorted(test)
    _check_split(train, test)
    fovs, n_train = [*train, *test], len(train)
    tables = control_features(inputs, fovs, train, seed, wanted)
    truth = np.array([_lookup(labels, fov, "label") for fov in fovs])
    predictions = {}
    for control, table in tables.items():
        forest = RandomForestClassifier(n_estimators=N_TREES, random_state=seed, n_jobs=1)
        forest.fit(table[:n_train], truth[:n_train])
        predictions[control] = forest.predict(table[n_train:]).tolist()
    names, frequency = np.unique(truth[:n_train], return_counts=True)
    if MAJORITY_CLASS in wanted:
        predictions[MAJORITY_CLASS] = [str(names[frequency.argmax()])] * len(test)
    columns = {schema.FOV_ID: test, schema.TRUTH: truth[n_train:].tolist()}
    return pl.concat(
        pl.DataFrame({CONTROL: [name] * len(test), **columns, schema.PREDICTION: predictions[name]})
        for name in MEANINGS
        if name in predictions
    )


def score_controls(predictions: pl.DataFrame, n_train: int) -> pl.DataFrame:
    """Return the scores of predictions of `predict_controls`.

    Args:
        predictions: Columns ``control``, ``truth``, ``prediction``.
        n_train: Number of training FOVs.

    Returns:
        One row for each control: ``control``, ``accuracy``, ``balanced_accuracy`` (mean recall over the classes of the
        test FOVs), ``n_train``, ``n_test``.
    """
    rows = []
    for (name,), table in predictions.group_by(CONTROL, maintain_order=True):
        truth, predicted = table[schema.TRUTH].to_numpy(), table[schema.PREDICTION].to_numpy()
        scores = {
            ACCURACY: float((predicted == truth).mean()),
            BALANCED_ACCURACY: balanced_accuracy(truth, predicted),
        }
        rows.append({CONTROL: name, **scores, "n_train": n_train, "n_test": len(truth)})
    return pl.DataFrame(rows)


def control_features(
    inputs: ControlInputs, fovs: Sequence[str], train: Sequence[str], seed: int, wanted: Collection[str] = MEANINGS
) -> dict[str, np.ndarray]:
    """Return what each forest sees.

    Args:
        inputs: What the controls see.
        fovs: The FOVs, those of ``train`` first.
        train: FOVs that give the ends of the histograms and the pool of shuffled positions.
        seed: Of the shuffling and the thinning.
        wanted: Which of `MEANINGS`.

    Returns:
        Control -> (FOVs, F) float64, rows in the order of ``fovs``; NaN where a feature of a cluster is missing.

    Raises:
        DataError: A FOV has no position or cluster features, or positions differ in dimension.
    """
    clouds = _clouds(inputs.positions, fovs)
    end = fit_max_distance(clouds[fov] for fov in train)
    full = _descriptors(clouds, end)
    tables = {PAIR_DISTANCES_AND_COUNT: full, PAIR_DISTANCES: full[:, :-1], COUNT_ALONE: full[:, -1:]}
    if SHUFFLED_POSITIONS in wanted:
        tables[SHUFFLED_POSITIONS] = _descriptors(shuffle_positions(clouds, train, seed), end)
    if EQUAL_COUNTS in wanted:
        tables[EQUAL_COUNTS] = _descriptors(thin_to_equal_counts(clouds, seed), end)[:, :-1]
    if inputs.clustered is not None and any(len(inputs.clustered[fov]) < len(clouds[fov]) for fov in clouds):
        clustered = _clouds(inputs.clustered, list(clouds))
        tables[CLUSTERED_PAIR_DISTANCES] = _descriptors(clustered, fit_max_distance(clustered[fov] for fov in train))
    if inputs.channels is not None:
        chosen = choose_channels(inputs.channels, train)
        rows = [channel_descriptor(points, inputs.channels[fov], chosen, end) for fov, points in clouds.items()]
        tables[CHANNEL_PAIR_DISTANCES] = np.stack(rows)
    if inputs.features is not None:
        features = np.stack([_lookup(inputs.features, fov, "cluster features") for fov in clouds])
        # a forest splits by missing values, but not in a column that has no others
        tables[CLUSTER_FEATURES] = features[:, ~np.isnan(features[: len(train)]).all(axis=0)]
    return {name: table for name, table in tables.items() if name in wanted}


def _clouds(positions: Mapping[str, np.ndarray], fovs: Sequence[str]) -> dict[str, np.ndarray]:
    clouds = {fov: _lookup(positions, fov, "positions") for fov in fovs}
    _check_dimensions(clouds)
    return clouds


def _descriptors(clouds: Mapping[str, np.ndarray], max_distance_nm: float) -> np.ndarray:
    """Return `fov_descriptor` with the count of each FOV, (FOVs, F) float64."""
    rows = [fov_descriptor(points, max_distance_nm=max_distance_nm, with_count=True) for points in clouds.values()]
    return np.stack(rows)


def fov_descriptor(positions: np.ndarray, *, max_distance_nm: float, with_count: bool, n_bins: int = 60) -> np.ndarray:
    """Return pair distances, extent and number of localisations of one FOV as one row of numbers.

    None of them changes when the FOV is shifted, rotated or reflected. A forest on this row is the simplest method that
    uses the shape of a structure, and the control that every network has to beat.

    The histogram (the distribution D2 of Osada et al. 2002, 10.1145/571647.571648) has bins of equal width from 0 to
    ``max_distance_nm``, the last of which also holds all that is farther; it sums to 1, or to 0 where there is only one
    localisation. Of more than ``MAX_LOCALISATIONS`` localisations a random subset, the same every time, gives the
    pairs; extent and number are always those of all of them.

    Args:
        positions: (N, D) float64 in nm, N >= 1.
        max_distance_nm: Upper end of the histogram in nm, from `fit_max_distance` on the training FOVs.
        with_count: Append the number of localisations N.
        n_bins: Number of bins.

    Returns:
        (n_bins + D,) float64, or (n_bins + D + 1,) with the count: the histogram, then the standard deviations in nm
        along the principal axes (square roots of the eigenvalues of the covariance), largest first, then N.

    Raises:
        DataError: There is no localisation, or a coordinate is not finite.
        ConfigError: ``max_distance_nm`` or ``n_bins`` is not positive.
    """
    if not (np.isfinite(max_distance_nm) and max_distance_nm > 0):
        raise ConfigError(f"expected a length above 0 in nm, found {max_distance_nm}", setting="max_distance_nm")
    if n_bins < 1:
        raise ConfigError(f"expected at least 1, found {n_bins}", setting="n_bins")
    centred = _centred(positions)
    parts = [pair_histogram(draw_sample(centred), n_bins, max_distance_nm), principal_deviations(centred)]
    if with_count:
        parts.append(np.array([len(centred)], dtype=np.float64))
    return np.concatenate(parts)


def fit_max_distance(fovs: Iterable[np.ndarray]) -> float:
    """Return the upper end of the histogram for a set of FOVs: the 95 % quantile of their largest pair distances.

    A quantile that some FOV has, so that up to one FOV in twenty of another size, or with a stray localisation far
    away, does not squeeze all others into the first bins.

    Args:
        fovs: Positions (N, D) in nm of each FOV. Training FOVs only: the range is fitted.

    Returns:
        The distance in nm.

    Raises:
        DataError: There is no FOV, or none with two localisations at different places.
    """
    largest = [_largest_distance(draw_sample(_centred(positions))) for positions in fovs]
    distance = float(np.quantile(largest, _RANGE_QUANTILE, method="lower")) if largest else 0.0
    if distance <= 0:
        raise DataError(
            f"expected FOVs with localisations at different places, found none among {len(largest)}: "
            "pair distances have no range"
        )
    return distance


def _centred(positions: np.ndarray) -> np.ndarray:
    """Return positions relative to their mean, float64, checked."""
    points = np.asarray(positions, dtype=np.float64)
    if points.ndim != 2 or 0 in points.shape:
        raise DataError(f"expected positions (N, D) of at least one localisation, found shape {points.shape}")
    if not np.isfinite(points).all():
        raise DataError("expected finite positions, found NaN or infinity: locgraph.io.read refuses such rows")
    return points - points.mean(axis=0)


@numba.njit(cache=True)
def _largest_distance(points: np.ndarray) -> float:  # pragma: no cover (compiled)
    largest = 0.0
    for first in range(points.shape[0]):
        for second in range(first):
            squared = 0.0
            for axis in range(points.shape[1]):
                squared += (points[first, axis] - points[second, axis]) ** 2
            largest = max(largest, squared)
    return np.sqrt(largest)


def shuffle_positions(clouds: Mapping[str, np.ndarray], train: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """Replace every FOV by as many draws, with replacement, from the pooled positions of the training FOVs.

    Each FOV is centred before pooling: where it lay on the coverslip is not part of its shape. FOVs with more
    localisations than 95 % of the others give a random part of theirs: one large FOV would be the pool alone.

    Args:
        clouds: ``fov_id`` -> (N, D) float64.
        train: The FOVs whose positions are pooled.
        seed: Of the draws; each FOV has its own generator.

    Returns:
        ``fov_id`` -> (N, D) float64 with the same N.
    """
    most = int(np.quantile([len(clouds[fov]) for fov in train], _RANGE_QUANTILE, method="lower"))
    centred = {fov: clouds[fov] - clouds[fov].mean(axis=0) for fov in train}
    pool = np.concatenate([_thin(points, most, fov_generator(seed, fov)) for fov, points in centred.items()])
    return {fov: pool[fov_generator(seed, fov).integers(len(pool), size=len(points))] for fov, points in clouds.items()}


def thin_to_equal_counts(clouds: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Thin every FOV at random to the number of localisations of the smallest.

    The number is at least `MIN_EQUAL_COUNT` (FOVs with fewer stay as they are) and at most `MAX_LOCALISATIONS`, which
    is all the descriptor uses.

    Args:
        clouds: ``fov_id`` -> (N, D) float64.
        seed: Of the choice; each FOV has its own generator.

    Returns:
        ``fov_id`` -> (n, D) float64.
    """
    smallest = min(len(points) for points in clouds.values())
    kept = min(max(smallest, MIN_EQUAL_COUNT), MAX_LOCALISATIONS)
    return {fov: _thin(points, kept, fov_generator(seed, fov)) for fov, points in clouds.items()}


def _thin(points: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random part of the points (N, D) where they are more than ``most``."""
    return points[rng.choice(len(points), most, replace=False)] if len(points) > most else points


def fov_generator(seed: int, fov_id: str) -> np.random.Generator:
    """Return the generator of one FOV, whatever others there are."""
    return np.random.default_rng([seed, zlib.crc32(fov_id.encode())])


def _check_split(train: Sequence[str], test: Sequence[str]) -> None:
    if not train or not test:
        raise FoldError(f"controls need training and test FOVs, found {len(train)} and {len(test)}")
    both = sorted(set(train) & set(test))
    if both or len(set(train)) < len(train) or len(set(test)) < len(test):
        named = f"in both: {', '.join(both[:10])}" if both else "named twice in one of them"
        raise FoldError(f"each FOV must be in one of training and test, once; found FOVs {named}: make the folds again")


def _check_dimensions(clouds: Mapping[str, np.ndarray]) -> None:
    shapes = {fov: np.shape(points) for fov, points in clouds.items()}
    first = next(iter(shapes))
    for fov, shape in shapes.items():
        if len(shape) != 2 or shape[0] == 0 or shape[1] != shapes[first][-1]:
            raise DataError(f"FOV {fov}: expected positions like the (N, D) of {first}, {shapes[first]}, found {shape}")


def _lookup(table: Mapping[str, _T], fov: str, what: str) -> _T:
    value = table.get(fov)
    if value is None:
        raise DataError(f"FOV {fov} is in the fold but has no {what}: make the folds again from this manifest")
    return value
