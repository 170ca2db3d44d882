"""Large fields of view made of the small simulated ones of a trained run: structures at known places, each a pick."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

SPACING_NM = 2000.0


@dataclass(frozen=True)
class LargeFov:
    """A FOV with objects of known class and place.

    Attributes:
        table: Localisations ``x``, ``y`` in nm, ``frame``, and ``pick``, -1 for background.
        names: Small FOV of each pick, whose first letter is its class.
        places: (n, 2) centres in nm.
    """

    table: pl.DataFrame
    names: list[str]
    places: np.ndarray


def large_fov(raw: Path, names: list[str], places: np.ndarray, background: int = 0, seed: int = 0) -> LargeFov:
    """Small FOVs of a folder put at places, in the order of picks, with uniform background around them."""
    rng = np.random.default_rng(seed)
    parts = []
    for pick, (name, place) in enumerate(zip(names, places, strict=True)):
        locs = pl.read_parquet(raw / f"{name}.parquet").select("x", "y", "frame")
        parts.append(
            locs.with_columns(
                pl.col("x") - pl.col("x").mean() + place[0],
                pl.col("y") - pl.col("y").mean() + place[1],
                pick=pl.lit(pick).cast(pl.Int64),
            )
        )
    if background:
        low, high = places.min(axis=0) - SPACING_NM, places.max(axis=0) + SPACING_NM
        noise = rng.uniform(low, high, (background, 2))
        parts.append(
            pl.DataFrame(noise, schema=["x", "y"]).with_columns(
                frame=pl.lit(0, parts[0]["frame"].dtype), pick=pl.lit(-1).cast(pl.Int64)
            )
        )
    return LargeFov(pl.concat(parts), names, places)


def grid_places(n: int, columns: int = 6) -> np.ndarray:
    """(n, 2) places on a square grid."""
    return SPACING_NM * np.stack([np.arange(n) % columns, np.arange(n) // columns], axis=1).astype(float)
