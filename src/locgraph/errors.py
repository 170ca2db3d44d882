"""Errors that a user can cause and mend.

A message states what was expected, what was found, in which file or field of view (FOV), and which argument to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self


class LocgraphError(Exception):
    """Base class of all errors that a user can cause and mend.

    A component names its own argument in ``setting``. Callers that know where this argument comes from prefix it with
    `within`: ``eps_nm`` of a clusterer becomes ``clustering.eps_nm`` on the command line.

    Args:
        message: What was expected and what was found.
        setting: The argument to change; None where no single one is wrong.
    """

    def __init__(self, message: str, *, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.setting is None else f"{self.setting}: {message}"

    def within(self, group: str) -> Self:
        """Return this error with ``group`` before the name of its setting."""
        if self.setting is not None and group:
            self.setting = f"{group}.{self.setting}"
        return self


class ConfigError(LocgraphError):
    """A setting has a value that cannot work."""


class DataError(LocgraphError):
    """A file, table or field of view does not hold what it should."""


class TooManyFailuresError(DataError):
    """A larger fraction of fields of view failed than is allowed."""


class FoldError(LocgraphError):
    """A split of the fields of view cannot be made, or does not fit the manifest."""


class CheckpointError(LocgraphError):
    """A checkpoint cannot be read, or does not fit what is asked of it."""


class NotFiniteError(LocgraphError):
    """A loss or a prediction is infinite or no number (NaN)."""


class StorageError(LocgraphError):
    """Storage refuses to be written to, as a full disk does: no further file could be written either."""


class FolderInUseError(LocgraphError):
    """Another process writes to a folder."""


class MissingPackageError(LocgraphError):
    """An optional package is needed; the message names the extra to install."""


@contextmanager
def within(group: str) -> Iterator[None]:
    """Prefix the setting of an error that the block raises.

    Args:
        group: The argument, or config group, that holds the component; empty leaves the setting as it is.
    """
    try:
        yield
    except LocgraphError as error:
        error.within(group)
        raise


@contextmanager
def renamed(argument: str, setting: str) -> Iterator[None]:
    """Name an argument, in an error that the block raises, as the user knows it.

    Args:
        argument: The argument that an error names.
        setting: What the user calls it.
    """
    try:
        yield
    except LocgraphError as error:
        if error.setting == argument:
            error.setting = setting
        raise
