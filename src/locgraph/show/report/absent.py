"""What is not there, and why: shown in the place where it would stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Absent:
    """Stands for something that cannot be shown.

    Attributes:
        reason: Why, and what would bring it, in one or two sentences.
    """

    reason: str
