"""Columns of the tables of averages."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema

CLASS: Final = "class"
RADIUS: Final = "radius_nm"
ANGLE: Final = "angle_deg"
ROTATION: Final = "rotation"
SHIFT: Final = "shift"
CENTRE: Final = "centre"
MIRRORED: Final = "mirrored"
POSE_EVIDENCE: Final = "pose_evidence"
OUTLIER: Final = "outlier"
N_OBJECTS: Final = "n_objects"
N_LEFT_OUT: Final = "n_left_out"
N_OUTLIERS: Final = "n_outliers"
SYMMETRY: Final = "symmetry"
SYMMETRY_SCORE: Final = "symmetry_score"
SYMMETRY_P: Final = "symmetry_p"
SPREAD_ORDER: Final = "spread_order"
FRC: Final = "frc_nm"
FRC_HALF_BIT: Final = "frc_half_bit_nm"
MEAN_SCORE: Final = "mean_score"
PIXEL: Final = "pixel_nm"
PROFILE: Final = "profile"
PLACE: Final = "place"
VALUE: Final = "value"

AVERAGED_OBJECT_COLUMNS: Final = {
    column.name: column
    for column in (
        schema.Column(schema.OBJECT, pl.String, "1", "name of the object"),
        schema.Column(schema.N_LOCALISATIONS, pl.Int64, "1", "its localisations"),
        schema.Column(ANGLE, pl.Float64, "1", "degrees that it is turned by, from x to y; null in 3D"),
        schema.Column(ROTATION, pl.List(pl.Float64), "1", "rotation matrix, row by row"),
        schema.Column(SHIFT, pl.List(pl.Float64), "nm", "shift after the rotation"),
        schema.Column(CENTRE, pl.List(pl.Float64), "nm", "its centre of mass, which the rotation is about"),
        schema.Column(MIRRORED, pl.Boolean, "1", "whether x is reversed before the rotation"),
        schema.Column(
            schema.SCORE, pl.Float64, "1", "cosine with the average of the others, 0 to 1; null of a single object"
        ),
        schema.Column(
            POSE_EVIDENCE, pl.Float64, "1", "standard errors by which its own axes are defined; null of pairwise"
        ),
        schema.Column(OUTLIER, pl.Boolean, "1", "whether the score is 3 robust standard deviations below the median"),
    )
}

AVERAGE_COLUMNS: Final = {
    column.name: column
    for column in (
        schema.Column(CLASS, pl.String, "1", "the class"),
        schema.Column(schema.METHOD, pl.String, "1", "axes or pairwise"),
        schema.Column(N_OBJECTS, pl.Int64, "1", "objects in the average"),
        schema.Column(N_LEFT_OUT, pl.Int64, "1", "objects without a pose"),
        schema.Column(schema.N_LOCALISATIONS, pl.Int64, "1", "localisations in the average"),
        schema.Column(SYMMETRY, pl.Int64, "1", "largest order of rotational symmetry that was found, 1 is none"),
        schema.Column(
            SYMMETRY_SCORE, pl.Float64, "1", "correlation with the turned average, chance is 0; null at order 1"
        ),
        schema.Column(SYMMETRY_P, pl.Float64, "1", "probability of the score without symmetry; null at order 1"),
        schema.Column(SPREAD_ORDER, pl.Int64, "1", "order over whose equal poses objects were spread, 1 is none"),
        schema.Column(
            FRC, pl.Float64, "nm", "resolution by Fourier ring correlation of two halves at 1/7; null where none"
        ),
        schema.Column(FRC_HALF_BIT, pl.Float64, "nm", "resolution at the half-bit threshold; null where none"),
        schema.Column(MEAN_SCORE, pl.Float64, "1", "mean score of the objects"),
        schema.Column(N_OUTLIERS, pl.Int64, "1", "objects unlike the others"),
        schema.Column(schema.PRECISION, pl.Float64, "nm", "median localisation precision, which smooths the picture"),
        schema.Column(PIXEL, pl.Float64, "nm", "pixel of the density map"),
    )
}
