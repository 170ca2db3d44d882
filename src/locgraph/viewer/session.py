"""What one server shows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from locgraph import __version__
from locgraph.viewer.opened import NAMES, Opened, pick
from locgraph.viewer.pictures import Pictures

KEPT_SCENES: Final = 8
"""Scenes that stay open; their arrays are mapped from disk, so that they cost little memory."""


class Session:
    """What one server shows: sources, the scenes of FOVs that were opened, and who annotates.

    Args:
        sources: At least one.
        annotating: Takes annotations; None where nothing may be changed.
    """

    def __init__(self, sources: Sequence[Opened], annotating: Any = None) -> None:
        self.sources = tuple(sources)
        self.annotating = annotating
        self._scenes: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._opening: dict[tuple[int, int], threading.Lock] = {}
        self._lock = threading.Lock()
        self.pictures = Pictures()

    def source(self, index: int) -> Opened:
        """Return one source.

        Raises:
            NotThereError: There is none of this number.
        """
        return pick(self.sources, index, "source")

    def scene(self, source: int, index: int) -> Any:
        """Return the scene of a FOV, which is opened once however many ask for it at the same time.

        Raises:
            DataError: It cannot be read.
        """
        key = (source, index)
        with self._lock:
            opening = self._opening.setdefault(key, threading.Lock())
        with opening:
            with self._lock:
                if key in self._scenes:
                    self._scenes.move_to_end(key)
                    return self._scenes[key]
            scene = self.source(source).scene(index)
            with self._lock:
                self._scenes[key] = scene
                if len(self._scenes) > KEPT_SCENES:
                    self._opening.pop(self._scenes.popitem(last=False)[0], None)
            return scene

    def has_scene(self, source: int, index: int) -> bool:
        """Return whether the scene of a FOV is open, so that it takes no time."""
        with self._lock:
            return (source, index) in self._scenes

    def described(self) -> dict[str, Any]:
        """Return what a page has to know first."""
        sources = [
            {
                "id": index,
                "title": source.title,
                "kind": source.kind,
                "kind_name": NAMES[source.kind],
                "offers": sorted(source.offers),
                "notes": list(source.notes),
            }
            for index, source in enumerate(self.sources)
        ]
        return {
            "title": ", ".join(source.title for source in self.sources),
            "version": __version__,
            "sources": sources,
            "annotate": None if self.annotating is None else self.annotating.described(),
        }
