"""What the head of a model names, and whether the data have it; torch enters here only through the head's class."""

from __future__ import annotations

from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig

from locgraph import schema
from locgraph.cli import assemble
from locgraph.data.labelled import only_localisations_have_classes
from locgraph.errors import ConfigError
from locgraph.io.manifest import Manifest


def predicted(cfg: DictConfig) -> tuple[str, ...]:
    """Node types whose classes the head names: ``FIELD_OF_VIEW``, ``LOCALISATION`` or both.

    Raises:
        ConfigError: There is no such head.
    """
    target = str(cfg.model.head._target_)
    try:
        return tuple(getattr(get_class(target), "predicts", (schema.FIELD_OF_VIEW,)))
    except (ImportError, ValueError) as error:
        raise ConfigError(f"model.head._target_={target} is not there: {error}") from error


def localisation_classes(cfg: DictConfig, manifest: Manifest) -> tuple[str, ...]:
    """Classes of localisations in the order of their indices; none where the head does not name them.

    Raises:
        ConfigError: ``data.localisation_classes`` is no list of different names, or has no effect.
    """
    given: Any = assemble.plain(cfg.data.get("localisation_classes"))
    only = only_localisations_have_classes(manifest)
    if given is not None:
        if not isinstance(given, list) or not given or len({*map(str, given)}) < len(given) or None in given:
            raise ConfigError(
                f"data.localisation_classes: expected different names, such as [bound, free], or null; found {given!r}"
            )
        if only or schema.LOCALISATION not in predicted(cfg):
            raise ConfigError(
                "data.localisation_classes has no effect with "
                + ("labels=localisations, which names them" if only else "a model that names classes of FOVs alone")
                + "; set it to null, or choose "
                + ("labels of FOVs" if only else "model/head=segment or model/head=both")
            )
        return tuple(map(str, given))
    return manifest.class_names if only and schema.LOCALISATION in predicted(cfg) else ()


def check_task(cfg: DictConfig, manifest: Manifest) -> None:
    """Refuses a head that names classes which the data have not.

    Raises:
        ConfigError: Localisations, or FOVs, have no classes; or FOVs are drawn by class and have none.
    """
    heads, names = predicted(cfg), localisation_classes(cfg, manifest)
    if schema.LOCALISATION in heads and not names:
        raise ConfigError(
            "model.head names classes of localisations, which have none in these data; take labels=localisations with "
            "columns.names.loc_label, or name what the integers of loc_label mean in data.localisation_classes, or "
            "choose model/head=classify"
        )
    if not only_localisations_have_classes(manifest):
        return
    if schema.FIELD_OF_VIEW in heads:
        raise ConfigError(
            "model.head names the class of a FOV, and with labels=localisations no FOV has one; choose "
            "model/head=segment, or other labels, with data.localisation_classes for model/head=both"
        )
    sampler = str(cfg.training.sampler._target_)
    if getattr(get_class(sampler), "balances_classes", False):
        raise ConfigError(
            f"training.sampler={sampler} draws FOVs by class, and with labels=localisations no FOV has one; use "
            "training/sampler=shuffled"
        )
