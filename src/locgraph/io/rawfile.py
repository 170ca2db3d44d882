"""One raw file, as far as its header tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RawFile:
    """A raw file of one field of view (FOV).

    Attributes:
        fov_id: Its path below the raw folder, with ``/`` and without suffix.
        path: Where it is.
        columns: Names of its columns.
        metadata: Its metadata as text, where its format has any.
    """

    fov_id: str
    path: Path
    columns: tuple[str, ...]
    metadata: dict[str, str]
