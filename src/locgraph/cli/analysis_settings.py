"""The group ``analysis``, checked before anything is read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from locgraph.analysis.classifiers import Tuned
from locgraph.analysis.fov_features import Aggregation
from locgraph.analysis.localisation_level import LocalisationSettings
from locgraph.analysis.umap_projection import UmapSettings
from locgraph.cli import assemble
from locgraph.errors import ConfigError
from locgraph.settings import check_flag, check_whole
from locgraph.show.figures.features import STYLES

HAND_MADE: Final = "hand_made"
"""Features that `locgraph.preparation.features` measures of clusters."""
LEARNED: Final = "learned"
"""Vectors that a network learned of FOVs."""
BOTH: Final = "both"
SAME: Final = "same"
ALL: Final = "all"

_WHOLE: Final = {
    "n_folds": 2,
    "inner_folds": 2,
    "seed": 0,
    "pca_components": 2,
    "importance_repeats": 0,
    "representatives": 1,
    "top_features": 1,
}


@dataclass(frozen=True)
class AnalysisSettings:
    """What is analysed, and how.

    Attributes:
        features: ``hand_made``, ``learned`` or ``both``.
        folds: ``same`` as the network has results of, or ``all`` of the plan.
        n_folds: Folds where no run gives them.
        inner_folds: Folds within the training FOVs that choose settings of classifiers.
        seed: Of all that is random.
        controls: Whether controls that no run has are trained.
        aggregation: How clusters become numbers about a FOV.
        pca_components: Number of principal components.
        umap: Settings of UMAP; None leaves it out.
        k_means: Numbers of clusters beside that of the classes.
        localisations: How localisations are measured; None leaves them out.
        importance_repeats: How often each feature is shuffled; 0 leaves importance out.
        representatives: FOVs nearest to and farthest from the middle of each class.
        top_features: Features that are drawn and printed.
        style: ``box`` or ``violin``.
        classifiers: Name -> classifier.
    """

    features: str
    folds: str
    n_folds: int
    inner_folds: int
    seed: int
    controls: bool
    aggregation: Aggregation
    pca_components: int
    umap: UmapSettings | None
    k_means: tuple[int, ...]
    localisations: LocalisationSettings | None
    importance_repeats: int
    representatives: int
    top_features: int
    style: str
    classifiers: Mapping[str, Tuned]

    @property
    def hand_made(self) -> bool:
        """Whether hand-made features are analysed."""
        return self.features in (HAND_MADE, BOTH)

    @property
    def learned(self) -> bool:
        """Whether learned vectors are analysed."""
        return self.features in (LEARNED, BOTH)


def read_settings(group: Mapping[str, Any]) -> AnalysisSettings:
    """Checks the plain values of the group ``analysis``.

    Raises:
        ConfigError: A value cannot work.
    """
    whole = {name: check_whole(f"analysis.{name}", group[name], at_least=least) for name, least in _WHOLE.items()}
    ks = group["k_means"] if isinstance(group["k_means"], list) else [group["k_means"]]
    return AnalysisSettings(
        features=_one_of("features", group["features"], (HAND_MADE, LEARNED, BOTH)),
        folds=_one_of("folds", group["folds"], (SAME, ALL)),
        style=_one_of("style", group["style"], STYLES),
        controls=check_flag("analysis.controls", group["controls"]),
        k_means=tuple(check_whole("analysis.k_means", k, at_least=2) for k in ks),
        aggregation=_part("aggregation", Aggregation, group["aggregation"], setting="analysis.aggregation"),
        umap=_optional("umap", UmapSettings, group["umap"], whole["seed"]),
        localisations=_optional("localisations", LocalisationSettings, group["localisations"], whole["seed"]),
        # a choice of none leaves the group out
        classifiers=_classifiers(group.get("classifiers") or {}),
        **whole,
    )


def _one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"analysis.{name} must be one of {', '.join(choices)}, found {value!r}{hint}")
    return str(value)


def _optional(name: str, kind: type, values: Any, seed: int) -> Any:
    return None if values is None else _part(name, kind, values, seed=seed)


def _part(name: str, kind: type, values: Any, **more: Any) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"analysis.{name} must be a group of settings, found {values!r}; --cfg job shows them")
    try:
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return kind(**given, **more)
    except ConfigError as error:
        text = str(error)
        raise ConfigError(text if text.startswith("analysis.") else f"analysis.{text}") from error
    except TypeError as error:
        raise ConfigError(f"analysis.{name}: {error}; --cfg job shows what there is") from error


def _classifiers(leaves: Mapping[str, Any]) -> dict[str, Tuned]:
    found = {}
    for name, leaf in leaves.items():
        try:
            made = assemble.build(leaf)
        except ConfigError as error:
            raise ConfigError(f"analysis.classifiers.{name}: {error}") from error
        if not isinstance(made, Tuned):
            raise ConfigError(
                f"analysis.classifiers.{name}: expected _target_: {Tuned.__module__}.{Tuned.__qualname__} with "
                f"estimator and grid, found {type(made).__name__}"
            )
        found[name] = made
    return found
