"""Statements that a page sends, checked: about a FOV, or a place, cluster or region in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from locgraph.errors import ConfigError, DataError
from locgraph.schema import annotation as columns
from locgraph.settings import is_number

if TYPE_CHECKING:
    from locgraph.viewer.scene import Scene

MOST_CORNERS: Final = 10_000
"""Corners of a polygon or lasso, or places along the path of a brush."""

MOST_CLASSES: Final = 100
LONGEST_NAME: Final = 100
"""Characters of the name of a class or annotator."""

TOOLS: Final[Mapping[str, tuple[str, ...]]] = {
    columns.OF_FOV: (columns.KEY, columns.CLICK),
    columns.OF_CLUSTER: (columns.CLICK, columns.KEY),
    columns.OF_REGION: (columns.LASSO, columns.POLYGON, columns.BRUSH),
    columns.OF_POINT: (columns.POINT,),
}
"""Tools that state something about each target."""

_FEWEST: Final[Mapping[str, int]] = {columns.LASSO: 3, columns.POLYGON: 3, columns.BRUSH: 1, columns.POINT: 1}
_FARTHEST_NM: Final = 1e9
_ROUND: Final = (columns.BRUSH, columns.POINT)
_KEYS: Final = frozenset(
    {"annotation_id", "annotator", "fov_id", "target", "label", "tool", "points", "radius", "cluster_id"}
)
_IDENTIFIER: Final = re.compile(r"[0-9a-f]{32}")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SHOWN: Final = 60


class StepError(DataError):
    """A step makes no sense, whenever it is sent."""


@dataclass(frozen=True)
class Statement:
    """One statement of an annotator.

    Attributes:
        annotation_id: 32 hexadecimal digits, made by the page: a step that is sent twice is kept once.
        fov_id: The FOV.
        target: ``fov``, ``cluster``, ``region`` or ``point``.
        label: The class; None where there is none.
        tool: One of `TOOLS` of the target.
        points: (n, 2) float64 nm relative to the origin of the FOV: corners, path or one point; None elsewhere.
        radius: Of a brush, or the reach of a point, in nm; None elsewhere.
        cluster_id: The cluster; None elsewhere.
    """

    annotation_id: str
    fov_id: str
    target: str
    label: str | None
    tool: str
    points: np.ndarray | None = None
    radius: float | None = None
    cluster_id: int | None = None


def read_statement(body: Any, annotator: str, classes: Sequence[str]) -> Statement:
    """Check what a page sends as one step.

    Args:
        body: JSON as it was read.
        annotator: Who annotates here.
        classes: Classes that may be stated.

    Raises:
        StepError: Something is missing, unknown, too large or no number.
    """
    body = check_step(body, annotator, _KEYS)
    target = _choice(body, "target", tuple(TOOLS))
    tool = _choice(body, "tool", TOOLS[target])
    label = body.get("label")
    if label is not None and (not isinstance(label, str) or label not in classes):
        raise StepError(f"label: expected one of the classes {_list(classes)} or null, found {_shown(label)}")
    return Statement(
        body["annotation_id"],
        _text(body, "fov_id"),
        target,
        label,
        tool,
        _points(body.get("points"), tool, target in (columns.OF_REGION, columns.OF_POINT)),
        _radius(body.get("radius"), tool),
        _cluster(body.get("cluster_id"), target),
    )


def check_step(body: Any, annotator: str, keys: frozenset[str]) -> dict[str, Any]:
    """Check what all steps have: who states them, and a name of their own.

    A page that stayed open while another annotator started the server must state nothing in that name.

    Raises:
        StepError: It is no object, has other keys, or is of another annotator.
    """
    if not isinstance(body, dict):
        raise StepError(f"expected a JSON object with the step of an annotation, found {_shown(body)}")
    unknown = sorted(set(body) - keys)
    if unknown:
        raise StepError(f"expected the keys {_list(sorted(keys))}, found {_shown(unknown[0])}")
    if body.get("annotator") != annotator:
        raise StepError(
            f"annotator: expected {annotator!r}, who annotates here, found {_shown(body.get('annotator'))}; load the "
            "page again"
        )
    identifier = body.get("annotation_id")
    if not isinstance(identifier, str) or not _IDENTIFIER.fullmatch(identifier):
        raise StepError(f"annotation_id: expected 32 hexadecimal digits, found {_shown(identifier)}")
    return body


def check_name(setting: str, name: Any) -> str:
    """Return the name of an annotator or class, without spaces around it.

    Raises:
        ConfigError: It is empty, too long, or holds control characters.
    """
    text = name.strip() if isinstance(name, str) else ""
    if not text or len(text) > LONGEST_NAME or _CONTROLS.search(text):
        raise ConfigError(
            f"expected a name of 1 to {LONGEST_NAME} characters without line breaks, found {_shown(name)}",
            setting=setting,
        )
    return text


def check_classes(names: Any) -> tuple[str, ...]:
    """Return the names of classes that may be stated.

    Raises:
        ConfigError: They are no list of 1 to `MOST_CLASSES` different names.
    """
    if isinstance(names, str) or not isinstance(names, Sequence) or not 1 <= len(names) <= MOST_CLASSES:
        raise ConfigError(
            f"expected a list of 1 to {MOST_CLASSES} names, such as [healthy,diseased], found {_shown(names)}",
            setting="classes",
        )
    checked = tuple(check_name("classes", str(name) if is_number(name) else name) for name in names)
    twice = [name for place, name in enumerate(checked) if name in checked[:place]]
    if twice:
        raise ConfigError(f"expected names that differ, found {twice[0]!r} twice", setting="classes")
    return checked


def _choice(body: Mapping[str, Any], key: str, choices: Sequence[str]) -> str:
    value = body.get(key)
    if not isinstance(value, str) or value not in choices:
        raise StepError(f"{key}: expected one of {_list(choices)}, found {_shown(value)}")
    return value


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise StepError(f"{key}: expected a text, found {_shown(value)}")
    return value


def _points(points: Any, tool: str, is_drawn: bool) -> np.ndarray | None:
    if not is_drawn:
        if points is not None:
            raise StepError(f"points: expected none for the tool {tool}, found {_shown(points)}")
        return None
    fewest, most = _FEWEST[tool], 1 if tool == columns.POINT else MOST_CORNERS
    if not isinstance(points, list) or not fewest <= len(points) <= most:
        number = f"found {len(points):,}" if isinstance(points, list) else f"found {_shown(points)}"
        expected = "one place" if most == 1 else f"{fewest} to {most:,} places"
        raise StepError(f"points: expected a list of {expected} [x, y] for the tool {tool}, {number}")
    for place in points:
        if not isinstance(place, list) or len(place) != 2 or not all(_is_length(value) for value in place):
            raise StepError(f"points: expected places [x, y] in nm, finite and below 1 m, found {_shown(place)}")
    checked = np.array(points, dtype=np.float64)
    if len(np.unique(checked, axis=0)) < fewest:
        raise StepError(f"points: expected at least {fewest} places that differ for the tool {tool}")
    return checked


def _is_length(value: Any) -> bool:
    return is_number(value) and abs(value) <= _FARTHEST_NM


def _radius(radius: Any, tool: str) -> float | None:
    if tool not in _ROUND:
        if radius is not None:
            raise StepError(f"radius: expected none for the tool {tool}, found {_shown(radius)}")
        return None
    if not _is_length(radius) or radius <= 0:
        raise StepError(f"radius: expected a length above 0 nm, finite and below 1 m, found {_shown(radius)}")
    return float(radius)


def _cluster(cluster: Any, target: str) -> int | None:
    if target != columns.OF_CLUSTER:
        if cluster is not None:
            raise StepError(f"cluster_id: expected none for the target {target}, found {_shown(cluster)}")
        return None
    if isinstance(cluster, bool) or not isinstance(cluster, int) or not 0 <= cluster < 2**63:
        raise StepError(f"cluster_id: expected the number of a cluster, found {_shown(cluster)}")
    return cluster


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _shown(value: Any) -> str:
    """Return a value for a message, short whatever it holds."""
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value):,}"
    if isinstance(value, int) and abs(value) > _FARTHEST_NM:
        return "a number of more than nine digits"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def centre_of(scene: Scene, cluster_id: int) -> np.ndarray:
    """Return the centre (D,) float64 nm of a cluster.

    Raises:
        StepError: There is no such cluster.
    """
    ids = np.empty(0, dtype=np.int64) if scene.clusters is None else scene.clusters.ids
    place = np.flatnonzero(ids == cluster_id)
    if scene.clusters is None or not len(place):
        raise StepError(f"cluster_id: expected one of the {len(ids)} clusters of {scene.fov_id}, found {cluster_id}")
    centre: np.ndarray = scene.clusters.centres[place[0]]
    return centre
