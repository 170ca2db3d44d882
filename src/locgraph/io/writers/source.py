"""What an export takes over from the file that the localisations were read from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from locgraph.errors import DataError
from locgraph.io.converted import read_converted
from locgraph.io.localisations import Localisations
from locgraph.io.read import open_reader
from locgraph.io.readers.picasso import PicassoReader, embedded_text

_FROM_1: Final = ("ThunderSTORM", "EPFL challenge")
"""Software that calls the first frame of a movie 1; all other is taken to call it 0."""


@dataclass(frozen=True)
class Source:
    """The file that localisations were read from.

    Attributes:
        path: The file; None where there is none.
        software: What wrote it, where this is known.
        pixel_size_nm: Side of a camera pixel in nm; None where the file does not state it.
        first_frame: Frame of the movie, from 0, that the table of localisations calls 0.
        documents: Text of its YAML, or of the metadata within it as YAML, of Picasso; empty where there is none.
        metadata: Its metadata as text.
    """

    path: Path | None = None
    software: str | None = None
    pixel_size_nm: float | None = None
    first_frame: int = 0
    documents: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def source_of(localisations: Localisations) -> Source:
    """Return the source of localisations that `locgraph.io.read` has read.

    Of a file that is only read by naming a table within it, nothing but path, frames and metadata is taken over.
    """
    path = localisations.path
    if path is None:
        return Source(metadata=localisations.metadata)
    converted = read_converted(path)
    if converted is not None:
        software = converted.source.get("software")
        return Source(
            path,
            software,
            converted.recipe.get("pixel_size_nm"),
            _from_0(converted.first_frame, software) + (localisations.first_frame or 0),
            metadata=converted.source_metadata,
        )
    try:
        with open_reader(path) as reader:
            layout = reader.header.layout
            documents = _documents(path, reader) if isinstance(reader, PicassoReader) else ""
    except DataError:
        return Source(path, first_frame=localisations.first_frame or 0, metadata=localisations.metadata)
    software = None if layout is None else layout.software
    return Source(
        path,
        software,
        None if layout is None else layout.pixel_size_nm,
        _from_0(localisations.first_frame, software),
        documents,
        localisations.metadata,
    )


def _from_0(first_frame: int | None, software: str | None) -> int:
    return max((first_frame or 0) - (software in _FROM_1), 0)


def _documents(path: Path, reader: PicassoReader) -> str:
    """Return the YAML beside a file of Picasso as it is, or what Picasso keeps in the file itself, as YAML."""
    import yaml

    for sidecar in reader.companions():
        try:
            return sidecar.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise DataError(f"{sidecar}: expected YAML in UTF-8; cannot read it ({error})") from error
    text = embedded_text(reader.file)
    if text is None:
        return ""
    parts: Any = json.loads(text)  # the header of the reader has read it
    documents = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True) if documents else ""
