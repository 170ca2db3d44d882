"""One table of names, types, units and meanings: everything else refers to these constants.

Positions are float64 nm on disk; a cluster is keyed by (``fov_id``, ``view``, ``cluster_id``), all else by ``fov_id``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

LINEAR: Final = "linear"
LOG: Final = "log"
LOG1P: Final = "log1p"
FRACTION: Final = "fraction"
MIN_MAX: Final = "min_max"

SCALES: Final = {
    LINEAR: "as it is",
    LOG: "its logarithm, for skewed values above 0; 0 counts as the smallest",
    LOG1P: "logarithm of 1 + value, for skewed counts that are often 0",
    FRACTION: "between 0 and 1 by its nature: never scaled",
    MIN_MAX: "smallest and largest value become 0 and 1: what columns get that state no scale",
}
"""How a model sees the values of a column, before they are brought to order one; see `locgraph.data.scaling`."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: The column's name.
        dtype: Its polars type.
        unit: Its unit: ``nm``, ``nm^2``, ``1/nm^2``, ``photons``, ``frames``, or ``1`` for a pure number.
        meaning: One line of description.
        scale: How a model sees its values: one of `SCALES`.
    """

    name: str
    dtype: type[pl.DataType] | pl.DataType
    unit: str
    meaning: str
    scale: str = LINEAR

    @property
    def length_power(self) -> int:
        """Power of length in the unit."""
        return length_power(self.unit)


_LENGTH_POWERS: Final = {"nm": 1, "nm^2": 2, "nm^3": 3, "1/nm": -1, "1/nm^2": -2, "1/nm^3": -3}


def length_power(unit: str) -> int:
    """Return the power of length in a unit: 1 for nm, 2 for nm^2, -2 for 1/nm^2, 0 for what is not made of lengths."""
    return _LENGTH_POWERS.get(unit, 0)


# -- localisations: one row for each localisation ---------------------------------------------------------------------
X: Final = "x"
Y: Final = "y"
Z: Final = "z"
FRAME: Final = "frame"
PHOTONS: Final = "photons"
PRECISION: Final = "precision"
PRECISION_Z: Final = "precision_z"
SIGMA: Final = "sigma"
BACKGROUND: Final = "background"
SIGMA_VARIANCE: Final = "sigma_variance"
P_VALUE: Final = "p_value"
N_FRAMES: Final = "n_frames"
CHANNEL: Final = "channel"
SOURCE_CLUSTER: Final = "source_cluster"
PICK: Final = "pick"
LOC_LABEL: Final = "loc_label"
SITE: Final = "site"
OBJECT_DIAMETER: Final = "object_diameter"
SURFACE_DIAMETER: Final = "surface_diameter"
AXIS_LENGTHS: Final = ("axis_length_0", "axis_length_1", "axis_length_2")
SKELETON_LENGTH: Final = "skeleton_length"
INTENSITIES: Final = ("intensity_mean", "intensity_sd", "intensity_max")
VIEW: Final = "view"
CLUSTER_ID: Final = "cluster_id"

LOCALISATION_COLUMNS: Final = {
    column.name: column
    for column in (
        Column(X, pl.Float64, "nm", "position"),
        Column(Y, pl.Float64, "nm", "position"),
        Column(Z, pl.Float64, "nm", "position along the optical axis; absent in 2D"),
        Column(FRAME, pl.Int64, "frames", "camera frame, the first is 0"),
        Column(PHOTONS, pl.Float64, "photons", "photons detected", LOG),
        Column(PRECISION, pl.Float64, "nm", "lateral localisation precision (standard deviation)", LOG),
        Column(PRECISION_Z, pl.Float64, "nm", "axial localisation precision (standard deviation)", LOG),
        Column(SIGMA, pl.Float64, "nm", "width of the fitted point-spread function (standard deviation)"),
        Column(BACKGROUND, pl.Float64, "photons", "background photons per camera pixel"),
        Column(SIGMA_VARIANCE, pl.Float64, "1", "variance of the fitted width, as the instrument exports it", LOG),
        Column(P_VALUE, pl.Float64, "1", "p-value of the fit", FRACTION),
        Column(N_FRAMES, pl.Int64, "frames", "frames that it stays on, where the source has merged them; 1 elsewhere"),
        Column(CHANNEL, pl.Int64, "1", "index of the channel, from 0"),
        Column(SOURCE_CLUSTER, pl.Int64, "1", "cluster, region or trace that the source names; -1 is none"),
        Column(PICK, pl.Int64, "1", "pick or object that the source names; -1 is none"),
        Column(LOC_LABEL, pl.Int64, "1", "index of the class of this localisation; -1 where it has none"),
        Column(SITE, pl.Int64, "1", "simulated data only: the binding site it came from, -1 for background"),
        Column(OBJECT_DIAMETER, pl.Float64, "nm", "label volumes: of the ball or disc with the object's volume", LOG),
        Column(SURFACE_DIAMETER, pl.Float64, "nm", "label volumes: of the ball or disc with the object's surface", LOG),
        *(Column(name, pl.Float64, "nm", "label volumes: length of a principal axis", LOG) for name in AXIS_LENGTHS),
        Column(SKELETON_LENGTH, pl.Float64, "nm", "label volumes: length of the skeleton of the object", LOG1P),
        *(Column(name, pl.Float64, "1", "label volumes: intensity of the object's voxels") for name in INTENSITIES),
        Column(VIEW, pl.Int64, "1", "index of the view; view 0 holds the whole FOV"),
        Column(CLUSTER_ID, pl.Int64, "1", "cluster within its view, from 0"),
    )
}
"""Canonical columns. ``x`` and ``y`` are always there, ``z`` in 3D, the others where the source has them."""


def is_length(name: str) -> bool:
    """Return whether the localisation column ``name`` is a length."""
    return LOCALISATION_COLUMNS[name].length_power == 1


NOT_NEGATIVE: Final = (PHOTONS, PRECISION, PRECISION_Z, SIGMA, N_FRAMES)
"""Columns in which a negative value refuses the row."""

NOISE: Final = -1
"""Label of a localisation that belongs to no cluster."""

# -- clusters: one row for each cluster; features add their own columns ------------------------------------------------
COUNT: Final = "count"
X_MEAN: Final = "x_mean"
Y_MEAN: Final = "y_mean"
Z_MEAN: Final = "z_mean"


def position_columns(dimensions: int) -> tuple[str, ...]:
    """Return the names of the coordinates of a localisation in ``dimensions`` (2 or 3)."""
    return (X, Y, Z)[:dimensions]


def centre_columns(dimensions: int) -> tuple[str, ...]:
    """Return the names of the coordinates of a cluster's centre of mass in ``dimensions`` (2 or 3)."""
    return (X_MEAN, Y_MEAN, Z_MEAN)[:dimensions]


# -- parquet metadata (every value is a string; the ones marked JSON are parsed) ---------------------------------------
META_FOV_ID: Final = "fov_id"
META_DIMENSIONS: Final = "dimensions"
META_CHANNELS: Final = "channels"  # JSON: list of channel indices
META_CHANNEL_LABELS: Final = "channel_labels"  # JSON: index -> name
META_LABEL: Final = "gt_label"  # integer, a key of the label map
META_LABEL_MAP: Final = "gt_label_map"  # JSON: integer -> class name
META_LABEL_SCOPE: Final = "gt_label_scope"  # what label and map are of: LABEL_OF_FOV, or LABEL_OF_LOCALISATION
META_GROUP: Final = "group"
META_PARENT: Final = "parent_fov"
META_UNITS: Final = "units"  # JSON: column -> unit
META_SCALES: Final = "scales"  # JSON: column -> scale, one of SCALES
META_MEASURES: Final = "measures"  # JSON: extent and precision of the FOV, columns of the manifest
META_COUNTS: Final = "counts"  # JSON: what was refused, dropped and kept
META_RECIPE: Final = "recipe"  # JSON: the settings that made the file
META_FINGERPRINT: Final = "fingerprint"  # of input and settings: equal means up to date
META_VERSION: Final = "locgraph_version"

LABEL_OF_FOV: Final = "fov"
LABEL_OF_LOCALISATION: Final = "loc"

# -- manifest: one row for each FOV ------------------------------------------------------------------------------------
FOV_ID: Final = "fov_id"
LABEL: Final = "label"
GROUP: Final = "group"
PATH: Final = "path"
DIMENSIONS: Final = "dimensions"
N_LOCALISATIONS: Final = "n_localisations"
N_CLUSTERS: Final = "n_clusters"
EXTENT: Final = "extent"
PARENT_FOV: Final = "parent_fov"
N_LABELLED, SHARES = "n_labelled", "shares"

MANIFEST_COLUMNS: Final = {
    column.name: column
    for column in (
        Column(FOV_ID, pl.String, "1", "name of the FOV: its path below the raw folder, without suffix"),
        Column(PATH, pl.String, "1", "the raw file"),
        Column(LABEL, pl.String, "1", "class name; null where the FOV has none"),
        Column(GROUP, pl.String, "1", "patient, animal, coverslip: never on both sides of a split; null where unknown"),
        Column(DIMENSIONS, pl.Int64, "1", "2 or 3"),
        Column(N_LOCALISATIONS, pl.Int64, "1", "localisations kept in view 0"),
        Column(N_CLUSTERS, pl.Int64, "1", "clusters kept in view 0"),
        Column(EXTENT, pl.Float64, "nm", "root mean square distance of the localisations from their centre"),
        Column(PRECISION, pl.Float64, "nm", "median lateral precision of the localisations; null where unknown"),
        Column(N_LABELLED, pl.Int64, "1", "localisations of view 0 that have a class; null where unknown"),
        Column(SHARES, pl.String, "1", "JSON: class -> share of the annotators who state it; null where nobody does"),
        Column(PARENT_FOV, pl.String, "1", "objects: the FOV that it lies in; null where the unit is a whole FOV"),
        Column(X, pl.Float64, "nm", "objects: mean position in the FOV; null for whole FOVs"),
        Column(Y, pl.Float64, "nm", "objects: mean position in the FOV; null for whole FOVs"),
        Column(Z, pl.Float64, "nm", "objects: mean position in the FOV; null for whole FOVs and in 2D"),
    )
}

ADDED_TO_MANIFEST: Final = (EXTENT, PRECISION, PARENT_FOV, N_LABELLED, SHARES, X, Y, Z)
"""Columns that manifests of earlier versions lack."""

OBJECT: Final = "object"
REASON: Final = "reason"
FAILED: Final = "failed"
ROWS, REGION, N_ROWS = "rows", "region", "n_rows"

# -- predictions: one row for each FOV ---------------------------------------------------------------------------------
FOLD: Final = "fold"
SPLIT: Final = "split"
TRUTH: Final = "truth"
PREDICTION: Final = "prediction"
PROBABILITY_PREFIX: Final = "p_"  # followed by the class name
UNCALIBRATED_PREFIX: Final = "uncalibrated_"  # followed by the class name
PREDICTION_SET: Final = "prediction_set"  # classes that conform
CREDIBILITY: Final = "credibility"  # largest conformal p-value of a class
TYPICALITY: Final = "typicality"
TYPICALITY_P: Final = "typicality_p"  # p-value against validation FOVs
UNLIKE: Final = "unlike"  # whether the FOV is unlike those of training
UNLIKE_REASONS: Final = "unlike_reasons"
DISAGREEMENT: Final = "disagreement"  # of an ensemble: mutual information of class and member, nats
N_MEMBERS: Final = "n_members"  # of an ensemble: models that predicted the FOV
DECISION: Final = "decision"  # the predicted class, or null where none is returned
N_KNOWN: Final = "n_known"  # of an epoch: localisations of the FOV that have a class
ACCURACY: Final = "accuracy"  # of an epoch: fraction of these that is right

# -- exports: what was predicted of the object that a localisation is in -----------------------------------------------
PREDICTED_CLASS: Final = "predicted_class"
PROBABILITY: Final = "probability"  # of the predicted class

# -- measures of FOVs, beside those of the manifest --------------------------------------------------------------------
DENSITY: Final = "density"
ELONGATION: Final = "elongation"
KURTOSIS: Final = "kurtosis"
SPACING_PREFIX: Final = "spacing_"  # followed by the rank of the neighbour
SPREAD_PREFIX: Final = "spread_"  # followed by the rank of the neighbour

# -- learned vectors: one row for each FOV, cluster or localisation ----------------------------------------------------
ERROR: Final = "error"  # loss of a unit, of an embedding
VECTOR_PREFIX: Final = "v_"  # followed by the index of the value
ROW: Final = "row"
"""Place of a localisation among those of view 0 that are in a cluster."""

# -- attributions: one row for each cluster, localisation, edge or feature of each FOV ---------------------------------
EXPLAINER: Final = "explainer"
EXPLAINED_CLASS: Final = "explained_class"
LEVEL: Final = "level"
EDGE: Final = "edge"
FEATURE: Final = "feature"
TARGET_CLUSTER: Final = "target_cluster"
SCORE: Final = "score"
IN_SUBGRAPH: Final = "in_subgraph"

ATTRIBUTION_COLUMNS: Final = {
    column.name: column
    for column in (
        Column(FOV_ID, pl.String, "1", "the FOV"),
        Column(FOLD, pl.Int64, "1", "fold of the model that is explained"),
        Column(EXPLAINER, pl.String, "1", "name of the explainer"),
        Column(EXPLAINED_CLASS, pl.String, "1", "class that the scores explain: A, or A against B"),
        Column(LEVEL, pl.String, "1", "what is scored: cluster, localisation, edge or feature"),
        Column(CLUSTER_ID, pl.Int64, "1", "cluster of view 0; of an edge, the one that sends; null for features"),
        Column(TARGET_CLUSTER, pl.Int64, "1", "edges: the cluster that receives; null elsewhere"),
        Column(ROW, pl.Int64, "1", "localisations: place among those of view 0 in a cluster; null elsewhere"),
        Column(FEATURE, pl.String, "1", "features: name of the cluster feature; null elsewhere"),
        Column(SCORE, pl.Float64, "1", "larger speaks more for the class; comparable within one FOV and explainer"),
        Column(IN_SUBGRAPH, pl.Boolean, "1", "clusters: whether in the subgraph that explains; null if none is named"),
    )
}

# -- robustness: one row for each perturbation, severity and method ----------------------------------------------------
PERTURBATION: Final = "perturbation"
SEVERITY: Final = "severity"
UNIT: Final = "unit"
MEANING: Final = "meaning"
NEUTRAL: Final = "neutral"
METHOD: Final = "method"
N_FOVS: Final = "n_fovs"

# -- graphs ------------------------------------------------------------------------------------------------------------
LOCALISATION: Final = "localisation"
CLUSTER: Final = "cluster"
NEAR: Final = "near"
POOLED_INTO: Final = "pooled_into"
IN: Final = "in"

SUPERCLUSTER: Final = "supercluster"

REPRESENTATION: Final = "representation"
"""What heads predict that learn a vector of each unit, without labels."""

FOV: Final = "fov"
"""A FOV as a whole, as what gets a vector; in a batch, the FOV of each graph."""

UNITS: Final = (FOV, CLUSTER)
"""What gets a vector or a group: each FOV, or each cluster. An object is a FOV of its own."""

FIELD_OF_VIEW: Final = "field_of_view"
"""Node type of the FOV itself, one node at its origin: only where the graph has descriptors."""

CLUSTER_NEAR: Final = (CLUSTER, NEAR, CLUSTER)
LOCALISATION_IN: Final = (LOCALISATION, IN, CLUSTER)


def level(index: int) -> str:
    """Return the node type of level ``index`` of the sampling hierarchy: ``localisation``, ``localisation_1``, ..."""
    return LOCALISATION if index == 0 else f"{LOCALISATION}_{index}"


def level_near(index: int) -> tuple[str, str, str]:
    """Return the edge type between neighbours on level ``index``, within one cluster."""
    return (level(index), NEAR, level(index))


def level_pooled(index: int) -> tuple[str, str, str]:
    """Return the edge type from level ``index`` to the sampled level above it."""
    return (level(index), POOLED_INTO, level(index + 1))


def level_in(index: int) -> tuple[str, str, str]:
    """Return the edge type from level ``index`` to the cluster that holds it."""
    return (level(index), IN, CLUSTER)


def superlevel(index: int) -> str:
    """Return the node type of scale ``index`` of the clusters of clusters: ``supercluster``, ``supercluster_1``, ..."""
    return SUPERCLUSTER if index == 0 else f"{SUPERCLUSTER}_{index}"


def superlevel_near(index: int) -> tuple[str, str, str]:
    """Return the edge type between neighbours among the superclusters of scale ``index``."""
    return (superlevel(index), NEAR, superlevel(index))


def superlevel_in(index: int) -> tuple[str, str, str]:
    """Return the edge type to superclusters from their members: clusters, or those of the scale below."""
    return (CLUSTER if index == 0 else superlevel(index - 1), IN, superlevel(index))


# graph attributes: (name, dtype, shape, unit)
POS: Final = "pos"  # float32 (n, D) nm relative to ``origin``; every node type
FEATURES: Final = "x"  # float32 (n, F), raw; see ``feature_names`` of the store
PARENT: Final = "parent"  # int64 (n,) on level l > 0: index of the same localisation on level l - 1
EDGE_INDEX: Final = "edge_index"  # int64 (2, E): source, target; sorted by target, then source
ORIGIN: Final = "origin"  # float64 (1, D) nm: centre of mass of the FOV's localisations
# EXTENT: float32 (1, 1) nm, root mean square distance of the localisations from the origin
LENGTH_POWER: Final = "length_power"  # float32 (1, F) on the FOV node: power of length of each feature
TARGET: Final = "y"  # int64 (1,): index into class names; absent where the FOV has no label
