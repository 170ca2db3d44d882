"""The folder of the graphs that a run was trained on, found from its tables: no record names it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from locgraph.errors import DataError
from locgraph.provenance import fingerprint
from locgraph.run_folder import RECIPE, RunFolder, read_record
from locgraph.show.report.folder import tables_record

_PREFIX: Final = "graphs-"
_EDGES: Final = "cluster_edges"


def find_graphs(run: Path, tables: Path) -> Path | None:
    """Return the folder of the graphs of a run; None where there is none.

    Graphs lie beside the tables that they were made from, in a folder that is named after their settings and these
    tables. Of several, that with the cluster edges of the run is taken.

    Args:
        run: Folder of the run.
        tables: Folder of its tables, which may have been moved.
    """
    recorded = tables_record(run)
    origins = {str(tables), str(recorded)}
    fitting = [
        (folder, recipe)
        for folder in sorted(tables.parent.glob(f"{_PREFIX}*"))
        if (recipe := read_record(folder / RECIPE))
        and folder.name.removeprefix(_PREFIX) in {fingerprint(recipe, origin) for origin in origins}
    ]
    if len(fitting) > 1:
        edges = _wanted_edges(run)
        fitting = [each for each in fitting if each[1].get(_EDGES) == edges] or fitting
    return fitting[0][0] if fitting else None


def _wanted_edges(run: Path) -> Mapping[str, Any] | None:
    try:
        graph = RunFolder(run).read_settings().get("graph")
    except DataError:
        return None
    return graph.get(_EDGES) if isinstance(graph, dict) else None
