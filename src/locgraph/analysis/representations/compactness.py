"""On how many axes the vectors vary."""

from __future__ import annotations

import numpy as np

from locgraph.analysis.representations.scores import LEVINA_BICKEL, TWO_NN, Score, absent, scored
from locgraph.errors import DataError
from locgraph.stats.intrinsic_dimension import (
    levina_bickel,
    neighbour_distances,
    neighbour_numbers,
    two_nearest_neighbours,
)


def compactness_scores(distances: np.ndarray, owners: np.ndarray, seed: int) -> list[Score]:
    """Estimate the intrinsic dimension of vectors; smaller is more compact, if the vectors still tell units apart.

    Args:
        distances: Vectors (N, L) float64 in the scale in which distances are taken.
        owners: (N,) what units belong to.
        seed: Of the bootstrap.

    Returns:
        TwoNN, and Levina and Bickel's estimate where there are units enough; a reason elsewhere.
    """
    try:
        nearest = neighbour_distances(distances, owners, 2)
        two = two_nearest_neighbours(nearest, seed)
    except DataError as error:
        return absent([TWO_NN, LEVINA_BICKEL], str(error))
    n, repeated = len(nearest.distances), nearest.n_repeated
    left_out = f"; {repeated} repeated vectors left out" if repeated else ""
    scores = [scored(TWO_NN, two, n, note=f"2 neighbours{left_out}")]
    try:
        ks = neighbour_numbers(n)
        several = levina_bickel(neighbour_distances(distances, owners, max(ks)), ks, seed)
    except DataError as error:
        return [*scores, *absent([LEVINA_BICKEL], str(error))]
    return [*scores, scored(LEVINA_BICKEL, several, n, note=f"{', '.join(map(str, ks))} neighbours{left_out}")]
