"""Fields of view with sites of a known size and distance."""

import numpy as np


def place_sites(rng, number, extent, gap):
    """Centres (number, 2) nm in a square, at least ``gap`` apart."""
    centres = []
    while len(centres) < number:
        centre = rng.uniform(0, extent, 2)
        if all(np.hypot(*(centre - other)) >= gap for other in centres):
            centres.append(centre)
    return np.array(centres)


def field_of_sites(
    seed, *, number=25, extent=5000.0, gap=500.0, corners=1, radius=0.0, spread=20.0, size=40, noise=0.3
):
    """Localisations (N, 2) nm of sites with ``corners`` on a circle about each, and ``noise`` as many between."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 2 * np.pi, (number, 1)) + 2 * np.pi * np.arange(corners) / corners
    around = radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    centres = place_sites(rng, number, extent, gap)[:, None] + around
    chosen = rng.integers(corners, size=(number, size))
    points = centres[np.arange(number)[:, None], chosen] + rng.normal(0, spread, (number, size, 2))
    points = points.reshape(-1, 2)
    return np.vstack([points, rng.uniform(0, extent, (int(noise * len(points)), 2))])
