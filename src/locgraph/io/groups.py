"""Where the group of a field of view (FOV) comes from: what must not be on both sides of a split, such as a patient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.io.header import RawFile
from locgraph.io.lookup import MISSING, FolderLevel, Lookup, NamePattern

Grouping = tuple[dict[str, str | None], dict[str, str]]
"""FOV -> group, None where it has none; and FOV -> why it has none although it should."""


class GroupSource(Protocol):
    """Find the group of each FOV."""

    @property
    def tables(self) -> tuple[Path, ...]:
        """Tables that are read for it, which are no localisations."""
        ...

    def groups(self, files: Sequence[RawFile]) -> Grouping:
        """Return FOV -> group, and FOV -> why it has none although it should."""
        ...


class NoGroups:
    """FOVs that are independent of each other."""

    tables: tuple[Path, ...] = ()

    def groups(self, files: Sequence[RawFile]) -> Grouping:
        """Give no FOV a group."""
        return dict.fromkeys((file.fov_id for file in files), None), {}


class RegexGroups:
    """The group is a part of the FOV's name.

    Args:
        pattern: Regular expression, searched in ``fov_id``; its first capture group is the group.

    Raises:
        ConfigError: The pattern is no regular expression, or captures nothing.
    """

    tables: tuple[Path, ...] = ()

    def __init__(self, pattern: str) -> None:
        self._pattern = NamePattern(pattern)

    def groups(self, files: Sequence[RawFile]) -> Grouping:
        """Find the group of each FOV; one whose name does not match is a failure."""

        def reason(file: RawFile) -> str:
            return (
                f"expected a group in the name {file.fov_id}; found no match of {self._pattern.pattern!r}. "
                "Change pattern, or take the file out of the folder"
            )

        return _each(files, lambda file: self._pattern.find(file.fov_id), reason)


class FolderGroups:
    """The group is the name of a folder above the file.

    Folders of one name are one group wherever they lie: ``cancer/patient1`` and ``normal/patient1`` are one patient.

    Args:
        level: 1 is the folder that holds the file, 2 the folder that holds this one, and so on.

    Raises:
        ConfigError: ``level`` is not 1 or more.
    """

    tables: tuple[Path, ...] = ()

    def __init__(self, level: int = 1) -> None:
        self._folder = FolderLevel(level)

    def groups(self, files: Sequence[RawFile]) -> Grouping:
        """Find the group of each FOV; a file that is not below so many folders of the raw folder is a failure."""

        def reason(file: RawFile) -> str:
            return (
                f"expected {file.path} at least {self._folder.level} folders below the folder of all files; found "
                f"{file.fov_id.count('/')}. Move it, change level, or choose another source of groups"
            )

        return _each(files, lambda file: self._folder.find(file.fov_id), reason)


class MetadataGroups:
    """The group stands in the file's metadata.

    Args:
        key: Key of the metadata under which it stands.

    Raises:
        ConfigError: The key is empty.
    """

    tables: tuple[Path, ...] = ()

    def __init__(self, key: str = schema.META_GROUP) -> None:
        if not key:
            raise ConfigError("expected a key of the files' metadata; found an empty value", setting="key")
        self._key = key

    def groups(self, files: Sequence[RawFile]) -> Grouping:
        """Find the group of each FOV; one whose metadata do not name it is a failure."""

        def group(file: RawFile) -> str | None:
            value = file.metadata.get(self._key, "").strip()
            return None if value.lower() in (*MISSING, "none", "null") else value  # as None becomes in text

        def reason(file: RawFile) -> str:
            present = f"{file.metadata[self._key]!r}" if self._key in file.metadata else ", ".join(file.metadata)
            return (
                f"{file.path}: expected a group under {self._key!r} in the file's metadata; found {present or 'none'}. "
                "Change key, or choose another source of groups"
            )

        return _each(files, group, reason)


class TableGroups:
    """The group stands in a table with one row for each FOV.

    Args:
        path: Parquet, delimited text or a workbook (Excel, LibreOffice); it may lie in the raw folder.
        fov_column: Column with the FOV: its path below the raw folder, with or without suffix.
        group_column: Column with the group.
        sheet: Sheet of a workbook; None for the only one that holds both columns.

    Raises:
        ConfigError: A value is empty, or both columns are the same.
    """

    def __init__(
        self,
        path: str | Path,
        fov_column: str = schema.FOV_ID,
        group_column: str = schema.GROUP,
        sheet: str | None = None,
    ) -> None:
        self._lookup = Lookup(Path(path), fov_column, group_column, "group", sheet)
        self.tables = (Path(path),)

    def groups(self, files: Sequence[RawFile]) -> Grouping:
        """Find the group of each FOV; a FOV without exactly one row with a group is a failure.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
            ConfigError: A sheet is given, but the table is no workbook.
        """
        matched, failures = self._lookup.match(files)
        by_fov: dict[str, str | None] = dict(matched)
        return by_fov, failures


def _each(
    files: Sequence[RawFile], group: Callable[[RawFile], str | None], reason: Callable[[RawFile], str]
) -> Grouping:
    by_fov: dict[str, str | None] = {}
    failures: dict[str, str] = {}
    for file in files:
        name = group(file)
        if name:
            by_fov[file.fov_id] = name
        else:
            failures[file.fov_id] = reason(file)
    return by_fov, failures
