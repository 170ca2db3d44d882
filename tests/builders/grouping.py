"""Made-up units with planted groups."""

import numpy as np
import polars as pl

from locgraph.analysis.grouping.units import Units, make_units

CENTRES = np.array([[0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0], [0, 0, 8, 0], [8, 8, 0, 8.0]])


def units_of(
    columns: dict[str, np.ndarray | list],
    blocks: dict[str, str] | str = "shape",
    scales: dict[str, str] | None = None,
    unit: str = "fov",
    **keys: list,
) -> Units:
    """Units with these columns; all of one block, or each of its own."""
    n = len(next(iter(columns.values())))
    own = dict.fromkeys(columns, blocks) if isinstance(blocks, str) else blocks
    names = {"fov_id": [f"f{place}" for place in range(n)]} | keys
    places = tuple(name for name in ("x", "y") if name in names)
    values = pl.DataFrame(columns, strict=False)
    return make_units(unit, pl.DataFrame(names), values, dict.fromkeys(columns, "1"), scales or {}, own, (), places)


def planted(per_group: int = 30, centres: np.ndarray = CENTRES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Values (N, 4) of normal clouds about the centres, and the cloud of each."""
    truth = np.repeat(np.arange(len(centres)), per_group)
    return centres[truth] + np.random.default_rng(seed).normal(size=(len(truth), centres.shape[1])), truth


def planted_units(per_group: int = 30) -> Units:
    """The same as units whose class is the cloud."""
    values, truth = planted(per_group)
    columns = {f"c{place}": column for place, column in enumerate(values.T)}
    return units_of(columns, label=[f"planted {cloud}" for cloud in truth])
