"""The label map in the metadata of a file: which class an integer means."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from locgraph import schema
from locgraph.io.rawfile import RawFile

SCOPE: Final = schema.META_LABEL_SCOPE
"""Key under which locpix-points says of what the label is: ``fov``, or ``loc`` for each localisation."""
EACH_LOCALISATION: Final = schema.LABEL_OF_LOCALISATION
WHOLE_FOV: Final = schema.LABEL_OF_FOV

_NOTHING: Final = ("null", "None")  # as locpix-points writes the map of a file without labels


def read_map(metadata: Mapping[str, str]) -> dict[int, str]:
    """Integer -> class name in the order of the integers; empty where the metadata hold no map.

    Raises:
        ValueError: The map is not JSON from integer to class name, or names a class twice.
    """
    text = metadata.get(schema.META_LABEL_MAP)
    if text is None or text in _NOTHING:
        return {}
    try:
        found = sorted((int(key), str(name)) for key, name in json.loads(text).items())
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"expected {schema.META_LABEL_MAP} as JSON from integer to class name; found {text!r}"
        ) from error
    names = [name for _, name in found]
    if not found or len(set(names)) < len(names) or len(dict(found)) < len(found):
        raise ValueError(f"expected {schema.META_LABEL_MAP} with a different name for each class; found {text!r}")
    return dict(found)


def agreed_map(files: Sequence[RawFile], remedy: str) -> tuple[dict[int, str], dict[str, str]]:
    """The most frequent label map of all files.

    Args:
        files: The files.
        remedy: What to do where a file has no map, for the reason.

    Returns:
        The map, empty where no file has one; and FOV -> reason for the files without a map or with another one: their
        integers mean something else.
    """
    maps: dict[str, dict[int, str]] = {}
    failures: dict[str, str] = {}
    for file in files:
        try:
            maps[file.fov_id] = read_map(file.metadata)
        except ValueError as error:
            failures[file.fov_id] = f"{file.path}: {error}"
            continue
        if not maps[file.fov_id]:
            failures[file.fov_id] = (
                f"{file.path}: expected {schema.META_LABEL_MAP} in the file's metadata; found "
                f"{', '.join(file.metadata) or 'none'}. {remedy}"
            )
    counts = Counter(tuple(found.items()) for found in maps.values() if found)
    agreed = dict(counts.most_common(1)[0][0]) if counts else {}
    for file in files:
        if file.fov_id not in failures and maps[file.fov_id] != agreed:
            failures[file.fov_id] = (
                f"{file.path}: expected the {schema.META_LABEL_MAP} of most files, {agreed}; found "
                f"{maps[file.fov_id]}. Write the file again with that map, or take it out of data.raw_dir"
            )
    return agreed, failures
