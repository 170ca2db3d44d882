"""The result of a check: a table, sentences for the report, and what could not be checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.readers.columnar import read_parquet
from locgraph.provenance import whole_file

_SENTENCES: Final = "sentences"
_WARNINGS: Final = "warnings"


@dataclass(frozen=True)
class Check:
    """What a check of a study found.

    Attributes:
        table: The numbers.
        sentences: The same in words, one sentence for each question.
        warnings: What could not be checked, and why.
    """

    table: pl.DataFrame
    sentences: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All sentences in one text."""
        return " ".join(self.sentences)

    def __repr__(self) -> str:
        return "\n".join((*self.sentences, *(f"Not checked: {warning}" for warning in self.warnings)))

    def _repr_html_(self) -> str:
        words = "".join(f"<p>{sentence}</p>" for sentence in self.sentences)
        return f"{words}{self.table._repr_html_()}"

    def write(self, path: Path) -> None:
        """Write the table as parquet, with sentences and warnings in its metadata."""
        words = {_SENTENCES: json.dumps(self.sentences), _WARNINGS: json.dumps(self.warnings)}
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            self.table.write_parquet(temporary, metadata=words)

    @classmethod
    def read(cls, path: Path) -> Check | None:
        """Return a check that was written; None where there is none.

        Raises:
            DataError: The file is damaged, or of another kind.
        """
        if not path.is_file():
            return None
        table, metadata = read_parquet(path)
        try:
            sentences, warnings = (tuple(json.loads(metadata[name])) for name in (_SENTENCES, _WARNINGS))
        except (KeyError, ValueError) as error:
            raise DataError(f"{path}: expected a table that a check wrote, found another one; remove it") from error
        return cls(table, sentences, warnings)
