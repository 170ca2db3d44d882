"""The rows of a table of annotations as they are read again and again, and what can be undone in them."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from locgraph.errors import DataError
from locgraph.io.annotations.table import DTYPES, read_history, standing
from locgraph.schema import annotation as columns


class Steps:
    """The steps of one annotator: statements, undone ones, and undone ones that were done again.

    Args:
        rows: Rows of one annotator, in the order in which they were written.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows
        self._place = {name: place for place, name in enumerate(rows[columns.ANNOTATION_ID])}

    @cached_property
    def standing(self) -> pl.DataFrame:
        """The statements that are not taken back."""
        return standing(self._rows)

    @cached_property
    def _stacks(self) -> tuple[list[str], list[str]]:
        """Names of the statements that stand, and of the undos that can be taken back: a new statement ends these."""
        done: list[str] = []
        undone: list[str] = []
        removed = dict(self._rows.select(columns.ANNOTATION_ID, columns.REMOVES).iter_rows())
        for name, removes in removed.items():
            if removes is None:
                done.append(name)
                undone.clear()
            elif removes in done:
                done.remove(removes)
                undone.append(name)
            elif removes in undone:
                undone.remove(removes)
                done.append(removed[removes] or "")
        return done, undone

    def knows(self, name: str) -> bool:
        """Return whether a row has this name."""
        return name in self._place

    def row(self, name: str) -> dict[str, Any]:
        """Return a row by its name."""
        return self._rows.row(self._place[name], named=True)

    def last_step(self) -> dict[str, Any] | None:
        """Return the statement that an undo takes back; None where there is none."""
        done = self._stacks[0]
        return self.row(done[-1]) if done else None

    def last_undo(self) -> dict[str, Any] | None:
        """Return the undo that a redo takes back; None where there is none."""
        undone = self._stacks[1]
        return self.row(undone[-1]) if undone else None

    def possible(self) -> dict[str, bool]:
        """Return whether there is something to undo, and to redo."""
        done, undone = self._stacks
        return {"can_undo": bool(done), "can_redo": bool(undone)}


class History:
    """A table of annotations, read again when its file has changed.

    Args:
        path: The table; it need not exist.

    Raises:
        DataError: The file is no table of annotations.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._rows = pl.DataFrame(schema=DTYPES)
        self._steps: dict[str, Steps] = {}
        self._lock = threading.RLock()
        self.rows()

    def rows(self) -> pl.DataFrame:
        """Return all rows, also those that are taken back.

        Raises:
            DataError: The file has gone, or is damaged.
        """
        with self._lock:
            return self._read()

    def steps(self, annotator: str) -> Steps:
        """Return the steps of one annotator."""
        with self._lock:
            rows = self.rows()
            if annotator not in self._steps:
                self._steps[annotator] = Steps(rows.filter(pl.col(columns.ANNOTATOR) == annotator))
            return self._steps[annotator]

    def standing(self) -> pl.DataFrame:
        """Return the statements of all annotators that are not taken back."""
        return standing(self.rows())

    def _read(self) -> pl.DataFrame:
        try:
            about = self._path.stat()
        except FileNotFoundError:
            if self._rows.height:
                raise DataError(
                    f"{self._path} is gone, with {self._rows.height} annotations: put it back, and nothing is lost; "
                    "to start a new one, stop this viewer and start it again"
                ) from None
            return self._rows
        seen = (about.st_mtime_ns, about.st_size, about.st_ino)
        if seen != self._seen:
            self._rows = read_history(self._path)
            self._steps = {}
            self._seen = seen
        return self._rows
