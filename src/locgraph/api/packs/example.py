"""The example in a packed model: the localisations of one FOV, and what the model predicts of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.api.models.ensemble import Ensemble
from locgraph.api.models.model import Model
from locgraph.api.prepare import list_raw_files
from locgraph.api.recipes import table_recipe, table_settings
from locgraph.errors import DataError, LocgraphError
from locgraph.io.catalogue import FovSource
from locgraph.io.read import read_localisations
from locgraph.preparation.filters.base import apply_filters
from locgraph.run_folder import PREDICTIONS, RunFolder

EXAMPLE: Final = "example"
"""Name of the FOV."""

TOLERANCE: Final = 1e-5
"""Largest difference of a probability that counts as none."""

_WHOLE: Final = "fov"
"""What is classified of the example: all of it, which is one object where the model classifies objects."""

_TRUTHS: Final = (schema.LOC_LABEL, schema.SITE)


def choose_example(model: Model, runs: Sequence[RunFolder]) -> tuple[FovSource, str | None]:
    """Return the smallest raw file among the test FOVs that a model classifies rightly; among all where it does none.

    Args:
        model: The model; its raw data are where they were.
        runs: The runs that it is from, the first being its own.

    Returns:
        The raw file, and the name of the object in it where the model classifies objects.

    Raises:
        DataError: There is no raw file of a test FOV.
    """
    remedy = "give the raw file of one FOV: example=FILE"
    try:
        sources = {source.fov_id: source for source in list_raw_files(model.settings).sources}
    except (LocgraphError, OSError) as error:
        raise DataError(f"the raw data of the run cannot be listed ({error}); {remedy}", setting="example") from error
    has_objects = bool(model.settings["objects"])
    parents = {fov: fov.rpartition("/")[0] if has_objects else fov for fov in model.test_fovs}
    tests = [fov for fov, parent in parents.items() if parent in sources]
    if not tests:
        raise DataError(f"found no raw file of a test FOV; {remedy}", setting="example")
    right = _classified_rightly(runs[0]) if runs else set()
    chosen = [fov for fov in tests if fov in right] or tests
    smallest = min(chosen, key=lambda fov: (sources[parents[fov]].path.stat().st_size, fov))
    return sources[parents[smallest]], smallest.rpartition("/")[2] if has_objects else None


def _classified_rightly(run: RunFolder) -> set[str]:
    if not (run.path / PREDICTIONS).is_file():
        return set()
    table = run.table(PREDICTIONS)
    return set(table.filter(pl.col(schema.TRUTH) == pl.col(schema.PREDICTION))[schema.FOV_ID])


def read_example(model: Model, path: Path, of_object: tuple[str, str] | None = None) -> pl.DataFrame:
    """Return localisations in nm, read as those of the training, without true classes.

    Args:
        model: The model.
        path: The raw file.
        of_object: Name of the FOV, and of the object in it whose localisations after preprocessing are returned; None
            returns those of the FOV, before preprocessing.

    Raises:
        DataError: The file cannot be read, or there is no such object.
    """
    recipe = table_recipe(table_settings(model.settings))
    localisations = read_localisations(path, recipe.columns, recipe.max_refused_fraction)
    table = localisations.table.drop(_TRUTHS, strict=False)
    if of_object is None or recipe.objects is None:
        return table
    fov_id, name = of_object
    table, _ = apply_filters(table, localisations.dimensions, recipe.preprocess, str(path))
    objects = dict(recipe.objects(table, localisations.dimensions, fov_id))
    if name not in objects:
        raise DataError(f"{path}: expected the object {name}, found {len(objects)} others", setting="example")
    return table[objects[name]]


def predict_example(model: Model | Ensemble, localisations: pl.DataFrame) -> pl.DataFrame:
    """Return what a model predicts of localisations in nm: ``p_<class>`` of the FOV, or else of each localisation."""
    table = localisations.with_columns(pl.lit(EXAMPLE).alias(schema.FOV_ID))
    if isinstance(model, Model) and not model.task.predicts_fovs:
        predicted = model.predict(table, objects=_WHOLE, localisations=True)
    else:
        predicted = model.predict(table, objects=_WHOLE)
    return predicted.select(name for name in predicted.columns if name.startswith(schema.PROBABILITY_PREFIX))


def difference(expected: pl.DataFrame, found: pl.DataFrame) -> float:
    """Return the largest difference of a probability; infinite where classes or numbers of rows differ."""
    if expected.shape != found.shape or set(expected.columns) != set(found.columns):
        return float("inf")
    return float(np.abs(expected.to_numpy() - found.select(expected.columns).to_numpy()).max(initial=0.0))
