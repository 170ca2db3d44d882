"""Settings of a release beside those of its sweep: which may differ, and how the sweep was called."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from locgraph.build import TARGET
from locgraph.run_folder import RELEASE

ALL_FOVS: Final = "locgraph.data.all_fovs.AllFovs"

FITTED_TO: Final = "out-of-fold predictions of the sweep"
"""What calibrates a release."""

_OF_THE_RUN: Final = (
    *("paths", "logger", "tags", "executor", "callbacks", "print_config", "name", "optimized_metric"),
    *("fold", "test", "controls", "mode", RELEASE, "hydra", "trainer.limit_val_batches"),
)
"""Settings of where and how a run goes, of what is tested, and of the FOVs it is trained on: no part of the method."""

_NAMED: Final = (
    *("seed", "trust", "simulation.folder", "data.raw_dir", "data.featextracted_dir", "labels.path", "groups.path"),
    *("loader.num_workers", "loader.in_memory", "loader.pin_memory"),
    *(f"trainer.{name}" for name in ("accelerator", "devices", "strategy", "threads", "compile", "precision")),
    *(f"trainer.{name}" for name in ("deterministic", "log_every_n_steps", "num_sanity_val_steps")),
    *(f"trainer.{name}" for name in ("profiler", "benchmark")),
)
"""Settings that may differ, and are named: they change rounding, order or place, and data are compared themselves."""

_SHOWN: Final = 8
_ABSENT: Final = object()


@dataclass(frozen=True)
class Differences:
    """Settings of a release that differ from those of its sweep.

    Attributes:
        refused: Those that its scores depend on, in words; the first few where there are many.
        named: The others, and those that the version which ran the sweep did not have.
    """

    refused: tuple[str, ...]
    named: tuple[str, ...]


def compare_settings(of_sweep: Mapping[str, Any], now: Mapping[str, Any], overrides: Sequence[str] = ()) -> Differences:
    """Return how the settings of a release differ from those of a run of its sweep.

    A setting that the sweep did not have, as it is of a later version, is named unless the command line sets it.

    Args:
        of_sweep: Settings of the run.
        now: Settings of the release.
        overrides: Settings of the command line.
    """
    given = {text.lstrip("+~").split("=")[0] for text in overrides}
    before, after = dict(_leaves(of_sweep)), dict(_leaves(now))
    refused: list[str] = []
    named: list[str] = []
    replaced: tuple[str, ...] = ()
    # the class of a part comes before its arguments
    for key in sorted({*before, *after}):
        group = key.split(".")[0]
        old, new = before.get(key, _ABSENT), after.get(key, _ABSENT)
        if {group, key} & set(_OF_THE_RUN) or _same(old, new) or key.startswith(replaced or ("\n",)):
            continue
        if key.endswith(f".{TARGET}"):
            # arguments of another class are not compared
            replaced = (*replaced, key.removesuffix(TARGET))
        words = f"{key} {_words(old)} in the sweep, {_words(new)} now"
        harmless = any(key == name or key.startswith(f"{name}.") for name in _NAMED)
        # a part that the sweep did not have is another matter than a new argument of one
        later = (
            old is _ABSENT
            and not key.endswith(TARGET)
            and not any(key == name or key.startswith(f"{name}.") for name in given)
        )
        (named if harmless or later else refused).append(words)
    more = len(refused) - _SHOWN
    shown = refused[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
    return Differences(tuple(shown), tuple(named))


def _leaves(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, here)
        else:
            yield here, value


def _same(old: Any, new: Any) -> bool:
    """Return whether two values mean the same; nothing, null and an empty group do."""
    return old == new or all(value is _ABSENT or value is None or value == {} or value == [] for value in (old, new))


def _words(value: Any) -> str:
    return "not there" if value is _ABSENT else str(value)


def repeated_command(overrides: Sequence[str], folder: Path) -> str:
    """Return the command that releases with the settings of a sweep.

    Args:
        overrides: Settings of the command line of one of its runs.
        folder: The sweep.
    """
    left_out = ("fold", "sweep", "mode", "hydra", "launcher", "seed")
    kept = [
        text
        for text in overrides
        if text.lstrip("+~").split("=")[0].split(".")[0].split("/")[0] not in left_out
        and not text.startswith(("paths.sweep_dir=", "paths.run_dir="))
    ]
    return shlex.join(["python", "train.py", *kept, "mode=release", f"release.from={folder}"])
