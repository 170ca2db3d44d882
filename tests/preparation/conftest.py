"""Raw files with known clusters, and recipes."""

import numpy as np
import polars as pl
import pytest

from locgraph.io.catalogue import scan
from locgraph.io.columns import ColumnMap
from locgraph.io.groups import NoGroups
from locgraph.io.labels import FolderLabels
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.extract import ExtractRecipe
from locgraph.preparation.features.shape import Size
from locgraph.preparation.features.table import FeatureSet
from locgraph.preparation.views import Views


@pytest.fixture
def write_raw():
    """Writes a raw file with blobs of the given sizes, 1000 nm apart, and single localisations far from all."""

    def write(path, sizes=(10, 8, 6), noise=2, seed=0):
        rng = np.random.default_rng(seed)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        blobs = rng.normal(size=(len(owner), 2)) * 3 + owner[:, None] * [1000.0, 0.0]
        lonely = np.column_stack([np.arange(noise) * 1000.0, np.full(noise, 5000.0)])
        table = pl.DataFrame(np.vstack([blobs, lonely]), schema=["x", "y"])
        path.parent.mkdir(parents=True, exist_ok=True)
        table.sample(fraction=1.0, shuffle=True, seed=seed).write_csv(path)

    return write


@pytest.fixture
def turn():
    """Rotates positions about the z axis by an angle in degrees."""

    def turned(points, degrees):
        angle = np.deg2rad(degrees)
        rotation = np.eye(points.shape[1])
        rotation[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        return points @ rotation.T

    return turned


@pytest.fixture
def make_raw(tmp_path, write_raw):
    """Writes a folder of raw files in two classes; returns it."""

    def make(number=4, folder=tmp_path / "raw"):
        for index in range(number):
            write_raw(folder / "AB"[index % 2] / f"{index}.csv", seed=index)
        return folder

    return make


@pytest.fixture
def make_recipe():
    """Makes a recipe; what is not given finds the blobs."""

    def make(eps_nm=30.0, **changes):
        given = {
            "columns": ColumnMap({"x": "x", "y": "y"}, unit="nm"),
            "clusterer": DBSCAN(eps_nm=eps_nm, min_samples=3),
            "features": FeatureSet({"size": Size()}),
            "views": Views(),
            "min_localisations": 3,
            "min_clusters": 1,
            "max_refused_fraction": 0.1,
        }
        given |= changes
        settings = {name: str(value) for name, value in changes.items()} | {"eps_nm": eps_nm}
        return ExtractRecipe(**given, settings=settings)

    return make


@pytest.fixture
def catalogue_of():
    """Lists a raw folder; classes are its sub-folders."""

    def catalogue(folder):
        return scan(folder, ColumnMap({"x": "x", "y": "y"}, unit="nm"), FolderLabels(), NoGroups())

    return catalogue
