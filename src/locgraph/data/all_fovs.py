"""The fold of a release, which holds no FOV out (no torch here)."""

from __future__ import annotations

import numpy as np

from locgraph.data.folds import Split, check_index
from locgraph.data.labelled import LabelledFovs
from locgraph.errors import ConfigError
from locgraph.io.manifest import Manifest


class AllFovs:
    """One fold that trains on every FOV with a class and holds none out.

    Args:
        n_folds: 1, as there is one way to do so.
        index: 0.

    Raises:
        ConfigError: Another number is given.
    """

    def __init__(self, n_folds: int = 1, index: int = 0) -> None:
        if n_folds != 1:
            raise ConfigError(f"expected 1, as no FOV is held out, found {n_folds}", setting="n_folds")
        check_index(index, n_folds)
        self.n_folds, self.index = n_folds, index

    def plan(self, manifest: Manifest) -> list[Split]:
        """Return one fold with a training side alone.

        Raises:
            FoldError: No FOV has a label.
        """
        fovs = LabelledFovs.of(manifest)
        return [Split(fovs.names(np.arange(len(fovs.fov_ids))), (), ())]
