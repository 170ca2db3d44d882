"""What a run was trained on: a record of its raw files and labels, and how they have changed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from locgraph.errors import LocgraphError
from locgraph.io.catalogue import Catalogue, FovSource
from locgraph.io.featextracted import read_fingerprint
from locgraph.preparation.extract import ExtractRecipe, extract_fingerprint
from locgraph.preparation.objects.extract import objects_fingerprint
from locgraph.provenance import fingerprint

_SHOWN: Final = 5


def take_snapshot(catalogue: Catalogue, tables: Path) -> dict[str, Any]:
    """Return a record of raw files, as plain values.

    Args:
        catalogue: The raw files with labels and groups.
        tables: Folder of the tables made of them.
    """
    fovs = {
        source.fov_id: {
            "label": source.label,
            "group": source.group,
            "state": _state(source.path),
            "tables": read_fingerprint(tables, source.fov_id) or objects_fingerprint(tables, source.fov_id),
            "objects": _classes_of_objects(source),
            "annotations": _annotations(source),
        }
        for source in catalogue.sources
    }
    return {"class_names": list(catalogue.class_names), "fovs": fovs, "unusable": sorted(catalogue.failures)}


def describe_changes(snapshot: Mapping[str, Any], catalogue: Catalogue, recipe: ExtractRecipe) -> str:
    """Return how raw files and labels differ from a record, in words; empty where they do not.

    A file of another size or time is read whole: only another content counts.

    Args:
        snapshot: From `take_snapshot`.
        catalogue: The raw files as they are now.
        recipe: How tables are made, the same as then.
    """
    before: Mapping[str, Mapping[str, Any]] = snapshot["fovs"]
    now = {source.fov_id: source for source in catalogue.sources}
    known, all_now = {*before, *snapshot["unusable"]}, {*now, *catalogue.failures}
    both = sorted(set(before) & set(now))
    class_names = tuple(snapshot["class_names"])
    mended = sorted(set(now) & set(snapshot["unusable"]))
    broken = sorted(set(before) & set(catalogue.failures))
    modified = [fov_id for fov_id in both if _is_modified(before[fov_id], now[fov_id], class_names, recipe)]
    changes = [
        ("added", sorted(all_now - known)),
        ("removed", sorted(known - all_now)),
        ("modified", sorted([*modified, *mended, *broken])),
    ]
    for kind in ("label", "group"):
        pairs = ((fov_id, before[fov_id][kind], getattr(now[fov_id], kind)) for fov_id in both)
        moved = [f"{fov_id}: {old} to {new}" for fov_id, old, new in pairs if old != new]
        changes.append((f"with another {kind}", moved))
    others = [fov_id for fov_id in both if before[fov_id].get("objects") != _classes_of_objects(now[fov_id])]
    changes.append(("with other classes of objects", others))
    others = [fov_id for fov_id in both if before[fov_id].get("annotations") != _annotations(now[fov_id])]
    changes.append(("with other annotations", others))
    return "; ".join(f"{len(names)} {what} ({_listed(names)})" for what, names in changes if names)


def _is_modified(
    before: Mapping[str, Any], source: FovSource, class_names: tuple[str, ...], recipe: ExtractRecipe
) -> bool:
    if _state(source.path) == before["state"]:
        return False
    as_before = replace(source, label=before["label"], group=before["group"])
    try:
        return extract_fingerprint(as_before, class_names, recipe) != before["tables"]
    except LocgraphError:
        return True


def _classes_of_objects(source: FovSource) -> dict[str, str] | None:
    return None if source.by_object is None else dict(source.by_object)


def _annotations(source: FovSource) -> str | None:
    """Return a digest of what labels take from the annotations of a FOV; None where it has none."""
    if source.annotated is None:
        return None
    objects = {name: dict(shares) for name, shares in source.annotated.objects.items()}
    return fingerprint(dict(source.annotated.shares), objects, source.annotated.decides())


def _state(path: Path) -> list[int]:
    """Return the size of a file and when it was last written; of all files in a folder, as of Zarr, together."""
    files = [each.stat() for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path.stat()]
    return [sum(about.st_size for about in files), max((about.st_mtime_ns for about in files), default=0)]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
