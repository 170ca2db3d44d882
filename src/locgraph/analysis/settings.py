"""Settings of an analysis, checked before anything is read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from locgraph.analysis.classifiers import TunedClassifier
from locgraph.analysis.fov_features import Aggregation
from locgraph.analysis.localisation_level import LocalisationSettings
from locgraph.analysis.projection import UmapSettings
from locgraph.build import TARGET, build
from locgraph.errors import ConfigError, within
from locgraph.settings import check_flag, check_whole

HAND_MADE: Final = "hand_made"
"""Features of clusters, from `locgraph.preparation.features`."""
LEARNED: Final = "learned"
"""Vectors of FOVs from a network."""
BOTH: Final = "both"
SAME: Final = "same"
ALL: Final = "all"
STYLES: Final = ("box", "violin")

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
    """Settings of an analysis.

    Attributes:
        features: ``hand_made``, ``learned`` or ``both``.
        folds: ``same``: those that the network has results of; ``all``: those of its plan.
        n_folds: Number of folds where only tables are analysed.
        inner_folds: Folds within the training FOVs that choose settings of classifiers.
        seed: Seed of all that is random.
        controls: Whether controls are trained where no run has them.
        aggregation: Statistics that aggregate the clusters of a FOV.
        pca_components: Number of principal components.
        umap: Settings of UMAP; None leaves it out.
        k_means: Numbers of clusters beside that of the classes.
        localisations: Settings of the features of localisations; None leaves them out.
        importance_repeats: Number of shuffles of each feature; 0 leaves importance out.
        representatives: Number of FOVs nearest to and farthest from the centre of each class.
        top_features: Number of features that are drawn and printed.
        style: ``box`` or ``violin``.
        classifiers: Name -> classifier.
        plain: The same as plain values, for the record.
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
    classifiers: Mapping[str, TunedClassifier]
    plain: Mapping[str, Any]

    @property
    def hand_made(self) -> bool:
        """Whether hand-made features are analysed."""
        return self.features in (HAND_MADE, BOTH)

    @property
    def learned(self) -> bool:
        """Whether learned vectors are analysed."""
        return self.features in (LEARNED, BOTH)


def read_settings(group: Mapping[str, Any]) -> AnalysisSettings:
    """Return the settings of plain values, such as those of ``configs/analysis/standard.yaml``.

    Args:
        group: Plain values; classifiers as mappings with ``_target_``.

    Raises:
        ConfigError: A value cannot work.
    """
    whole = {name: check_whole(name, group[name], at_least=least) for name, least in _WHOLE.items()}
    ks = group["k_means"] if isinstance(group["k_means"], list) else [group["k_means"]]
    return AnalysisSettings(
        features=_one_of("features", group["features"], (HAND_MADE, LEARNED, BOTH)),
        folds=_one_of("folds", group["folds"], (SAME, ALL)),
        style=_one_of("style", group["style"], STYLES),
        controls=check_flag("controls", group["controls"]),
        k_means=tuple(check_whole("k_means", k, at_least=2) for k in ks),
        aggregation=_part("aggregation", Aggregation, group["aggregation"]),
        umap=_optional("umap", UmapSettings, group["umap"], whole["seed"]),
        localisations=_optional("localisations", LocalisationSettings, group["localisations"], whole["seed"]),
        # without any classifier the composed group has no such entry
        classifiers=_classifiers(group.get("classifiers") or {}),
        plain=group,
        **whole,
    )


def _one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"expected one of {', '.join(choices)}, found {value!r}{hint}", setting=name)
    return str(value)


def _optional(name: str, kind: type, values: Any, seed: int) -> Any:
    return None if values is None else _part(name, kind, values, seed=seed)


def _part(name: str, kind: type, values: Any, **more: Any) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"expected a group of settings, found {values!r}", setting=name)
    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        with within(name):
            return kind(**arguments, **more)
    except TypeError as error:
        raise ConfigError(str(error), setting=name) from error


def _classifiers(leaves: Mapping[str, Any]) -> dict[str, TunedClassifier]:
    classifiers = {}
    for name, leaf in leaves.items():
        setting = f"classifiers.{name}"
        classifier = build(leaf, setting)
        if not isinstance(classifier, TunedClassifier):
            raise ConfigError(
                f"expected {TARGET}: {TunedClassifier.__module__}.{TunedClassifier.__qualname__} with estimator and "
                f"grid, found {type(classifier).__name__}",
                setting=setting,
            )
        classifiers[name] = classifier
    return classifiers
