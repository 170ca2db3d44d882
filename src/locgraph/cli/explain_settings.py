"""The group ``explain``, checked before anything is read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from locgraph.errors import ConfigError
from locgraph.explain.metrics.fidelity import Characterisation
from locgraph.explain.metrics.judge import JudgeSettings
from locgraph.explain.metrics.selection import Selection
from locgraph.explain.metrics.stability import Stability
from locgraph.settings import check_flag, check_number, check_whole

PREDICTED: Final = "predicted"
"""Explains the class that the model predicts for the FOV."""
TRUTH: Final = "truth"
"""Explains the class that the FOV has."""

_WHOLE: Final = {"max_fovs": 1, "fit_fovs": 1, "seed": 0, "figures": 0}


@dataclass(frozen=True)
class ExplainSettings:
    """What is explained, and how it is judged.

    Attributes:
        fovs: Names of the FOVs; None takes some of each class.
        max_fovs: How many at most where no names are given.
        explained_class: ``predicted``, ``truth``, or the name of a class.
        judging: How scores become a selection of clusters, and how this is judged.
        stability: How FOVs are jittered to see whether scores stay; None leaves this out.
        sanity: Whether to explain networks with random weights too.
        fit_fovs: How many training FOVs explainers that learn are given.
        seed: Of all that is random.
        figures: How many FOVs are drawn.
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


def read_settings(group: Mapping[str, Any], class_names: Sequence[str]) -> ExplainSettings:
    """Checks the plain values of the group ``explain``.

    Args:
        group: The group.
        class_names: Classes that the model knows.

    Raises:
        ConfigError: A value cannot work.
    """
    try:
        judging = JudgeSettings(
            Selection(**group["selection"]), Characterisation(**group["characterisation"]), group["curve_points"]
        )
        stability = _stability(group["stability"])
    except ConfigError as error:
        raise ConfigError(f"explain.{error}") from error
    except TypeError as error:
        raise ConfigError(f"explain: {error}; --cfg job shows what there is") from error
    return ExplainSettings(
        fovs=_names(group["fovs"]),
        explained_class=_class(str(group["explained_class"]), class_names),
        judging=judging,
        stability=stability,
        sanity=check_flag("explain.sanity", group["sanity"]),
        **{name: check_whole(f"explain.{name}", group[name], at_least=least) for name, least in _WHOLE.items()},
    )


def _stability(group: Mapping[str, Any]) -> Stability | None:
    repeats = check_whole("stability.repeats", group["repeats"], at_least=0)
    jitter = check_number("stability.jitter_nm", group["jitter_nm"], above=0)
    return Stability(repeats, jitter, in_nm=True) if repeats else None


def _names(given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    # a name that looks like a number is read as one
    names = given if isinstance(given, list) else [given]
    if not names or any(isinstance(name, dict | list) or name is None for name in names):
        raise ConfigError(f"explain.fovs must be a list of names of FOVs, such as [L_3,T_12], or null, found {given!r}")
    return tuple(dict.fromkeys(map(str, names)))


def _class(wanted: str, class_names: Sequence[str]) -> str:
    choices = (PREDICTED, TRUTH, *class_names)
    if wanted not in choices:
        raise ConfigError(
            f"explain.explained_class={wanted} is no class of this model; expected {PREDICTED}, {TRUTH} or one of "
            f"{', '.join(class_names)}{near(wanted, choices)}"
        )
    return wanted


def near(wanted: str, names: Sequence[str]) -> str:
    """Words about names that look like the one that was asked for; none where there are none."""
    found = difflib.get_close_matches(wanted, names, n=3, cutoff=0.6)
    return f" (near it: {', '.join(found)})" if found else ""
