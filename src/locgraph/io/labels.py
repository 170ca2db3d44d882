"""Where the class of a field of view (FOV) comes from: file metadata, folder names, or a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from locgraph import schema
from locgraph.io.lookup import Lookup
from locgraph.io.rawfile import RawFile


@dataclass(frozen=True)
class Labelling:
    """Classes of FOVs.

    Attributes:
        class_names: All classes, in the order of their indices.
        by_fov: FOV -> class name, None where the FOV has none; without the failures.
        failures: FOV -> why it has no class although it should.
    """

    class_names: tuple[str, ...]
    by_fov: dict[str, str | None]
    failures: dict[str, str]


class LabelSource(Protocol):
    """Finds the class of each FOV."""

    @property
    def tables(self) -> tuple[Path, ...]:
        """Tables that are read for it, which are no localisations."""
        ...

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Finds the class of each file's FOV."""
        ...


class NoLabels:
    """FOVs without a class, as in prediction."""

    tables: tuple[Path, ...] = ()

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Gives no FOV a class."""
        return Labelling((), dict.fromkeys((file.fov_id for file in files), None), {})


class FolderLabels:
    """The class is the name of the folder that holds the file. Classes are in alphabetical order."""

    tables: tuple[Path, ...] = ()

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Finds the class of each FOV; a file directly in the raw folder is a failure."""
        by_fov: dict[str, str | None] = {}
        failures: dict[str, str] = {}
        for file in files:
            folders = file.fov_id.split("/")[:-1]
            if folders:
                by_fov[file.fov_id] = folders[-1]
            else:
                failures[file.fov_id] = (
                    f"expected {file.path} in a folder named after its class; found it directly in data.raw_dir. "
                    "Move it, or choose another labels setting"
                )
        return Labelling(_alphabetical(by_fov), by_fov, failures)


class TableLabels:
    """The class stands in a table (parquet or delimited text), one row for each FOV. Classes are in alphabetical order.

    Args:
        path: The table; it may lie in the raw folder.
        fov_column: Column with the FOV: its path below the raw folder, with ``/`` and without suffix.
        label_column: Column with the class.

    Raises:
        ConfigError: A value is empty, or both columns are the same.
    """

    def __init__(self, path: str | Path, fov_column: str = schema.FOV_ID, label_column: str = schema.LABEL) -> None:
        self._lookup = Lookup(Path(path), fov_column, label_column, "labels")
        self.tables = (Path(path),)

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Finds the class of each FOV; a FOV without exactly one row with a class is a failure.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
        """
        matched, failures = self._lookup.match([file.fov_id for file in files])
        by_fov: dict[str, str | None] = dict(matched)
        return Labelling(_alphabetical(by_fov), by_fov, failures)


class MetadataLabels:
    """The class stands in the parquet metadata: ``gt_label`` (an integer) and ``gt_label_map`` (JSON: integer to name).

    Classes are in the order of their integers. Files whose map differs from the most frequent one are failures: their
    integers mean something else.
    """

    tables: tuple[Path, ...] = ()

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Finds the class of each FOV; one without a label, or with another map, is a failure."""
        maps: dict[str, dict[int, str]] = {}
        failures: dict[str, str] = {}
        for file in files:
            try:
                maps[file.fov_id] = _label_map(file)
            except ValueError as error:
                failures[file.fov_id] = f"{file.path}: {error}"
        if not maps:
            return Labelling((), {}, failures)
        agreed = dict(Counter(tuple(found.items()) for found in maps.values()).most_common(1)[0][0])
        by_fov: dict[str, str | None] = {}
        for file in files:
            if file.fov_id not in maps:
                continue
            try:
                by_fov[file.fov_id] = _label(file, maps[file.fov_id], agreed)
            except ValueError as error:
                failures[file.fov_id] = f"{file.path}: {error}"
        return Labelling(tuple(agreed.values()), by_fov, failures)


def _alphabetical(by_fov: dict[str, str | None]) -> tuple[str, ...]:
    return tuple(sorted({label for label in by_fov.values() if label is not None}))


def _label_map(file: RawFile) -> dict[int, str]:
    """Integer -> class name in the order of the integers, from the metadata; ValueError where it is not there."""
    text = file.metadata.get(schema.META_LABEL_MAP)
    if text is None:
        raise ValueError(
            f"expected {schema.META_LABEL_MAP} in the file's metadata; found {', '.join(file.metadata) or 'none'}. "
            "Choose another labels setting, or write the metadata"
        )
    try:
        found = sorted((int(key), str(name)) for key, name in json.loads(text).items())
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"expected {schema.META_LABEL_MAP} as JSON from integer to class name; found {text!r}"
        ) from error
    names = [name for _, name in found]
    if not found or len(set(names)) < len(names) or len(dict(found)) < len(found):
        raise ValueError(f"expected {schema.META_LABEL_MAP} with a different name for each class; found {text!r}")
    return dict(found)


def _label(file: RawFile, own: dict[int, str], agreed: dict[int, str]) -> str:
    """Class name of ``file``; ValueError where its label or its map does not fit."""
    if own != agreed:
        raise ValueError(
            f"expected the {schema.META_LABEL_MAP} of most files, {agreed}; found {own}. "
            "Write the file again with that map, or take it out of data.raw_dir"
        )
    text = file.metadata.get(schema.META_LABEL, "")
    try:
        return own[int(text)]
    except (ValueError, KeyError):
        raise ValueError(
            f"expected {schema.META_LABEL} in the file's metadata to be one of {', '.join(map(str, own))}, the keys of "
            f"{schema.META_LABEL_MAP}; found {text!r}. Write the label again, or take the file out of data.raw_dir"
        ) from None
