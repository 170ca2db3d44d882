"""Tables of localisations."""

import numpy as np
import polars as pl
import pytest

from locgraph import schema


@pytest.fixture
def locs():
    """Makes canonical localisations from columns; ``x``, ``y`` are 0 where they are not given."""

    def make(**columns):
        size = len(next(iter(columns.values())))
        given = {"x": np.zeros(size), "y": np.zeros(size)} | columns
        dtypes = {name: column.dtype for name, column in schema.LOCALISATION_COLUMNS.items() if name in given}
        return pl.DataFrame({name: given[name] for name in dtypes}, schema=dtypes)

    return make


@pytest.fixture
def crowd(locs):
    """Makes localisations crowded into few cells and frames, every column filled, in two channels: size, dimensions."""

    def make(size, dimensions, seed, whole=False):
        rng = np.random.default_rng(seed)
        points = rng.uniform(0, 60, (size, dimensions))
        points = np.round(points / 5) * 5 if whole else points
        return locs(
            **dict(zip("xyz"[:dimensions], points.T, strict=True)),
            frame=rng.integers(0, 12, size),
            photons=rng.uniform(100, 1000, size),
            precision=rng.uniform(5, 15, size),
            sigma=rng.uniform(100, 150, size),
            channel=rng.integers(0, 2, size),
            loc_label=rng.integers(-1, 3, size),
        )

    return make
