"""Several variants of one FOV from one reading of its file: each perturbed, clustered, measured and made a graph of."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph.errors import DataError, LocgraphError
from locgraph.graphs.build import GraphRecipe
from locgraph.graphs.store import GraphTask, build_fov
from locgraph.io.localisations import Localisations
from locgraph.preparation.extract import ExtractRecipe, ExtractTask, extract_localisations
from locgraph.preparation.objects.extract import read_unit
from locgraph.preparation.perturbations import Perturbation, RawFov

TABLES: Final = "tables"
GRAPHS: Final = "graphs"
"""Folders below that of a task."""


@dataclass(frozen=True)
class Variant:
    """One perturbation at one severity.

    Attributes:
        name: Name of the perturbation.
        severity: Its severity.
        perturbation: Changes the localisations; None leaves them as they are.
        recipe: How tables are made of them.
    """

    name: str
    severity: float
    perturbation: Perturbation | None
    recipe: ExtractRecipe


@dataclass(frozen=True)
class VariantsTask:
    """FOV to prepare in several variants, with all that a worker process needs.

    Attributes:
        raw: The FOV and the recipe of the model; its folder is not used.
        variants: Key of a variant, which names its files -> the variant.
        graphs: How graphs are made.
        folder: Gets the folders `TABLES` and `GRAPHS`.
        seed: Of all draws.
    """

    raw: ExtractTask
    variants: Mapping[str, Variant]
    graphs: GraphRecipe
    folder: Path
    seed: int


@dataclass(frozen=True)
class PreparedVariants:
    """What was prepared of one FOV.

    Attributes:
        folder: Where tables and graphs are.
        counts: Key of each variant that could be made -> what was refused, dropped and kept.
        failures: Key of each other variant -> the reason.
        timed: Whether the file has frames.
    """

    folder: Path
    counts: dict[str, dict[str, int]]
    failures: dict[str, str]
    timed: bool


def prepare_variants(task: VariantsTask) -> PreparedVariants:
    """Read one FOV, and write tables and graphs of each of its variants.

    Args:
        task: The FOV and its variants. A variant that cannot be made stops no other.

    Raises:
        DataError: The file cannot be read.
    """
    raw, views = read_unit(task.raw), task.raw.recipe.views
    seed = views.cluster_seed(0, raw.table.height)
    fov = RawFov.of(raw.table, raw.dimensions, task.raw.recipe.clusterer, seed)
    counts: dict[str, dict[str, int]] = {}
    failures: dict[str, str] = {}
    for key, variant in task.variants.items():
        try:
            counts[key] = _prepare(task, key, variant, fov, raw)
        except LocgraphError as error:
            failures[key] = str(error)
    return PreparedVariants(task.folder, counts, failures, fov.timed)


def _prepare(task: VariantsTask, key: str, variant: Variant, fov: RawFov, raw: Localisations) -> dict[str, int]:
    """Write tables and graphs of one variant; return the counts of its tables."""
    table = _perturbed(fov, variant, task.seed, str(task.raw.source.path))
    source = replace(task.raw.source, fov_id=key)
    tables, graphs = task.folder / TABLES, task.folder / GRAPHS
    extract = replace(task.raw, source=source, recipe=variant.recipe, folder=tables, fingerprint=key)
    counts = extract_localisations(replace(raw, table=table), extract)
    build_fov(GraphTask(key, tables, graphs, task.graphs, key))
    return counts


def _perturbed(fov: RawFov, variant: Variant, seed: int, where: str) -> pl.DataFrame:
    """Return the localisations of a variant.

    Raises:
        DataError: None is left, or the FOV lacks what the perturbation needs.
    """
    if variant.perturbation is None:
        return fov.table
    rng = np.random.default_rng([seed, fov.table.height, zlib.crc32(variant.name.encode())])
    try:
        table = variant.perturbation.perturb(fov, variant.severity, rng)
    except DataError as error:
        raise DataError(f"{where}: {variant.name} {variant.severity:g}: {error}") from error
    if table.is_empty():
        raise DataError(
            f"{where}: {variant.name} {variant.severity:g} left none of {fov.table.height} localisations; choose "
            "milder severities"
        )
    return table
