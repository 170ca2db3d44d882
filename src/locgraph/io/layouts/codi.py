"""ONI CODI: tables that its API gives.

Order, meaning and units of the columns after ``explore-one-file.py`` of AlistairCurd/smlm-explore, which also gives
them the names that are known here. The names that CODI itself writes are not public: under others, the table is not
recognised. Precision is a variance in nm^2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout
from locgraph.io.layouts.choose import choose, in_nm


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by ``x-nm``, ``y-nm`` and the variances ``var-x-nm2``, ``var-y-nm2``."""
    if not {"x-nm", "y-nm", "var-x-nm2", "var-y-nm2"} <= set(names):
        return None
    chosen = choose(
        names,
        {
            schema.X: ("x-nm",),
            schema.Y: ("y-nm",),
            schema.Z: ("z-nm",),
            schema.FRAME: ("frame",),
            schema.PHOTONS: ("intensity-mean-photons",),
            schema.PRECISION: (("var-x-nm2", "var-y-nm2"),),
            schema.SIGMA: (("sigma-x-mean-nm", "sigma-y-mean-nm"), ("sigma-x-mean-nm", "sigma-y-mean")),
            schema.BACKGROUND: ("bg-mean-photons",),
            schema.SIGMA_VARIANCE: (("var-sigma-x-nm2", "var-sigma-y-nm2"),),
            schema.N_FRAMES: ("duration-frames",),
            schema.CHANNEL: ("channel",),
            schema.SOURCE_CLUSTER: ("cluster-id",),
        },
    )
    return Layout("ONI CODI", chosen, in_nm(chosen) | {schema.PRECISION: "nm^2"})
