"""From settings to the recipes of tables and graphs, and checks that need no data."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from locgraph.api.config import Settings, compose
from locgraph.build import TARGET, build, build_part
from locgraph.data.prepared import Prepared
from locgraph.errors import ConfigError, within
from locgraph.io.columns import ColumnSource
from locgraph.io.groups import GroupSource
from locgraph.io.labels import LabelSource
from locgraph.preparation.clustering.base import Clusterer
from locgraph.preparation.executors import Executor
from locgraph.preparation.extract import ExtractRecipe
from locgraph.preparation.filters.base import Filter
from locgraph.preparation.objects.base import ObjectFinder
from locgraph.provenance import fingerprint
from locgraph.run_folder import RECIPE, read_record
from locgraph.settings import check_flag, check_number, check_whole

RAW = "raw"
_LONGEST_NAME = 100
_DECIDE_INPUTS = ("preprocess", "clustering", "features", "views", "graph")
_DECIDE_TABLES = ("max_localisations", "min_localisations", "min_clusters", "max_refused_fraction", "keep_unclustered")


def check_limits(settings: Settings) -> None:
    """Refuse limits out of range.

    Raises:
        ConfigError: A limit cannot work.
    """
    with within("limits"):
        limits = settings["limits"]
        for name in ("min_localisations", "min_clusters"):
            check_whole(name, limits[name], at_least=1)
        for name in ("max_refused_fraction", "max_failed_fraction"):
            check_number(name, limits[name], at_least=0, at_most=1)
        if limits["max_localisations"] is not None:
            check_whole("max_localisations", limits["max_localisations"], at_least=1)
        check_flag("keep_unclustered", limits["keep_unclustered"])


def check_overrides(settings: Settings, overrides: Sequence[str]) -> None:
    """Refuse overrides that the source of the data ignores.

    Raises:
        ConfigError: The data are featextracted tables, and settings of clustering and the like are given.
    """
    if settings["data"]["kind"] == RAW:
        return
    ignored = ("columns", "labels", "groups", "preprocess", "objects", "clustering", "features", "views", "simulation")
    named = [text for text in overrides if text.lstrip("+~").split("=")[0].split(".")[0] in ignored]
    if named:
        raise ConfigError(
            f"data=featextracted takes tables as they are, so {named} would have no effect; leave them out, or use "
            "data=raw"
        )


def build_recipe_parts(settings: Settings) -> None:
    """Build every part of the preparation once, so that a wrong setting is refused before any work.

    Raises:
        LocgraphError: A setting cannot work.
    """
    if settings["data"]["kind"] == RAW:
        table_recipe(table_settings(settings))
        for contract, name in ((LabelSource, "labels"), (GroupSource, "groups")):
            build_part(contract, settings[name], name)
        if settings.get("simulation"):
            build(simulated_sample(settings["simulation"])[1], "simulation")
    build_part(Executor, settings["executor"], "executor")
    graph_recipe(graph_settings(settings, (), uses_localisations=True))


def simulated_sample(settings: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the part that describes what is drawn: the one with a target, named differently in each file."""
    return next((name, part) for name, part in settings.items() if isinstance(part, dict) and TARGET in part)


def table_settings(settings: Mapping[str, Any]) -> Settings:
    """Return the settings that decide tables."""
    filters = settings["preprocess"] or {}
    return {
        "limits": {name: settings["limits"][name] for name in _DECIDE_TABLES},
        # a list, since a fingerprint does not depend on the order of keys, but the order of filters counts
        "preprocess": [{name: leaf} for name, leaf in filters.items()],
        **{name: settings[name] for name in ("columns", "clustering", "features", "views")},
        # absent where whole FOVs are classified, as in the settings of earlier versions
        **({"objects": settings["objects"]} if settings.get("objects") else {}),
    }


def table_recipe(settings: Mapping[str, Any]) -> ExtractRecipe:
    """Build the recipe of tables from `table_settings`."""
    filters = {name: leaf for step in settings["preprocess"] for name, leaf in step.items()}
    return ExtractRecipe(
        columns=build_part(ColumnSource, settings["columns"], "columns"),
        clusterer=build_part(Clusterer, settings["clustering"], "clustering"),
        features=build(settings["features"], "features"),
        views=build(settings["views"], "views"),
        settings=dict(settings),
        preprocess={name: build_part(Filter, leaf, f"preprocess.{name}") for name, leaf in filters.items()},
        objects=build_part(ObjectFinder, settings["objects"], "objects") if settings.get("objects") else None,
        **settings["limits"],
    )


def prepared_folder(settings: Mapping[str, Any]) -> Path:
    """Return where tables and graphs lie; absolute, since worker processes may have been started elsewhere."""
    return (Path(settings["paths"]["prepared_dir"]) / settings["name"]).resolve()


def recorded_settings(settings: Mapping[str, Any]) -> Settings:
    """Return a copy of the settings of a checkpoint, whose name is that of one folder.

    A checkpoint may come from anyone, so that nothing in it decides which folder is written to.
    """
    name = re.sub(r"[^\w.=,+ -]", "_", str(settings["name"]))[:_LONGEST_NAME]
    return copy.deepcopy(dict(settings)) | {"name": name if name.strip(". ") else "checkpoint"}


def choose_prepared_dir(recorded: Settings, own: str | Path | None = None) -> dict[str, str]:
    """Return the group ``paths`` with which the data of a checkpoint are prepared.

    Args:
        recorded: Settings of the checkpoint, from `recorded_settings`.
        own: The user's folder of prepared data; None takes that of the configs.

    Returns:
        The folder that the checkpoint names where data of exactly these settings were prepared in it before, as those
        of the user's own runs were; else the user's own.
    """
    wanted = [fingerprint(recorded["graph"])]
    if recorded["data"]["kind"] == RAW:
        wanted.append(fingerprint(table_settings(recorded)))
    recipes = map(read_record, prepared_folder(recorded).glob(f"*/{RECIPE}"))
    if any(fingerprint(recipe) in wanted for recipe in recipes):
        return {"prepared_dir": str(recorded["paths"]["prepared_dir"])}
    return {"prepared_dir": str(own or compose("prepare", "data.raw_dir=.")["paths"]["prepared_dir"])}


def tables_folder(settings: Mapping[str, Any]) -> Path:
    """Return where the tables of settings lie."""
    source = str(Path(settings["data"]["raw_dir"]).resolve())
    return prepared_folder(settings) / f"tables-{fingerprint(table_settings(settings), source)}"


def graph_settings(
    settings: Mapping[str, Any], cluster_features: Sequence[str], uses_localisations: bool
) -> dict[str, Any]:
    """Return the settings that decide graphs, with what was left open filled in.

    Args:
        settings: All settings.
        cluster_features: Feature columns of the tables.
        uses_localisations: Whether the model reads localisations.
    """
    graph = dict(settings["graph"])
    if graph["cluster_features"] is None:
        graph["cluster_features"] = list(cluster_features)
    if graph["localisations"] is None:
        graph["localisations"] = uses_localisations
    if graph.get("axial_scale") == 1:
        del graph["axial_scale"]  # changes nothing: the graphs are those of versions without it
    return graph


def graph_recipe(settings: Mapping[str, Any]) -> Any:
    """Build the recipe of graphs from `graph_settings`."""
    from locgraph.graphs.build import GraphRecipe  # torch
    from locgraph.graphs.descriptors import Descriptor
    from locgraph.graphs.edges import ClusterEdges
    from locgraph.graphs.superclusters import Superclusters

    scales, descriptors = settings["superclusters"] or None, settings["descriptors"] or {}
    return GraphRecipe(
        cluster_features=tuple(settings["cluster_features"]),
        localisation_features=tuple(settings["localisation_features"]),
        cluster_edges=build_part(ClusterEdges, settings["cluster_edges"], "graph.cluster_edges"),
        localisations=settings["localisations"],
        localisation_k=settings["localisation_k"],
        ratios=tuple(settings["ratios"]),
        settings=settings,
        superclusters=scales and build_part(Superclusters, scales, "graph.superclusters"),
        descriptors={
            name: build_part(Descriptor, leaf, f"graph.descriptors.{name}") for name, leaf in descriptors.items()
        },
        axial_scale=settings.get("axial_scale", 1.0),
    )


def differing_settings(trained: Mapping[str, Any], prepared: Prepared) -> list[str]:
    """Return the groups of settings in which data were prepared otherwise than those of a training.

    Args:
        trained: Settings that a checkpoint records.
        prepared: Other data.
    """
    before = table_settings(trained) | {"graph": trained["graph"]}
    # tables that were given as they are have no recipe
    now = read_record(prepared.tables / RECIPE) | {"graph": prepared.graph_settings}
    groups = [name for name in _DECIDE_INPUTS if name in now]
    return [name for name in groups if fingerprint(now[name]) != fingerprint(before[name])]
