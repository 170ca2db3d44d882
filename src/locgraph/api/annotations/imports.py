"""Annotations from other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from locgraph.api.annotations.raw_files import find_raw_files
from locgraph.api.config import Settings, compose
from locgraph.errors import ConfigError, DataError, within
from locgraph.io.annotations.imported import EarlierRows, ImportedRows, Merged, RawFovs
from locgraph.io.annotations.label_studio.read import is_label_studio, read_json, read_tasks
from locgraph.io.annotations.rois import RoiSettings, read_rois, roi_files
from locgraph.io.regions.placement import Placement
from locgraph.settings import check_length

_OF_LABEL_STUDIO: Final = ("annotators",)
_OF_ROIS: Final = ("annotator", "label", "fov_id", "unit", "pixel_size_nm", "origin_nm")


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        merged: What became of the statements.
        left_out: What of the file was not taken: one sentence for each reason.
        table: The table of annotations.
    """

    merged: Merged
    left_out: tuple[str, ...]
    table: Path


def import_annotations(source: str | Path, table: str | Path, *config: str | Mapping[str, Any]) -> Imported:
    """Add annotations of another program to a table; see ``locgraph annotations import``.

    Args:
        source: Tasks of Label Studio (JSON), ROIs of ImageJ (``.roi``, ``.zip``), GeoJSON, a table of vertices; or a
            folder with ``<fov_id>.roi``, ``<fov_id>_rois.zip`` or ``<fov_id>.geojson``.
        table: The table of annotations; made where there is none.
        *config: Overrides such as ``"imported.annotator=Ann"``, or a mapping with all settings of
            ``configs/annotations.yaml``.

    Raises:
        LocgraphError: The source cannot be read, a setting cannot work, or the table cannot be written.
    """
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("annotations", *config, *(() if mapping else ("action=import",)))
    source, path = Path(source).resolve(), Path(table).resolve()
    if not source.exists():
        raise DataError(f"{source}: expected annotations of another program; found no such file", setting="arguments")
    raw = find_raw_files(settings, path)
    given = settings["imported"]
    into = ImportedRows(EarlierRows(path), RawFovs(None if raw is None else raw.paths))
    content: Any = None
    if source.is_file() and source.suffix.lower() == ".json":
        content = read_json(source)
    with within("imported"):
        reach = given["point_radius_nm"]
        reach = None if reach is None else check_length("point_radius_nm", reach)
        if is_label_studio(content):
            _refuse(given, _OF_ROIS, "tasks of Label Studio, which state it")
            annotators = {str(key): str(name) for key, name in (given["annotators"] or {}).items()}
            read_tasks(source, content, into, annotators, reach)
        else:
            _refuse(given, _OF_LABEL_STUDIO, "regions, whose annotator is imported.annotator")
            _read_all_rois(source, into, given, reach)
    return Imported(into.write(), tuple(into.left_out.sentences()), path)


def _refuse(given: Settings, names: Iterable[str], of: str) -> None:
    """Refuse settings that would have no effect.

    Raises:
        ConfigError: One of them is set.
    """
    for name in names:
        if given[name]:
            raise ConfigError(f"has no effect on {of}; found {given[name]!r}", setting=name)


def _read_all_rois(source: Path, into: ImportedRows, given: Settings, reach: float | None) -> None:
    for name, what in (("annotator", "the name of who drew the regions"), ("unit", "the unit of x and y")):
        if not given[name]:
            raise ConfigError(f"{source}: expected {what}, which the file does not state; found null", setting=name)
    placement = Placement(given["unit"], given["pixel_size_nm"], given["origin_nm"])
    annotator = str(given["annotator"])
    label = None if given["label"] is None else str(given["label"])
    if source.is_dir():
        _refuse(given, ["fov_id"], "a folder, whose files are named after FOVs")
        files = roi_files(source)
    else:
        files = {given["fov_id"]: [source]}
    for fov_id, paths in files.items():
        for path in paths:
            read_rois(path, into, RoiSettings(annotator, placement, label, fov_id, reach))
