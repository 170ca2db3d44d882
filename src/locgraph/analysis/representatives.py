"""Fields of view (FOVs) to look at: typical and untypical ones of each class, and those that are misclassified."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.classifiers import Standardiser
from locgraph.analysis.cross_validation import CLASSIFIER, Samples
from locgraph.errors import DataError

NEAREST: Final = "nearest"
FARTHEST: Final = "farthest"
ROLE: Final = "role"
RANK: Final = "rank"
DISTANCE: Final = "distance"
CLASS: Final = "class"
NEAREST_CLASS: Final = "nearest_class"

P_PREDICTION: Final = "p_of_prediction"
P_TRUTH: Final = "p_of_truth"
CLASSIFIERS_WRONG: Final = "classifiers_wrong"
CLASSIFIERS: Final = "classifiers"


def representatives(samples: Samples, per_class: int) -> pl.DataFrame:
    """Return the FOVs nearest to and farthest from the centre of their class.

    Distances are Euclidean, after every column has been given mean 0 and standard deviation 1 over all FOVs, and are
    divided by the root of the number of columns that vary: the root mean square distance of all FOVs from their
    common centre is 1. The centre is the mean of the class.

    Args:
        samples: The FOVs.
        per_class: Number of either kind, at least 1; no FOV is both, so that small classes give fewer.

    Returns:
        ``class``, ``role`` (``nearest``, ``farthest``), ``rank`` (from 1), ``fov_id``, ``distance``, and
        ``nearest_class``, the class whose centre is nearest.
    """
    scaled = Standardiser().fit(samples.values).transform(samples.values)
    n_useful = max(len(samples.columns) - len(samples.constant()), 1)
    names = samples.class_names
    centres = np.stack([scaled[samples.labels == name].mean(axis=0) for name in names])
    distances = np.linalg.norm(scaled[:, None] - centres[None], axis=2) / np.sqrt(n_useful)
    rows = []
    for place, name in enumerate(names):
        members = np.flatnonzero(samples.labels == name)
        order = members[np.argsort(distances[members, place], kind="stable")]
        n_near = min(per_class, (len(order) + 1) // 2)
        n_far = min(per_class, len(order) - n_near)
        chosen = [(NEAREST, rank, row) for rank, row in enumerate(order[:n_near], 1)]
        chosen += [(FARTHEST, rank, row) for rank, row in enumerate(order[::-1][:n_far], 1)]
        for role, rank, row in chosen:
            near = names[int(distances[row].argmin())]
            rows.append((name, role, rank, samples.fov_ids[row], float(distances[row, place]), near))
    columns = {CLASS: pl.String, ROLE: pl.String, RANK: pl.Int64, schema.FOV_ID: pl.String, DISTANCE: pl.Float64}
    return pl.DataFrame(rows, schema={**columns, NEAREST_CLASS: pl.String}, orient="row")


def misclassified(predictions: pl.DataFrame, by_classifiers: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return test FOVs that the network misclassifies, the most confident mistakes first.

    A FOV that the simple classifiers misclassify too may have a wrong label, or lie between the classes.

    Args:
        predictions: ``predictions.parquet``, of one run or of several; rows of test FOVs with a truth count.
        by_classifiers: Columns ``classifier``, ``fold``, ``fov_id``, ``truth`` and ``prediction``; None where there are
            none.

    Returns:
        ``fov_id``, ``fold``, ``truth``, ``prediction``, ``p_of_prediction``, ``p_of_truth``, and of the ``classifiers``
        that were tested on the FOV in this fold, how many are wrong as well (``classifiers_wrong``).

    Raises:
        DataError: A column is missing.
    """
    needed = (schema.FOV_ID, schema.FOLD, schema.SPLIT, schema.TRUTH, schema.PREDICTION)
    missing = [name for name in needed if name not in predictions.columns]
    if missing:
        raise DataError(f"expected predictions with {', '.join(needed)}; {', '.join(missing)} missing")
    wrong = predictions.filter(pl.col(schema.SPLIT) == "test", pl.col(schema.TRUTH) != pl.col(schema.PREDICTION))
    rows = [
        {
            **{name: row[name] for name in (schema.FOV_ID, schema.FOLD, schema.TRUTH, schema.PREDICTION)},
            P_PREDICTION: row.get(schema.PROBABILITY_PREFIX + row[schema.PREDICTION]),
            P_TRUTH: row.get(schema.PROBABILITY_PREFIX + row[schema.TRUTH]),
        }
        for row in wrong.to_dicts()
    ]
    texts = dict.fromkeys((schema.FOV_ID, schema.TRUTH, schema.PREDICTION), pl.String)
    types = {schema.FOV_ID: pl.String, schema.FOLD: pl.Int64, **texts, P_PREDICTION: pl.Float64, P_TRUTH: pl.Float64}
    table = pl.DataFrame(rows, schema=types)
    if by_classifiers is not None and not by_classifiers.is_empty():
        also = by_classifiers.group_by(schema.FOV_ID, schema.FOLD).agg(
            (pl.col(schema.TRUTH) != pl.col(schema.PREDICTION)).sum().cast(pl.Int64).alias(CLASSIFIERS_WRONG),
            pl.col(CLASSIFIER).len().cast(pl.Int64).alias(CLASSIFIERS),
        )
        table = table.join(also, on=[schema.FOV_ID, schema.FOLD], how="left")
    return table.sort(P_PREDICTION, schema.FOV_ID, schema.FOLD, descending=[True, False, False], nulls_last=True)
