"""How near the clouds that a model decodes are to the units, and how much of that is not the mean shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from locgraph.analysis.representations.cloud_distance import aligned_chamfer
from locgraph.analysis.representations.scores import BETTER_THAN_MEAN, CHAMFER, Score, scored
from locgraph.stats.bootstrap import mean_of_owners

Decode = Callable[[np.ndarray], Sequence[np.ndarray]]
"""Takes vectors (U, L), gives a cloud (P, D) of each, relative to its centre, in the unit of length of the model."""


def reconstruction_scores(
    decode: Decode,
    vectors: np.ndarray,
    clouds: Sequence[np.ndarray],
    unit_nm: np.ndarray,
    owners: np.ndarray,
    seed: int = 0,
) -> list[Score]:
    """Compare each unit with what its vector is decoded to.

    Distances are the least over rotations: what an invariant encoder knows leaves the orientation open. The mean shape
    knows nothing of a unit: it is the cloud of the mean vector, or that of the vector nearest to it, whichever is
    nearer to the units.

    Args:
        decode: Of the model.
        vectors: (U, L) float64.
        clouds: Localisations (N_u, D) of each unit relative to their centre, in the unit of length of the model.
        unit_nm: (U,) that unit in nm: the same for all, or the extent of each FOV where the model divides by it.
        owners: (U,) what units belong to.
        seed: Of the bootstrap.

    Returns:
        The mean Chamfer distance in nm, and the fraction of the units that their own cloud is nearer to than the mean
        shape.
    """
    made = decode(vectors)
    own = unit_nm * np.array([aligned_chamfer(shape, real) for shape, real in zip(made, clouds, strict=True)])
    mean = vectors.mean(axis=0)
    nearest = int(np.linalg.norm(vectors - mean, axis=1).argmin())
    shapes = decode(np.stack([mean, vectors[nearest]]))
    of_shapes = unit_nm * np.array([[aligned_chamfer(shape, real) for real in clouds] for shape in shapes])
    of_mean = of_shapes[of_shapes.mean(axis=1).argmin()]
    note = f"least over rotations; the mean shape has {of_mean.mean():.3g} nm"
    return [
        scored(CHAMFER, mean_of_owners(own, owners, seed), len(own), note=note),
        scored(
            BETTER_THAN_MEAN,
            mean_of_owners((own < of_mean).astype(np.float64), owners, seed),
            len(own),
            note=note,
        ),
    ]
