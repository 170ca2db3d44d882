"""FOVs whose objects were prepared, read again: for their area, pictures and exports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from locgraph import schema
from locgraph.api.recipes import table_recipe
from locgraph.data.prepared import Prepared
from locgraph.errors import DataError
from locgraph.io.catalogue import FovSource
from locgraph.io.localisations import Localisations
from locgraph.preparation.extract import ExtractTask, read_filtered
from locgraph.run_folder import RECIPE, read_record


class ParentFovs:
    """Reads the localisations of FOVs after preprocessing, which the rows of their objects refer to.

    Args:
        prepared: Objects that were prepared from raw files.
    """

    def __init__(self, prepared: Prepared) -> None:
        table = prepared.manifest.table
        self._paths = dict(table.select(schema.PARENT_FOV, schema.PATH).drop_nulls().iter_rows())
        recipe = read_record(prepared.tables / RECIPE)
        self._recipe = table_recipe(recipe) if recipe else None
        self._tables, self._class_names = prepared.tables, prepared.manifest.class_names
        self._kept: dict[str, Localisations] = {}

    @property
    def has_places(self) -> bool:
        """Whether it is a result where the objects lie, rather than that of a grid."""
        return self._recipe is None or self._recipe.objects is None or self._recipe.objects.has_places

    def keep(self) -> None:
        """Read all FOVs now, since their files will be removed."""
        self._kept = {fov_id: replace(self.read(fov_id), path=None) for fov_id in self._paths}

    def read(self, fov_id: str) -> Localisations:
        """Return the localisations of a FOV after preprocessing.

        Raises:
            DataError: Its file is not known, or cannot be read any more.
        """
        if fov_id in self._kept:
            return self._kept[fov_id]
        if fov_id not in self._paths or self._recipe is None:
            raise DataError(f"{fov_id}: expected its raw file, found no object of it that could be used")
        source = FovSource(fov_id, Path(self._paths[fov_id]), None, None)
        return read_filtered(ExtractTask(source, self._class_names, self._recipe, self._tables, ""))[0]

    def points(self, fov_id: str) -> np.ndarray:
        """Return the positions (N, D) float64 of the localisations of a FOV, in nm.

        Raises:
            DataError: As for `read`.
        """
        localisations = self.read(fov_id)
        columns = schema.position_columns(localisations.dimensions)
        return localisations.table.select(columns).to_numpy().astype(np.float64)
