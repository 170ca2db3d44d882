"""Exploration of embeddings on disk: tables and pictures of what varies among their units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from locgraph.analysis.representations.embeddings import Embeddings, read_embeddings
from locgraph.analysis.representations.exploring.explore import Exploration, explore_units, read_settings
from locgraph.analysis.representations.units import read_clouds, read_owners
from locgraph.api.config import Settings, compose
from locgraph.errors import DataError, LocgraphError, within
from locgraph.provenance import whole_file, write_json
from locgraph.run_folder import (
    ARCHETYPE_WEIGHTS,
    ARCHETYPES,
    EMBEDDINGS,
    EXPLORATION,
    EXPLORATION_RECORD,
    LOCS,
    PSEUDOTIME,
    UNIT_MAP,
    WALKS,
)
from locgraph.settings import check_flag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from locgraph.show.figures.representations.exploring import Shown

log = logging.getLogger(__name__)

Decode = Callable[[np.ndarray], np.ndarray]
"""Vectors (U, L) -> localisations (U, P, D) in nm about the centre of each."""


@dataclass(frozen=True)
class Explored:
    """What varies among the units of a representation, with pictures.

    Attributes:
        result: Map, walks, archetypes and pseudo-time as arrays and tables.
        shown: What pictures are drawn from.
        record: What ``explore.json`` holds.
    """

    result: Exploration
    shown: Shown
    record: dict[str, Any]

    def __repr__(self) -> str:
        units = f"{self.result.embeddings.keys.height} {self.result.embeddings.unit}s"
        return f"Explored({units}, {len(self.result.archetypes.points)} archetypes, notes={len(self.result.notes)})"

    def pictures(self) -> dict[str, Figure]:
        """Return the figures by the names of their files."""
        from locgraph.show.figures.representations import exploring

        drawn = {
            UNIT_MAP: exploring.map_figure,
            WALKS: exploring.walks_figure,
            ARCHETYPES: exploring.archetypes_figure,
            PSEUDOTIME: exploring.pseudotime_figure,
        }
        figures = {Path(name).with_suffix(".png").name: draw(self.shown) for name, draw in drawn.items()}
        return {name: figure for name, figure in figures.items() if figure is not None}

    def write(self, folder: Path) -> list[Path]:
        """Write tables, record and pictures into a folder, which exists; those of an earlier exploration go.

        Returns:
            The pictures.
        """
        from locgraph.show.figures.style import save_figure

        tables = {
            UNIT_MAP: self.result.map_table(),
            WALKS: None if self.result.walks.table.is_empty() else self.result.walks.table,
            ARCHETYPES: self.result.archetype_table(),
            ARCHETYPE_WEIGHTS: self.result.weight_table(),
            PSEUDOTIME: self.result.pseudotime_table(),
        }
        for name, table in tables.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).with_suffix(".png").unlink(missing_ok=True)
            if table is not None:
                with whole_file(folder / name) as temporary:
                    table.write_parquet(temporary)
        figures = self.pictures()
        for name, figure in figures.items():
            save_figure(figure, folder / name)
        write_json(folder / EXPLORATION_RECORD, self.record)
        return [folder / name for name in figures]


def explore(folder: str | Path, *config: str | Mapping[str, Any], decode: Decode | None = None) -> Explored:
    """Explore the embeddings of a run, or of a folder that ``locgraph embed`` wrote; see ``locgraph explore``.

    Args:
        folder: Holds ``embeddings.parquet`` and ``embeddings.json``.
        *config: Overrides such as ``"explore.walks.of=class"``, or a mapping with all settings of
            ``configs/explore.yaml``.
        decode: Turns vectors into localisations; None takes the decoder of the model that the folder names, if it has
            one.

    Raises:
        LocgraphError: There are no embeddings or tables, too few units, or a setting cannot work.
    """
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("explore", *config, *(() if mapping else ("folder=null",)))
    path = Path(folder).resolve()
    with within("explore"):
        chosen = dict(settings["explore"])
        turn = check_flag("turn", chosen.pop("turn"))
        decodes = check_flag("decode", chosen.pop("decode"))
        how = read_settings(chosen)
    embeddings = _read(path)
    tables = _tables(embeddings, settings)
    with within("explore"):
        result = explore_units(embeddings, read_owners(embeddings, tables), how)
    notes: list[str] = []
    if decode is None and decodes:
        decode, notes = _decoder(embeddings, settings)
    from locgraph.show.figures.representations.exploring import Shown

    result = replace(result, notes=(*result.notes, *notes))
    shown = Shown(result, _clouds(result, tables), decode, turn)
    return Explored(result, shown, _record(result, settings, decode is not None))


def output_folder(folder: Path, settings: Settings) -> Path:
    """Return where an exploration of a folder is written."""
    return folder / EXPLORATION if settings["output"] is None else Path(str(settings["output"])).resolve()


def _read(folder: Path) -> Embeddings:
    if not (folder / EMBEDDINGS).is_file():
        raise DataError(
            f"{folder}: expected {EMBEDDINGS}, found none; give a run of a representation, or a folder that `locgraph "
            "embed` wrote. Vectors of several runs cannot be compared: of a sweep give one run",
            setting="folder",
        )
    return read_embeddings(folder, folder.name)


def _tables(embeddings: Embeddings, settings: Settings) -> Path:
    """Return the folder of the tables that the embeddings were computed from."""
    given = settings["tables"]
    recorded = embeddings.record.get("tables")
    tables = Path(str(recorded if given is None else given)).resolve()
    if not (tables / LOCS).is_dir():
        raise DataError(
            f"expected the prepared tables of {embeddings.folder} at {tables}, found none; give the folder that holds "
            f"{LOCS}",
            setting="tables",
        )
    return tables


def _decoder(embeddings: Embeddings, settings: Settings) -> tuple[Decode | None, list[str]]:
    """Return the decoder of the model of embeddings, and why there is none though it has one."""
    if not embeddings.record.get("decodes"):
        return None, []
    from locgraph.api.models.load import load

    try:
        model = load(Path(str(embeddings.record["model"])), settings["trusted_packages"])
    except LocgraphError as error:
        return None, [f"nothing is decoded: {error}"]
    return model.decode, []  # type: ignore[union-attr]


def _clouds(result: Exploration, tables: Path) -> dict[int, np.ndarray]:
    """Return the localisations of all units with a picture, by row."""
    shown: list[Sequence[int] | np.ndarray] = [result.walks.rows, result.members.ravel()]
    if result.map is not None:
        shown.append(result.map.rows[result.map.shown])
    if result.pseudotime is not None:
        shown.append(result.pseudotime.members)
    rows = np.unique(np.concatenate(shown)).astype(np.int64)
    clouds, _ = read_clouds(result.embeddings.keys[rows], tables)
    return dict(zip(rows.tolist(), clouds, strict=True))


def _record(result: Exploration, settings: Settings, decoded: bool) -> dict[str, Any]:
    embeddings, time = result.embeddings, result.pseudotime
    return {
        "embeddings": str(embeddings.folder),
        "model": embeddings.record.get("model"),
        "unit": embeddings.unit,
        "units": embeddings.keys.height,
        "classes": result.class_names,
        "decoded": decoded,
        "archetypes": {"count": len(result.archetypes.points), "explained": result.archetypes.explained},
        "pseudotime": None if time is None else {"ends": list(time.ends), "classes": time.differences},
        "settings": settings["explore"],
        "notes": list(result.notes),
    }
