"""Names of packed models: ``NAME:VERSION``, where ``latest``, or nothing, stands for the newest version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from locgraph.errors import ConfigError

LATEST: Final = "latest"
"""In place of a version: the newest one that is on this machine."""

# a name becomes that of a folder; one letter alone would be a drive
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,63}")
_VERSION: Final = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}")
_EXPECTED: Final = (
    "expected NAME:VERSION: a name of 2 to 64 letters, digits, '-' and '_', and a version of numbers with dots, such "
    "as origami:1.0"
)


@dataclass(frozen=True)
class Reference:
    """Name and version of a packed model.

    Attributes:
        name: The name.
        version: Numbers with dots; None stands for the newest one.
    """

    name: str
    version: str | None

    def __str__(self) -> str:
        return f"{self.name}:{self.version or LATEST}"

    @classmethod
    def parse(cls, text: str, setting: str | None = None) -> Self:
        """Return what a text names.

        Args:
            text: ``NAME:VERSION``, ``NAME:latest`` or ``NAME``.
            setting: The argument that held it, for the message.

        Raises:
            ConfigError: It is no such name.
        """
        name, _, version = text.partition(":")
        whole = not text.endswith(":") and (version in ("", LATEST) or _VERSION.fullmatch(version) is not None)
        if not whole or _NAME.fullmatch(name) is None:
            raise ConfigError(f"{_EXPECTED}; found {text!r}", setting=setting)
        return cls(name, None if version in ("", LATEST) else version)

    @classmethod
    def parse_exact(cls, text: str, setting: str | None = None) -> Self:
        """Return what a text names, which must state the version.

        Raises:
            ConfigError: It is no such name, or has no version.
        """
        reference = cls.parse(text, setting)
        if reference.version is None:
            raise ConfigError(f"{_EXPECTED}; found {text!r}, without a version", setting=setting)
        return reference


def is_reference(text: str) -> bool:
    """Return whether a text is the name of a packed model, with or without a version."""
    try:
        Reference.parse(text)
    except ConfigError:
        return False
    return True


def version_key(version: str) -> tuple[int, ...]:
    """Return what versions are ordered by: 1.10 comes after 1.9."""
    return tuple(map(int, version.split(".")))
