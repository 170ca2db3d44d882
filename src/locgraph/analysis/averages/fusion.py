"""Superposition of objects by registration: a first template from pairs, then all objects on the average of the others.

Template-free particle fusion registers all pairs (Heydarian et al. 2018, 10.1038/s41592-018-0136-6), whose number grows
with the square of the objects. Here pairs of a few objects give the first template, and all others are laid on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.analysis.averages.clouds import Clouds
from locgraph.analysis.averages.frames import find_axis, turn_upright
from locgraph.analysis.averages.poses import Poses, axis_rotations, identity
from locgraph.analysis.averages.template import Template, join
from locgraph.analysis.averages.workbench import Workbench, centred, lay_on_others, set_up
from locgraph.stats.rotational_symmetry import Symmetry

_FIRST: Final = 8
_SEEDS: Final = 3
_FIRST_PASSES: Final = 3
_SCANS: Final = 2
_PASSES: Final = 6
_SETTLED: Final = 1e-3


@dataclass(frozen=True)
class Fusion:
    """Objects laid upon each other.

    Attributes:
        poses: Of each object.
        scores: (K,) float64 in [0, 1], cosine of each object with the average of the others; NaN of a single object.
        symmetry: Of the average, before objects were spread over equivalent poses.
        order: Of the symmetry over which they were spread.
    """

    poses: Poses
    scores: np.ndarray
    symmetry: Symmetry
    order: int


def fuse(clouds: Clouds, symmetry: int | None, mirror: bool, seed: int) -> Fusion:
    """Lay objects upon each other by registration.

    Overlap grows where many localisations are already, so objects of a symmetric structure turn their fullest sites to
    the same place: the hot spot of particle fusion. Where the average has a symmetry C_n, objects are laid on an
    average that is made C_n, and then spread over the n poses that are equal, evenly and at random.

    Args:
        clouds: At least one object.
        symmetry: Order that is known, 1 for none; None estimates it.
        mirror: Whether mirror images may be laid upon each other.
        seed: Of all that is random.
    """
    rng = np.random.default_rng(seed)
    bench = set_up(clouds, mirror, rng)
    still = np.zeros(bench.dimensions)
    poses, scores = identity(len(bench), bench.dimensions), np.full(len(bench), np.nan)
    if len(bench) > 1:
        poses, scores = _settle(bench, first_poses(bench, rng), 1, rng)
    axis = find_axis(clouds, poses, symmetry, seed)
    order = axis.symmetry.order if symmetry is None else symmetry
    if order == 1:
        return Fusion(poses.then(turn_upright(clouds, poses), still), scores, axis.symmetry, 1)
    poses = poses.then(axis.turn, -axis.centre)
    if len(bench) > 1:
        poses, scores = _settle(bench, poses, order, rng)
    places = rng.permutation(len(bench)) % order
    turns = axis_rotations(2 * np.pi * places / order, bench.dimensions)
    return Fusion(poses.then(turns, still), scores, axis.symmetry, order)


def _settle(bench: Workbench, poses: Poses, order: int, rng: np.random.Generator) -> tuple[Poses, np.ndarray]:
    """Lay all objects on the average of the others until their scores do not rise."""
    best = -np.inf
    for turn in range(_PASSES):
        poses, scores = lay_on_others(bench, poses, order, turn < _SCANS, rng)
        mean = float(scores.mean())
        if turn >= _SCANS and mean < best + _SETTLED:
            break
        best = max(best, mean)
    return poses, scores


def first_poses(bench: Workbench, rng: np.random.Generator) -> Poses:
    """Return first poses of all objects: on a template that is made of pairs of a few.

    Of up to eight objects all pairs are registered. Each of the three that agree best with the others seeds an average
    of the eight, and the one in which these agree best is the template for all.

    Args:
        bench: At least two objects.
        rng: Chooses the few.
    """
    few = np.sort(rng.permutation(len(bench))[:_FIRST])
    part = bench.part(few)
    agreement, pairs = _register_pairs(part)
    tried = []
    for seed in np.argsort(-agreement.mean(axis=1), kind="stable")[:_SEEDS]:
        poses = centred(part, pairs[seed])
        for turn in range(_FIRST_PASSES):
            poses, scores = lay_on_others(part, poses, 1, turn == 0, rng)
        tried.append((float(scores.mean()), poses))
    poses = max(tried, key=lambda each: each[0])[1]
    if len(few) == len(bench):
        return poses
    templates = bench.templates(join([part.placed(poses, index) for index in range(len(part))]))
    return centred(bench, _lay_all(bench, templates))


def _register_pairs(bench: Workbench) -> tuple[np.ndarray, list[Poses]]:
    """Register each object to each other one.

    Returns:
        Cosine (K, K) of the second object on the first, and for each first object the poses of all.
    """
    count = len(bench)
    agreement, pairs = np.ones((count, count)), []
    still = identity(count, bench.dimensions)
    for row in range(count):
        templates = bench.templates(bench.placed(still, row))
        poses = _lay_all(bench, templates, but=row)
        agreement[row] = [bench.cosine(index, poses, templates[-1], float(bench.norms[row])) for index in range(count)]
        pairs.append(poses)
    return agreement, pairs


def _lay_all(bench: Workbench, templates: Sequence[Template], but: int | None = None) -> Poses:
    """Lay all objects on a template, but for one that stays as it is."""
    start, poses = identity(len(bench), bench.dimensions), identity(len(bench), bench.dimensions)
    for index in range(len(bench)):
        if index != but:
            poses.set(index, *bench.register(index, templates, start, True))
    return poses
