"""The "featextracted" folder: localisations and clusters of each field of view (FOV) after clustering and features.

``locs/<fov_id>.parquet`` and ``clusters/<fov_id>.parquet`` carry the same metadata (keys of ``schema.META_*``). The
clusters file is written last: with it and the same fingerprint in both, the FOV is complete.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import __version__, schema
from locgraph.errors import DataError
from locgraph.io.converted import META_NOTES
from locgraph.io.readers.columnar import SUFFIX, read_metadata, read_parquet
from locgraph.provenance import whole_file
from locgraph.run_folder import CLUSTERS, LOCS

_KEYS: Final = (schema.VIEW, schema.CLUSTER_ID)


@dataclass(frozen=True)
class ExtractedFov:
    """One FOV after clustering and features.

    Attributes:
        fov_id: Its name.
        locs: Localisations that belong to a cluster, sorted by ``view`` and ``cluster_id``; lengths in nm. Where
            localisations without a cluster are kept, also those that belong to none, with ``cluster_id`` -1.
        clusters: One row for each cluster, sorted by ``view`` and ``cluster_id``, which runs from 0 within each view.
        dimensions: 2 or 3.
        label: Class name; None where it has none.
        class_names: All classes, in the order of their indices.
        group: Group; None where it has none.
        units: Column of either table -> unit.
        counts: What was refused, dropped and kept.
        recipe: The settings that made it, plain values.
        fingerprint: Of input and settings.
        scales: Column of either table -> scale that its feature states; empty in tables that record none.
        measures: Extent and precision of the FOV, columns of the manifest.
        notes: Remarks on how the raw file was read.
        parent: The FOV that it is an object of; None for a whole FOV.
    """

    fov_id: str
    locs: pl.DataFrame
    clusters: pl.DataFrame
    dimensions: int
    label: str | None
    class_names: tuple[str, ...]
    group: str | None
    units: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    scales: dict[str, str] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    parent: str | None = None


def write_fov(folder: Path, fov: ExtractedFov) -> None:
    """Write both tables, each whole or not at all.

    Args:
        folder: The featextracted folder.
        fov: What to write; its rows are sorted here.

    Raises:
        DataError: The tables do not fit each other, or the label is no class.
    """
    locs, clusters = _sorted(fov.locs, fov.fov_id, LOCS), _sorted(fov.clusters, fov.fov_id, CLUSTERS)
    _check(fov, locs, clusters)
    metadata = _metadata(fov, locs)
    for kind, table in ((LOCS, locs), (CLUSTERS, clusters)):
        with whole_file(fov_path(folder, kind, fov.fov_id)) as temporary:
            table.write_parquet(temporary, metadata=metadata)


def read_fov(folder: Path, fov_id: str) -> ExtractedFov:
    """Read one FOV.

    Raises:
        DataError: A file is absent, damaged, or not of this kind, or the two come from different runs.
    """
    tables, metadata = {}, {}
    for kind in (LOCS, CLUSTERS):
        path = fov_path(folder, kind, fov_id)
        if not path.is_file():
            raise DataError(f"{fov_id}: expected its {kind} at {path}; found no file. Extract the features of this FOV")
        tables[kind], metadata[kind] = read_parquet(path)
    common = metadata[CLUSTERS]
    try:
        if metadata[LOCS][schema.META_FINGERPRINT] != common[schema.META_FINGERPRINT]:
            raise DataError(
                f"{fov_id}: expected one fingerprint in locs and clusters below {folder}; found two: an interrupted "
                "run. Extract the features of this FOV again"
            )
        names = json.loads(common[schema.META_LABEL_MAP])
        label = common.get(schema.META_LABEL)
        return ExtractedFov(
            fov_id=fov_id,
            locs=tables[LOCS],
            clusters=tables[CLUSTERS],
            dimensions=int(common[schema.META_DIMENSIONS]),
            label=None if label is None else names[label],
            class_names=tuple(names[str(index)] for index in range(len(names))),
            group=common.get(schema.META_GROUP),
            units=json.loads(common[schema.META_UNITS]),
            counts=json.loads(common[schema.META_COUNTS]),
            recipe=json.loads(common[schema.META_RECIPE]),
            fingerprint=common[schema.META_FINGERPRINT],
            # tables of earlier versions have neither
            scales=json.loads(common.get(schema.META_SCALES, "{}")),
            measures=json.loads(common.get(schema.META_MEASURES, "{}")),
            notes=tuple(json.loads(common.get(META_NOTES, "[]"))),
            parent=common.get(schema.META_PARENT),
        )
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{fov_id}: expected locgraph's metadata in the files below {folder}; found {', '.join(common) or 'none'} "
            f"({error!r}). Extract the features again"
        ) from error


def read_fingerprint(folder: Path, fov_id: str) -> str | None:
    """Return the fingerprint of a complete FOV, from the metadata alone; None where it is unreadable or incomplete."""
    fingerprints = set()
    for kind in (LOCS, CLUSTERS):
        try:
            fingerprints.add(read_metadata(fov_path(folder, kind, fov_id)).get(schema.META_FINGERPRINT))
        except (DataError, OSError):
            return None
    return fingerprints.pop() if len(fingerprints) == 1 else None


def read_counts(folder: Path, fov_id: str) -> dict[str, float]:
    """Return what was refused, dropped and kept in a FOV, and its measures, from the metadata alone.

    Raises:
        DataError: The file is absent, damaged, or was not written by locgraph.
    """
    path = fov_path(folder, CLUSTERS, fov_id)
    try:
        metadata = read_metadata(path)
        counts = json.loads(metadata[schema.META_COUNTS])
        return {name: int(count) for name, count in counts.items()} | json.loads(metadata[schema.META_MEASURES])
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: expected counts in its metadata; found none that can be read ({error})") from error


def list_fovs(folder: Path) -> list[str]:
    """Return the names of the FOVs whose clusters are in ``folder``, sorted; none where there is no such folder."""
    root = folder / CLUSTERS
    return sorted(
        path.relative_to(root).as_posix().removesuffix(SUFFIX)
        for path in root.rglob(f"*{SUFFIX}")
        if not path.name.startswith(".")
    )


def fov_path(folder: Path, kind: str, fov_id: str) -> Path:
    """Return the path of the table ``kind`` (``locs`` or ``clusters``) of a FOV."""
    return folder / kind / f"{fov_id}{SUFFIX}"


def _sorted(table: pl.DataFrame, fov_id: str, kind: str) -> pl.DataFrame:
    missing = [name for name in _KEYS if name not in table.columns]
    if missing:
        raise DataError(f"{fov_id}: expected the columns {' and '.join(_KEYS)} in {kind}; {', '.join(missing)} missing")
    if any(table.schema[name] != pl.Int64 for name in _KEYS):
        table = table.with_columns(pl.col(_KEYS).cast(pl.Int64))
    view, cluster = _keys(table)
    ascending = (view[1:] > view[:-1]) | ((view[1:] == view[:-1]) & (cluster[1:] >= cluster[:-1]))
    return table if ascending.all() else table.sort(_KEYS, maintain_order=True)


def _keys(table: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return view and cluster of each row (n,); small tables are many, and numpy is quicker with them than polars."""
    return table[schema.VIEW].to_numpy(), table[schema.CLUSTER_ID].to_numpy()


def _check(fov: ExtractedFov, locs: pl.DataFrame, clusters: pl.DataFrame) -> None:
    if fov.label is not None and fov.label not in fov.class_names:
        raise DataError(f"{fov.fov_id}: expected a label among {', '.join(fov.class_names)}; found {fov.label}")
    view, cluster = _keys(clusters)
    row = np.arange(len(view))
    first = np.append(True, view[1:] != view[:-1])[: len(view)]
    if not np.array_equal(cluster, row - np.maximum.accumulate(np.where(first, row, 0))):
        raise DataError(f"{fov.fov_id}: expected cluster_id 0, 1, 2, ... within each view of clusters; found otherwise")
    loc_view, loc_cluster = _keys(locs)
    changes = (loc_view[1:] != loc_view[:-1]) | (loc_cluster[1:] != loc_cluster[:-1])
    first = np.append(True, changes)[: len(loc_view)] & (loc_cluster != schema.NOISE)
    if not (np.array_equal(loc_view[first], view) and np.array_equal(loc_cluster[first], cluster)):
        raise DataError(
            f"{fov.fov_id}: expected localisations of every cluster and of no other; found views and clusters in locs "
            "that differ from those in clusters"
        )


def _metadata(fov: ExtractedFov, locs: pl.DataFrame) -> dict[str, str]:
    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    metadata = {
        schema.META_FOV_ID: fov.fov_id,
        schema.META_DIMENSIONS: str(fov.dimensions),
        schema.META_LABEL_MAP: text(dict(enumerate(fov.class_names))),
        schema.META_UNITS: text(fov.units),
        schema.META_SCALES: text(fov.scales),
        schema.META_COUNTS: text(fov.counts),
        schema.META_MEASURES: text(fov.measures),
        META_NOTES: text(list(fov.notes)),
        schema.META_RECIPE: text(fov.recipe),
        schema.META_FINGERPRINT: fov.fingerprint,
        schema.META_VERSION: __version__,
    }
    if schema.CHANNEL in locs.columns:
        metadata[schema.META_CHANNELS] = text(locs[schema.CHANNEL].unique().sort().to_list())
    if fov.label is not None:
        metadata[schema.META_LABEL] = str(fov.class_names.index(fov.label))
    if fov.group is not None:
        metadata[schema.META_GROUP] = fov.group
    if fov.parent is not None:
        metadata[schema.META_PARENT] = fov.parent
    return metadata


def feature_columns(clusters: pl.DataFrame) -> list[str]:
    """Return the columns of a cluster table that describe the cluster itself, not where it lies or its name."""
    places = {schema.VIEW, schema.CLUSTER_ID, *schema.centre_columns(3)}
    return [name for name, dtype in clusters.schema.items() if name not in places and dtype.is_numeric()]
