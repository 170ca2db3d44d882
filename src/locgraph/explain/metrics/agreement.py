"""Whether explainers agree on a FOV."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.explain.explanation import Explanation
from locgraph.explain.metrics.ranks import jaccard, kendall, spearman
from locgraph.explain.metrics.selection import Selection

OTHER_EXPLAINER: Final = "other_explainer"
SPEARMAN: Final = "spearman"
KENDALL: Final = "kendall"
JACCARD: Final = "jaccard"
N_FOVS: Final = "n_fovs"

_NAMES: Final = (schema.EXPLAINER, OTHER_EXPLAINER)
_VALUES: Final = (SPEARMAN, KENDALL, JACCARD)


def agreement(explanations: Mapping[str, Explanation], selection: Selection) -> pl.DataFrame:
    """Compares every pair of explainers on one FOV.

    Explainers that agree may still be wrong together (Krishna et al. 2022, arXiv 2202.01602): this describes.

    Args:
        explanations: Name of the explainer -> what it says of this FOV.
        selection: How clusters are selected.

    Returns:
        One row for each pair: ``explainer``, ``other_explainer``, ``spearman`` and ``kendall`` in [-1, 1] of the
        scores, ``jaccard`` in [0, 1] of the selected clusters; null where it does not exist.
    """
    rows = [
        (name, other, spearman(a.clusters, b.clusters), kendall(a.clusters, b.clusters), jaccard(selected, others))
        for (name, (a, selected)), (other, (b, others)) in combinations(
            [(name, (found, selection(found))) for name, found in explanations.items()], 2
        )
    ]
    types = dict.fromkeys(_NAMES, pl.String) | dict.fromkeys(_VALUES, pl.Float64)
    return pl.DataFrame(rows, schema=types, orient="row")
