"""What an analysis has found so far: tables, figures, and what a reader should know."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from locgraph.errors import LocgraphError
from locgraph.provenance import whole_file
from locgraph.show.figures.style import Figure, save_figure

log = logging.getLogger(__name__)

PARQUET: Final = ("pca", "umap")
"""Tables with a row for each FOV, which programs read."""
SUFFIXES: Final = (".png", ".svg")

_T = TypeVar("_T")


@dataclass
class Findings:
    """Collects results; a part that cannot be done is told, and stops nothing else.

    Attributes:
        folder: Where results are written.
        tables: Name -> table.
        figures: Names of figures that are written.
        warnings: What is missing or limited, in words, each once.
        seconds: Part -> how long it took.
    """

    folder: Path
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    figures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def warn(self, *texts: str) -> None:
        """Notes what a reader should know."""
        for text in texts:
            line = " ".join(text.split())
            if line not in self.warnings:
                self.warnings.append(line)

    def attempt(self, what: str, make: Callable[[], _T]) -> _T | None:
        """Makes something, or notes why it cannot be made."""
        try:
            return make()
        except LocgraphError as error:
            self.warn(f"{what}: {error}")
            return None

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Tells that a part begins, and notes how long it takes."""
        log.info("%s", name)
        started = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - started, 2)

    def draw(self, name: str, make: Callable[[], Figure | None]) -> None:
        """Writes a figure as PNG and SVG, or notes why there is none."""

        def save() -> bool:
            figure = make()
            if figure is None:
                return False
            for suffix in SUFFIXES:
                save_figure(figure, self.folder / f"{name}{suffix}")
            return True

        if self.attempt(f"figure {name}", save):
            self.figures.append(name)

    def write(self) -> list[str]:
        """Writes the tables; names of their files."""
        written = []
        for name, table in self.tables.items():
            file = f"{name}.parquet" if name in PARQUET else f"{name}.csv"
            with whole_file(self.folder / file) as temporary:
                (table.write_parquet if name in PARQUET else table.write_csv)(temporary)
            written.append(file)
        return written

    def remove_outdated(self, names: Iterable[str]) -> None:
        """Removes what an earlier analysis wrote into the folder and this one does not have.

        Args:
            names: Names of all tables and figures that an analysis may write.
        """
        for name in names:
            if name not in self.tables:
                for suffix in (".csv", ".parquet"):
                    (self.folder / f"{name}{suffix}").unlink(missing_ok=True)
            if name not in self.figures:
                for suffix in SUFFIXES:
                    (self.folder / f"{name}{suffix}").unlink(missing_ok=True)
