"""Statements of annotators from tasks of Label Studio."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from locgraph.errors import DataError
from locgraph.io.annotations.imported import FINGERPRINT, OTHER_DATA, STRANGER, ImportedRows, source_id
from locgraph.io.annotations.label_studio.grid import PixelGrid, check_size
from locgraph.io.annotations.label_studio.shapes import CHOICES, KEYPOINT, NAMES, NO_CLASS, is_same, to_points
from locgraph.io.annotations.label_studio.write import FOV, HEIGHT, KEPT, META, NM_PER_PX, WIDTH, X0, Y0
from locgraph.io.annotations.table import check_row
from locgraph.schema import annotation as columns
from locgraph.settings import is_number

_ANNOTATIONS: Final = "annotations"

_TYPES: Final[dict[str, Any]] = {
    **dict.fromkeys((columns.TARGET, columns.TOOL), str),
    **dict.fromkeys((columns.X, columns.Y), list | None),
    columns.RADIUS: int | float | None,
    columns.CLUSTER_ID: int | None,
    **dict.fromkeys((columns.TIME, columns.DATA_FINGERPRINT), str | None),
}
"""Of what locgraph wrote beside a result, by its column; anybody may have changed it since."""


def is_label_studio(content: Any) -> bool:
    """Return whether the content of a JSON file is a list of tasks."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(each, Mapping) and "data" in each for each in content)
    )


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        DataError: It is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON; it is damaged ({error}). Export it again") from error


def read_tasks(
    path: Path,
    content: list[Mapping[str, Any]],
    into: ImportedRows,
    annotators: Mapping[str, str],
    point_radius_nm: float | None,
) -> None:
    """Sort out the statements of tasks; what cannot be taken is counted in ``into.left_out``.

    Tasks are matched by ``fov_id`` in their data. Cancelled annotations are left out. A result with several labels is
    several statements.

    Args:
        path: The file, for messages.
        content: Its tasks.
        into: Gets the statements.
        annotators: Number or address of an annotator in Label Studio -> name.
        point_radius_nm: Reach of the points that state none; None for any.

    Raises:
        DataError: No task has annotations, as in the export JSON-MIN.
    """
    if not any(isinstance(task.get(_ANNOTATIONS), list) for task in content):
        raise DataError(f"{path}: expected tasks with {_ANNOTATIONS}; found none. Export as JSON, not as JSON-MIN")
    into.complete = True
    for number, task in enumerate(content, start=1):
        data = task["data"] if isinstance(task["data"], Mapping) else {}
        stated = data.get(FOV)
        if not isinstance(stated, str) or not stated:
            into.left_out.add(f"a task without {FOV} in its data", f"task {task.get('id', number)}")
            continue
        fov_id = into.fovs.find(stated)
        if fov_id is None or into.fovs.differs(fov_id, data):
            into.left_out.add(STRANGER if fov_id is None else OTHER_DATA, stated)
            continue
        for annotation in _mappings(task.get(_ANNOTATIONS), fov_id, into):
            if annotation.get("was_cancelled"):
                into.left_out.add("an annotation that was cancelled", fov_id)
                continue
            for name, result, base in _results(annotation, fov_id, annotators, into):
                try:
                    _take(name, result, base, data, into, point_radius_nm)
                except DataError as error:
                    into.left_out.add(str(error), fov_id)


def _mappings(values: Any, fov_id: str, into: ImportedRows) -> Iterator[Mapping[str, Any]]:
    for each in values if isinstance(values, list) else ():
        if isinstance(each, Mapping):
            yield each
        else:
            into.left_out.add("an annotation or result that is no object", fov_id)


def _results(
    annotation: Mapping[str, Any], fov_id: str, annotators: Mapping[str, str], into: ImportedRows
) -> Iterator[tuple[str, Mapping[str, Any], dict[str, Any]]]:
    """Yield id, result with a single label, and what all statements of an annotation share, for each label."""
    annotator = _annotator(annotation.get("completed_by"), annotators)
    time = _time(annotation.get("updated_at") or annotation.get("created_at"))
    for place, result in enumerate(_mappings(annotation.get("result"), fov_id, into)):
        kind, value = result.get("type"), result.get("value")
        if not isinstance(kind, str) or kind not in NAMES or not isinstance(value, Mapping):
            into.left_out.add(f"a result of the kind {kind}, which states no class", fov_id)
            continue
        labels = value.get(kind)
        if not isinstance(labels, list) or not labels:
            into.left_out.add(f"a result of the kind {kind} without a class", fov_id)
            continue
        own = str(result.get("id", place))
        for index, label in enumerate(labels):
            unique = source_id(own) == own and index == 0
            name = own if unique else source_id(fov_id, annotation.get("id"), own, index)
            # a microsecond apart, so that their order stays
            later = None if time is None else time + timedelta(microseconds=place)
            base = {columns.FOV_ID: fov_id, columns.ANNOTATOR: annotator, columns.TIME: later}
            base[columns.LABEL] = None if label == NO_CLASS else str(label)
            yield name, {**result, "value": {**value, kind: [label]}}, base


def _take(
    name: str,
    result: Mapping[str, Any],
    base: dict[str, Any],
    data: Mapping[str, Any],
    into: ImportedRows,
    point_radius_nm: float | None,
) -> None:
    """Add one statement: as it was written, where the result still states the same, else as the result states it.

    Raises:
        DataError: The result makes no sense.
    """
    kind, value = result["type"], result["value"]
    grid = None if kind == CHOICES else _grid(data, result)
    known = into.known(name)
    if known is not None and _is_same(kind, value, known, grid):
        into.add(name, dict(known), same=True)
        return
    kept = _kept(result, base)
    if kept is not None and _is_same(kind, value, kept, grid):
        into.add(name, kept, same=False)
        return
    fingerprint = data.get(FINGERPRINT) or into.fovs.digest(base[columns.FOV_ID])
    base[columns.DATA_FINGERPRINT] = fingerprint if isinstance(fingerprint, str) else None
    into.add(name, base | _statement(kind, value, grid, point_radius_nm), same=False)


def _is_same(kind: str, value: Mapping[str, Any], row: Mapping[str, Any], grid: PixelGrid | None) -> bool:
    return is_same(kind, value, row, grid or PixelGrid(0.0, 0.0, 1.0, 1, 1))


def _kept(result: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the statement that locgraph wrote beside the result, with the class and annotator of the result."""
    meta = result.get("meta")
    kept = meta.get(META) if isinstance(meta, Mapping) else None
    if not isinstance(kept, Mapping) or not all(isinstance(kept.get(name), types) for name, types in _TYPES.items()):
        return None
    row = {name: kept.get(name) for name in KEPT} | {name: base[name] for name in base if name != columns.TIME}
    row[columns.TIME] = _time(kept.get(columns.TIME)) or base[columns.TIME]
    try:
        return check_row(row, base[columns.FOV_ID])
    except DataError:
        return None


def _statement(
    kind: str, value: Mapping[str, Any], grid: PixelGrid | None, point_radius_nm: float | None
) -> dict[str, Any]:
    """Return target, place and tool of what a result states.

    Raises:
        DataError: The result makes no sense.
    """
    row: dict[str, Any] = {columns.TOOL: columns.IMPORT}
    if grid is None:
        return row | {columns.TARGET: columns.OF_FOV}
    points = to_points(kind, value, grid)
    row |= {columns.X: points[:, 0].tolist(), columns.Y: points[:, 1].tolist()}
    if kind == KEYPOINT:
        return row | {columns.TARGET: columns.OF_POINT, columns.TOOL: columns.POINT, columns.RADIUS: point_radius_nm}
    if len({tuple(point) for point in points.tolist()}) < 3:
        raise DataError("a region without an area")
    return row | {columns.TARGET: columns.OF_REGION}


def _grid(data: Mapping[str, Any], result: Mapping[str, Any]) -> PixelGrid:
    """Return the pixels that a result is on.

    Raises:
        DataError: The data of the task do not state where they are, or the picture has another size.
    """
    place = [data.get(name) for name in (X0, Y0, NM_PER_PX)]
    if not all(map(is_number, place)) or float(place[2]) <= 0:  # type: ignore[arg-type]
        raise DataError(f"expected {X0}, {Y0} and {NM_PER_PX} in the data of the task, to place what is drawn in nm")
    width, height = check_size(result.get("original_width"), result.get("original_height"))
    stated = (data.get(WIDTH, width), data.get(HEIGHT, height))
    if stated != (width, height):
        raise DataError(
            f"expected a result on the picture of the task, {stated[0]} x {stated[1]} pixels; found one of {width} x "
            f"{height}"
        )
    x0, y0, side = map(float, place)  # type: ignore[arg-type]
    return PixelGrid(x0, y0, side, width, height)


def _annotator(given: Any, annotators: Mapping[str, str]) -> str:
    """Return the name of an annotator, which Label Studio gives as a number, or as an object."""
    if isinstance(given, Mapping):
        names = (given.get(key) for key in ("email", "username", "id"))
        given = next((name for name in names if name not in (None, "")), None)
    text = "unknown" if given in (None, "") else str(given)
    return annotators.get(text, text)


def _time(text: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
