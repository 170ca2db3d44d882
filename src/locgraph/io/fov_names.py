"""What the name of a field of view (FOV) says: a part that a regular expression captures, a folder."""

from __future__ import annotations

import re

from locgraph.errors import ConfigError


class NamePattern:
    """A regular expression, searched in ``fov_id``, whose first capture group is what it finds.

    Args:
        pattern: The regular expression.
        setting: Config group of the setting, for errors: ``labels`` or ``groups``.

    Raises:
        ConfigError: The pattern is no regular expression, or captures nothing.
    """

    def __init__(self, pattern: str, setting: str) -> None:
        self.pattern = pattern
        try:
            self._compiled = re.compile(pattern)
        except re.error as error:
            raise ConfigError(
                f"{setting}.pattern: expected a regular expression; found {pattern!r} ({error})"
            ) from error
        if not self._compiled.groups:
            raise ConfigError(
                f"{setting}.pattern: expected a capture group, as in '^(patient[0-9]+)_'; found none in {pattern!r}"
            )

    def find(self, fov_id: str) -> str | None:
        """What is captured; None where nothing matches, or the capture is empty."""
        found = self._compiled.search(fov_id)
        return (found[1] or None) if found else None


class FolderLevel:
    """A folder on the way from the raw folder to the file of a FOV.

    Args:
        level: 1 is the folder that holds the file, 2 the folder that holds this one, and so on.
        setting: Config group of the setting, for errors: ``labels`` or ``groups``.

    Raises:
        ConfigError: ``level`` is not 1 or more.
    """

    def __init__(self, level: int, setting: str) -> None:
        if isinstance(level, bool) or not isinstance(level, int) or level < 1:
            raise ConfigError(f"{setting}.level: expected 1 (the folder that holds the file) or more; found {level!r}")
        self.level = level

    def find(self, fov_id: str) -> str | None:
        """Name of the folder, without those above it; None where there are fewer folders below the raw folder."""
        folders = fov_id.split("/")[:-1]
        return folders[-self.level] if len(folders) >= self.level else None
