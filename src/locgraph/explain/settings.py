"""The settings of a run of explanations, checked against the model before any work."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from locgraph.build import TARGET, build
from locgraph.errors import ConfigError, LocgraphError, within
from locgraph.explain.base import Explainer
from locgraph.explain.metrics.fidelity import Characterisation
from locgraph.explain.metrics.judge import JudgeSettings
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

_WHOLE: Final = {"max_fovs": 1, "fit_fovs": 1, "seed": 0, "figures": 0}


@dataclass(frozen=True)
class ExplainSettings:
    """What is explained, and how explanations are judged.

    Attributes:
        fovs: Names of the FOVs; None takes some of each class.
        max_fovs: Largest number of FOVs where no names are given.
        explained_class: ``predicted``, ``truth``, or the name of a class.
        judging: Settings of the metrics.
        stability: Jitter for the metrics of stability; None leaves them out.
        sanity: Whether to explain networks with random weights too.
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
    sanity: bool
    fit_fovs: int
    seed: int
    figures: int
    max_seconds_per_fov: float | None = None


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
        sanity=check_flag("sanity", group["sanity"]),
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
