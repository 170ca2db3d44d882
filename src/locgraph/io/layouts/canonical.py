"""locgraph's own tables: canonical names, with their units in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout

_MADE_HERE = (schema.VIEW, schema.CLUSTER_ID)


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by ``schema.META_UNITS`` in its metadata, which only locgraph writes."""
    try:
        units = json.loads(metadata[schema.META_UNITS])
    except (KeyError, ValueError, RecursionError):
        return None
    if not isinstance(units, dict):
        return None
    known = [name for name in names if name in schema.LOCALISATION_COLUMNS and name in units and name not in _MADE_HERE]
    if not {schema.X, schema.Y} <= set(known):
        return None
    lengths = {name: str(units[name]) for name in known if schema.is_length(name)}
    return Layout("locgraph", {name: name for name in known}, lengths)
