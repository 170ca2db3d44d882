"""Table of annotations: one row for each statement of an annotator about a field of view (FOV) or a part of it."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema
from locgraph.schema import Column

FOV_ID: Final = schema.FOV_ID
TARGET: Final = "target"
CLUSTER_ID: Final = schema.CLUSTER_ID
X: Final = schema.X
Y: Final = schema.Y
RADIUS: Final = "radius"
LABEL: Final = schema.LABEL
ANNOTATOR: Final = "annotator"
TIME: Final = "time"
TOOL: Final = "tool"
ANNOTATION_ID: Final = "annotation_id"
REMOVES: Final = "removes"
DATA_FINGERPRINT: Final = "data_fingerprint"

ANNOTATION_COLUMNS: Final = {
    column.name: column
    for column in (
        Column(FOV_ID, pl.String, "1", "the FOV"),
        Column(TARGET, pl.String, "1", "what the statement is about, one of TARGETS"),
        Column(CLUSTER_ID, pl.Int64, "1", "clusters: the cluster of view 0; null elsewhere"),
        Column(X, pl.List(pl.Float64), "nm", "vertices, path, or one point, as in the raw file; null for a whole FOV"),
        Column(Y, pl.List(pl.Float64), "nm", "as x"),
        Column(RADIUS, pl.Float64, "nm", "brush: half its width; point: its reach, null for any; null elsewhere"),
        Column(LABEL, pl.String, "1", "class; null takes it away: no class"),
        Column(ANNOTATOR, pl.String, "1", "name of the person"),
        Column(TIME, pl.Datetime("us", "UTC"), "1", "when it was stated"),
        Column(TOOL, pl.String, "1", "what it was made with, one of TOOLS"),
        Column(ANNOTATION_ID, pl.String, "1", "unique name of the row"),
        Column(REMOVES, pl.String, "1", "undo: annotation_id of the row that this one takes back; null elsewhere"),
        Column(DATA_FINGERPRINT, pl.String, "1", "digest of the raw file that was annotated; null where unknown"),
    )
}

OF_FOV: Final = "fov"
OF_CLUSTER: Final = "cluster"
OF_REGION: Final = "region"
OF_POINT: Final = "point"
TARGETS: Final = (OF_FOV, OF_CLUSTER, OF_REGION, OF_POINT)

KEY: Final = "key"
LASSO: Final = "lasso"
POLYGON: Final = "polygon"
BRUSH: Final = "brush"
CLICK: Final = "click"
POINT: Final = "point"
IMPORT: Final = "import"
TOOLS: Final = (KEY, LASSO, POLYGON, BRUSH, CLICK, POINT, IMPORT)
