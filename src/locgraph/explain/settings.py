"""The settings of a run of explanations, checked against the model before any work."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from locgraph.build import TARGET, build
from locgraph.errors import ConfigError, LocgraphError, within
from locgraph.explain.base import LOG_ODDS, LOGIT_DIFFERENCE, PROBABILITY, Explainer
from locgraph.explain.metrics.fidelity import Characterisation
from locgraph.explain.metrics.judge import JudgeSettings
from locgraph.explain.metrics.sanity import SanityCheck
from locgraph.explain.metrics.selection import Selection
from locgraph.explain.metrics.stability import Stability
from locgraph.nn.network import Network
from locgraph.settings import check_flag, check_number, check_whole

log = logging.getLogger(__name__)

T = TypeVar("T")

PREDICTED: Final = "predicted"
"""Explains the class that the model predicts for the FOV."""
TRUTH: Final = "truth"
"""Explains the class that the FOV has."""
EXPLAINERS: Final = "explainers"

_PAIR: Final = 2
_WHOLE: Final = {"max_fovs": 1, "fit_fovs": 1, "seed": 0, "figures": 0}


@dataclass(frozen=True)
class ExplainSettings:
    """What is explained, and how explanations are judged.

    Attributes:
        fovs: Names of the FOVs; None takes some of each class.
        max_fovs: Largest number of FOVs where no names are given.
        explained_class: ``predicted``, ``truth``, or the name of a class.
        contrast: Names of two classes: scores explain the first against the second, in place of ``explained_class``;
            None explains a class against all others.
        judging: Settings of the metrics.
        stability: Jitter for the metrics of stability; None leaves them out.
        sanity: Explanations of networks with random weights; None leaves them out.
        fit_fovs: Number of training FOVs for explainers that learn.
        seed: Seed of all randomness.
        figures: Number of FOVs that are drawn.
        max_seconds_per_fov: Time of one explanation, and of all that repeats it; None for no limit.
    """

    fovs: tuple[str, ...] | None
    max_fovs: int
    explained_class: str
    judging: JudgeSettings
    stability: Stability | None
    sanity: SanityCheck | None
    fit_fovs: int
    seed: int
    figures: int
    max_seconds_per_fov: float | None = None
    contrast: tuple[str, str] | None = None


def read_settings(group: Mapping[str, Any], class_names: Sequence[str]) -> ExplainSettings:
    """Check the plain values of the group ``explain``.

    Args:
        group: The group.
        class_names: Classes that the model knows.

    Raises:
        ConfigError: A value cannot work.
    """
    return ExplainSettings(
        fovs=_check_names(group["fovs"]),
        explained_class=_check_class(str(group["explained_class"]), class_names),
        judging=JudgeSettings(
            _make(Selection, group, "selection"),
            _make(Characterisation, group, "characterisation"),
            group["curve_points"],
        ),
        stability=_read_stability(group["stability"]),
        sanity=_read_sanity(group["sanity"]),
        contrast=_check_contrast(group["contrast"], str(group["explained_class"]), class_names),
        max_seconds_per_fov=_read_limit(group.get("max_seconds_per_fov")),
        **{name: check_whole(name, group[name], at_least=least) for name, least in _WHOLE.items()},
    )


def _make(component: Callable[..., T], group: Mapping[str, Any], name: str) -> T:
    with within(name):
        try:
            return component(**group[name])
        except TypeError as error:
            raise ConfigError(f"cannot be used as settings: {error}", setting=next(iter(group[name]), None)) from error


def _read_stability(group: Mapping[str, Any]) -> Stability | None:
    with within("stability"):
        repeats = check_whole("repeats", group["repeats"], at_least=0)
        jitter = check_number("jitter_nm", group["jitter_nm"], above=0)
        return Stability(repeats, jitter, in_nm=True) if repeats else None


def _read_sanity(group: Any) -> SanityCheck | None:
    if not isinstance(group, Mapping):
        raise ConfigError(
            f"expected max_fovs and cascade, found {group!r}; explain.sanity.max_fovs=0 leaves this check out",
            setting="sanity",
        )
    with within("sanity"):
        fovs = check_whole("max_fovs", group["max_fovs"], at_least=0)
        cascade = check_flag("cascade", group["cascade"])
        return SanityCheck(fovs, cascade) if fovs else None


def _read_limit(given: Any) -> float | None:
    return None if given is None else check_number("max_seconds_per_fov", given, above=0)


def _check_names(given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    # a name that looks like a number is read as one
    names = given if isinstance(given, list) else [given]
    if not names or any(isinstance(name, dict | list) or name is None for name in names):
        raise ConfigError(
            f"expected a list of names of FOVs, such as [L_3,T_12], or null, found {given!r}", setting="fovs"
        )
    return tuple(dict.fromkeys(map(str, names)))


def _check_class(name: str, class_names: Sequence[str]) -> str:
    choices = (PREDICTED, TRUTH, *class_names)
    if name not in choices:
        raise ConfigError(
            f"expected {PREDICTED}, {TRUTH} or a class of this model ({', '.join(class_names)}), found {name!r}"
            f"{similar_names(name, choices)}",
            setting="explained_class",
        )
    return name


def _check_contrast(given: Any, explained_class: str, class_names: Sequence[str]) -> tuple[str, str] | None:
    if given is None:
        return None
    names = [str(name) for name in given] if isinstance(given, list) else [given]
    if len(names) != _PAIR:
        raise ConfigError(
            f"expected two classes, as contrast=[{','.join(class_names[:2])}], or null, found {given!r}",
            setting="contrast",
        )
    for name in names:
        if name not in class_names:
            raise ConfigError(
                f"expected two of the classes of this model ({', '.join(class_names)}), found {name!r}"
                f"{similar_names(name, class_names)}",
                setting="contrast",
            )
    if names[0] == names[1]:
        raise ConfigError(f"expected two different classes, found {names[0]!r} twice", setting="contrast")
    if explained_class != PREDICTED:
        raise ConfigError(
            f"expected null beside explained_class={explained_class}, found [{', '.join(names)}]: the first of these "
            "is the class to explain; leave one of both settings out",
            setting="contrast",
        )
    return names[0], names[1]


def similar_names(name: str, names: Sequence[str]) -> str:
    """Return a remark about names that are spelled like a wrong one; empty where there are none."""
    matches = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return f" (similar: {', '.join(matches)})" if matches else ""


@dataclass(frozen=True)
class ExplainerSet:
    """The explainers of a run.

    Attributes:
        explainers: Each by its name.
        left_out: Name -> reason of those that cannot explain the model.
    """

    explainers: dict[str, Explainer]
    left_out: dict[str, str]

    def cautions(self, network: Network) -> dict[str, str]:
        """Return by the name of the explainer what its scores of a network are not to be trusted for, where known."""
        cautions = {name: explainer.caution(network) for name, explainer in self.explainers.items()}
        return {name: text for name, text in cautions.items() if text}

    def units(self, in_contrast: bool) -> dict[str, str]:
        """Return what a score of 1 means, by the name of the explainer."""
        units = {name: explainer.unit for name, explainer in self.explainers.items()}
        if not in_contrast:
            return units
        return {name: LOGIT_DIFFERENCE if unit in (PROBABILITY, LOG_ODDS) else unit for name, unit in units.items()}


def build_explainers(leaves: Mapping[str, Any], network: Network) -> ExplainerSet:
    """Build explainers, and leave out those that cannot explain the network.

    Args:
        leaves: Name -> ``_target_`` and arguments; at least one.
        network: The network.

    Raises:
        ConfigError: Settings of an explainer cannot work, or none of the explainers can explain the network.
    """
    explainers: dict[str, Explainer] = {}
    left_out: dict[str, str] = {}
    for name, leaf in leaves.items():
        explainer = build(leaf, f"{EXPLAINERS}.{name}")
        if not isinstance(explainer, Explainer):
            found = leaf.get(TARGET) if isinstance(leaf, Mapping) else leaf
            raise ConfigError(
                f"expected a class below locgraph.explain.base.Explainer, found {found}",
                setting=f"{EXPLAINERS}.{name}.{TARGET}",
            )
        try:
            explainer.check(network)
        except LocgraphError as error:
            left_out[name] = str(error)
        else:
            explainers[name] = explainer
    if not explainers:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ConfigError(f"no explainer can explain this model: {reasons}", setting=EXPLAINERS)
    for name, reason in left_out.items():
        log.warning("explainer %s is left out: %s", name, reason)
    return ExplainerSet(explainers, left_out)
