"""Where the group of a field of view (FOV) comes from: what must not be on both sides of a split, such as a patient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.io.lookup import Lookup
from locgraph.io.rawfile import RawFile


class GroupSource(Protocol):
    """Finds the group of each FOV."""

    @property
    def tables(self) -> tuple[Path, ...]:
        """Tables that are read for it, which are no localisations."""
        ...

    def groups(self, files: Sequence[RawFile]) -> tuple[dict[str, str | None], dict[str, str]]:
        """FOV -> group, and FOV -> why it has none although it should."""
        ...


class NoGroups:
    """FOVs that are independent of each other."""

    tables: tuple[Path, ...] = ()

    def groups(self, files: Sequence[RawFile]) -> tuple[dict[str, str | None], dict[str, str]]:
        """Gives no FOV a group."""
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
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            raise ConfigError(f"groups.pattern: expected a regular expression; found {pattern!r} ({error})") from error
        if not self._pattern.groups:
            raise ConfigError(
                f"groups.pattern: expected a capture group, as in '^(patient[0-9]+)_'; found none in {pattern!r}"
            )

    def groups(self, files: Sequence[RawFile]) -> tuple[dict[str, str | None], dict[str, str]]:
        """Finds the group of each FOV; one whose name does not match is a failure."""
        by_fov: dict[str, str | None] = {}
        failures: dict[str, str] = {}
        for file in files:
            found = self._pattern.search(file.fov_id)
            if found and found[1]:
                by_fov[file.fov_id] = found[1]
            else:
                failures[file.fov_id] = (
                    f"expected a group in the name {file.fov_id}; found no match of {self._pattern.pattern!r}. "
                    "Change groups.pattern, or take the file out of data.raw_dir"
                )
        return by_fov, failures


class TableGroups:
    """The group stands in a table (parquet or delimited text), one row for each FOV.

    Args:
        path: The table; it may lie in the raw folder.
        fov_column: Column with the FOV: its path below the raw folder, with ``/`` and without suffix.
        group_column: Column with the group.

    Raises:
        ConfigError: A value is empty, or both columns are the same.
    """

    def __init__(self, path: str | Path, fov_column: str = schema.FOV_ID, group_column: str = schema.GROUP) -> None:
        self._lookup = Lookup(Path(path), fov_column, group_column, "groups")
        self.tables = (Path(path),)

    def groups(self, files: Sequence[RawFile]) -> tuple[dict[str, str | None], dict[str, str]]:
        """Finds the group of each FOV; a FOV without exactly one row with a group is a failure.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
        """
        matched, failures = self._lookup.match([file.fov_id for file in files])
        by_fov: dict[str, str | None] = dict(matched)
        return by_fov, failures
