"""Simulated objects whose poses are known."""

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Drawn:
    """Objects drawn from a pattern of sites, and the rotation of each."""

    tables: dict[str, pl.DataFrame]
    rotations: dict[str, np.ndarray]


def glyph(*rows: str, spacing: float = 20.0) -> np.ndarray:
    """Sites (S, 2) in nm of a drawing whose first row is the top, about their centre."""
    filled = np.array([[letter == "#" for letter in row] for row in rows])
    places = np.argwhere(filled)[:, ::-1] * [spacing, -spacing]
    return places - places.mean(axis=0)


def ring(n_sites: int, radius: float = 50.0) -> np.ndarray:
    """Sites (S, 2) on a circle."""
    angles = 2 * np.pi * np.arange(n_sites) / n_sites
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def turn(angle: float) -> np.ndarray:
    """Rotation (2, 2) by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def draw_objects(
    sites: np.ndarray,
    count: int,
    seed: int = 0,
    labelled: float = 0.8,
    events: float = 10.0,
    precision: float = 2.0,
    prefix: str = "object",
    even: bool = False,
) -> Drawn:
    """Objects in random poses: sites are missing, and localised a geometric number of times, or equally often."""
    rng = np.random.default_rng(seed)
    dimensions = sites.shape[1]
    drawn = Drawn({}, {})
    for index in range(count):
        rotation = turn(rng.uniform(0, 2 * np.pi)) if dimensions == 2 else np.linalg.qr(rng.normal(size=(3, 3)))[0]
        rotation = rotation if np.linalg.det(rotation) > 0 else -rotation
        drawn_counts = np.full(len(sites), int(events)) if even else rng.geometric(1 / events, len(sites))
        counts = drawn_counts * (rng.random(len(sites)) < labelled)
        counts[0] += 2
        widths = rng.gamma(9, precision / 9, counts.sum())
        points = (
            np.repeat(sites, counts, axis=0) @ rotation.T
            + rng.normal(size=(counts.sum(), dimensions)) * widths[:, None]
        )
        points = points + rng.uniform(0, 1e4, dimensions)
        columns = {name: points[:, axis] for axis, name in enumerate("xyz"[:dimensions])}
        drawn.tables[f"{prefix}_{index}"] = pl.DataFrame({**columns, "precision": widths})
        drawn.rotations[f"{prefix}_{index}"] = rotation
    return drawn
