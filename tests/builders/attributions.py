"""Explanations as tables, without an explainer."""

import polars as pl


def scores_of(fov_id, level, values, **columns):
    """Rows of attributions of one FOV."""
    n = len(values)
    row = {"fov_id": fov_id, "fold": 0, "explainer": "occlusion", "explained_class": "a", "level": level}
    given = {"cluster_id": None, "target_cluster": None, "row": None, "feature": None, "in_subgraph": None} | columns
    types = {"cluster_id": pl.Int64, "target_cluster": pl.Int64, "row": pl.Int64, "feature": pl.String}
    types |= {"in_subgraph": pl.Boolean}
    table = pl.DataFrame({"score": values} | {name: [value] * n for name, value in row.items()})
    return table.with_columns(
        pl.Series(name, value if isinstance(value, list) else [value] * n, types[name]) for name, value in given.items()
    )
