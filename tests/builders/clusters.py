"""Localisations in clusters: random ones, and such as have no area or volume."""

import numpy as np


def random_clusters(dimensions, n_clusters=60):
    """Return elongated clusters of 4 to 80 points, rows in random order: points (N, D) nm, labels (N,)."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(n_clusters), rng.integers(4, 80, n_clusters)))
    spread, centres = rng.uniform(1, 60, (n_clusters, dimensions)), rng.random((n_clusters, dimensions)) * 1e4
    turn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
    return (rng.normal(size=(len(labels), dimensions)) * spread[labels]) @ turn + centres[labels], labels


def degenerate_clusters(dimensions):
    """Return name to points (n, D): one and two points, repeated ones, and collinear ones in several directions."""
    direction = np.array([1.0, 3.0, -2.0])[:dimensions]
    steps = np.linspace(-50, 70, 37)[:, None]
    return {
        "one": np.zeros((1, dimensions)),
        "repeated": np.full((9, dimensions), 0.1),
        "two": np.vstack([np.zeros(dimensions), direction]),
        "two_repeated": np.repeat(np.vstack([np.zeros(dimensions), direction]), 4, axis=0),
        "line": steps * direction,
        "line_repeated": np.vstack([steps, steps]) * direction / 7,
        "line_along_x": steps * np.eye(dimensions)[0],
        "line_along_last": steps * np.eye(dimensions)[-1],
    }
