"""Which FOVs are explained, and from which explainers that learn do so."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from locgraph.cli.explain_settings import near
from locgraph.errors import ConfigError

_SHOWN = 5


def check_names(names: Sequence[str] | None, evaluated: Sequence[str], sides: Mapping[str, Sequence[str]]) -> None:
    """Refuses names that are not among the FOVs which are evaluated.

    Args:
        names: The setting ``explain.fovs``.
        evaluated: The FOVs there are.
        sides: Other FOVs of the run, by side; none for new files.

    Raises:
        ConfigError: Names what is not there, and what looks like it.
    """
    known = set(evaluated)
    unknown = [name for name in names or () if name not in known]
    if not unknown:
        return
    where = {name: side for side, fov_ids in sides.items() for name in fov_ids}
    words = [
        f"{name!r} is a FOV of the {where[name]} side"
        if name in where
        else f"{name!r} is not there{near(name, evaluated)}"
        for name in unknown[:_SHOWN]
    ]
    more = f"; and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    raise ConfigError(
        f"explain.fovs: expected names among the {len(evaluated)} FOVs that are evaluated, such as "
        f"{', '.join(evaluated[:3])}; found: {'; '.join(words)}{more}"
    )


def spread(fov_ids: Sequence[str], classes: Mapping[str, str | None], number: int) -> list[str]:
    """The first FOVs, taken from all classes in turn.

    Args:
        fov_ids: The FOVs.
        classes: Class of each; those without one count as a class of their own.
        number: How many at most.

    Returns:
        Names in their order in ``fov_ids``.
    """
    queues: dict[str | None, list[str]] = {}
    for fov_id in fov_ids:
        queues.setdefault(classes.get(fov_id), []).append(fov_id)
    rounds = [
        queue[index]
        for index in range(max(map(len, queues.values()), default=0))
        for queue in queues.values()
        if index < len(queue)
    ]
    chosen = set(rounds[:number])
    return [fov_id for fov_id in fov_ids if fov_id in chosen]


def draw(fov_ids: Sequence[str], classes: Mapping[str, str | None], number: int, seed: int) -> list[str]:
    """As `spread`, of FOVs in a random order."""
    shuffled = random.Random(seed).sample(sorted(fov_ids), len(fov_ids))
    chosen = set(spread(shuffled, classes, number))
    return [fov_id for fov_id in shuffled if fov_id in chosen]
