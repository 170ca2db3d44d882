"""From the composed configuration to objects: what Hydra knows ends here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from locgraph import schema
from locgraph.errors import ConfigError, LocgraphError


def plain(node: Any) -> Any:
    """A part of the configuration as dicts, lists and values, resolved."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def build(node: Any, **numbers: Any) -> Any:
    """Makes the object that a leaf of the configuration describes.

    Args:
        node: Holds ``_target_`` and constructor arguments.
        **numbers: Further arguments, that come from data.

    Returns:
        The object.

    Raises:
        LocgraphError: The constructor refused its arguments.
        ConfigError: The class does not exist or does not take these arguments.
    """
    try:
        # numbers are passed by call: Hydra would turn what they are made of into plain dicts
        return (
            instantiate(node, _convert_="all", _partial_=True)(**numbers)
            if numbers
            else instantiate(node, _convert_="all")
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{node['_target_']}: {error}{_remedy(error)}") from error
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, LocgraphError):
            raise cause from error
        raise ConfigError(str(error)) from error


def _remedy(error: Exception) -> str:
    """What to do about a setting that a class does not have, such as one that an experiment made for another class."""
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    return f"; it has no setting {found[1]}: leave it out with ~GROUP.{found[1]}" if found else ""


def network(node: Any, sizes: Any) -> Any:
    """The network that the group ``model`` describes.

    Args:
        node: The group; ``init_from``, which is about its weights, is left aside.
        sizes: The ``DataSizes``.
    """
    return build({key: value for key, value in plain(node).items() if key != "init_from"}, sizes=sizes)


def extract_recipe(settings: Mapping[str, Any]) -> Any:
    """The recipe of featextracted tables.

    Args:
        settings: Plain values of the groups ``columns``, ``preprocess``, ``clustering``, ``features`` and ``views``,
            and those of ``data`` that decide tables.

    Returns:
        The ``ExtractRecipe``.
    """
    from locgraph.preparation.extract import ExtractRecipe

    return ExtractRecipe(
        columns=build(settings["columns"]),
        clusterer=build(settings["clustering"]),
        features=build(settings["features"]),
        views=build(settings["views"]),
        min_localisations=settings["data"]["min_localisations"],
        min_clusters=settings["data"]["min_clusters"],
        max_refused_fraction=settings["data"]["max_refused_fraction"],
        settings=settings,
        preprocess=_filters(settings["preprocess"]),
        keep_unclustered=settings["data"]["keep_unclustered"],
    )


def _filters(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = {}
    for name, leaf in (item for step in steps for item in step.items()):
        try:
            found[name] = build(leaf)
        except ConfigError as error:
            raise ConfigError(f"preprocess.{name}: {error}") from error
    return found


def extract_settings(cfg: DictConfig) -> dict[str, Any]:
    """The plain values that decide featextracted tables."""
    data = {key: cfg.data[key] for key in ("min_localisations", "min_clusters", "max_refused_fraction")}
    # checkpoints of earlier versions know nothing of these two
    data["keep_unclustered"] = cfg.data.get("keep_unclustered", False)
    filters = plain(cfg.get("preprocess")) or {}
    groups = {key: plain(cfg[key]) for key in ("columns", "clustering", "features", "views")}
    # a list, since a fingerprint does not see the order of keys, and the order of filters counts
    return {"data": data, "preprocess": [{name: leaf} for name, leaf in filters.items()]} | groups


def graph_settings(cfg: DictConfig, cluster_features: list[str]) -> dict[str, Any]:
    """The plain values that decide graphs, with what was left open filled in.

    Args:
        cfg: The whole configuration.
        cluster_features: Feature columns that the tables hold.
    """
    settings = plain(cfg.graph)
    if settings["cluster_features"] is None:
        settings["cluster_features"] = cluster_features
    if settings["localisations"] is None:
        settings["localisations"] = _uses_localisations(cfg.model)
    return settings


def _uses_localisations(model: DictConfig) -> bool:
    """Whether a part of the model reads localisations; the encoder of localisations must say so."""
    encoder = model.loc_encoder._target_
    try:
        if get_class(encoder).uses_localisations:  # type: ignore[attr-defined]
            return True
        others = [model[name]._target_ for name in ("cluster_encoder", "readout", "head")]
        return any(getattr(get_class(other), "uses_localisations", False) for other in others)
    except (ImportError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"model.loc_encoder._target_={encoder}: expected a class with the attribute uses_localisations; {error}"
        ) from error


def graph_recipe(settings: Mapping[str, Any]) -> Any:
    """The recipe of graphs, from plain values; gives a ``GraphRecipe``."""
    from locgraph.graphs.build import GraphRecipe

    return GraphRecipe(
        cluster_features=tuple(settings["cluster_features"]),
        localisation_features=tuple(settings["localisation_features"]),
        cluster_edges=build(settings["cluster_edges"]),
        localisations=settings["localisations"],
        localisation_k=settings["localisation_k"],
        ratios=tuple(settings["ratios"]),
        settings=settings,
        # of superclusters and descriptors none is an empty mapping; checkpoints of earlier versions know neither
        superclusters=build(settings["superclusters"]) if settings.get("superclusters") else None,
        descriptors={name: build(leaf) for name, leaf in (settings.get("descriptors") or {}).items()},
    )


def augmentation(node: Any, units: Mapping[str, str], settings: Mapping[str, Any]) -> list[Any]:
    """The transforms of the group ``augment``, in their order.

    Args:
        node: The group.
        units: Unit of each column of the tables.
        settings: Plain graph settings, which name the features.
    """
    powers = {
        schema.CLUSTER: [schema.length_power(units.get(name, "1")) for name in settings["cluster_features"]],
        schema.LOCALISATION: [schema.length_power(units.get(name, "1")) for name in settings["localisation_features"]],
    }
    transforms = []
    for name, leaf in (node or {}).items():
        takes_powers = str(leaf["_target_"]).endswith("augment.Scale")
        try:
            transforms.append(build(leaf, length_powers=powers) if takes_powers else build(leaf))
        except ConfigError as error:
            raise ConfigError(f"augment.{name}: {error}") from error
    return transforms


def fractions(settings: Mapping[str, Any]) -> dict[str, list[int]]:
    """Which features of each node type lie between 0 and 1 by their nature.

    Args:
        settings: Plain graph settings, which name the features.
    """
    names = settings["localisation_features"]
    return {schema.LOCALISATION: [index for index, name in enumerate(names) if name in schema.FRACTIONS]}


def loader_settings(cfg: DictConfig) -> Any:
    """How FOVs are fed; gives ``LoaderSettings``."""
    from locgraph.data.datamodule import LoaderSettings

    return LoaderSettings(**{field.name: cfg.data[field.name] for field in dataclasses.fields(LoaderSettings)})
