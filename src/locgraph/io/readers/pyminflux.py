"""Reader of the ``.pmx`` of pyMINFLUX, HDF5 of the versions 1.0 to 3.0.

After ``_pmx_writer.py`` and ``_pmx_reader.py`` of bsse-scf/pyMINFLUX: all versions hold the localisations that its
filters kept as a matrix ``/paraview/dataframe``, with the names of its columns as an attribute. x, y and z are in nm; z
is scaled already (``z_scaling_factor``). ``tid`` names the trace, ``fluo`` the fluorophore. Times (``tim``, in seconds)
are no frames. What Imspector measured (``/raw``) is not read: it holds rows that a user has filtered out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.header import Header, Layout, Sources
from locgraph.io.known.programs import PYMINFLUX
from locgraph.io.readers.base import OpenFile, Reader, as_column, check_rows
from locgraph.io.readers.hdf5 import attribute, check_pieces, dataset, holds, opened
from locgraph.io.readers.hdf5_texts import text_attributes
from locgraph.io.software import choose, in_nm

if TYPE_CHECKING:
    import h5py

_TABLE: Final = "paraview/dataframe"
_VERSION: Final = "file_version"
_VERSIONS: Final = ("1.0", "2.0", "3.0")
_FLAT_Z_NM: Final = 1e-2
"""Below that everywhere, z is the noise of a measurement in 2D (as in pyMINFLUX)."""
_MOST_COLUMNS: Final = 256


class PyMinfluxReader(Reader):
    """Reads the localisations that the filters of pyMINFLUX kept."""

    kind = "pyminflux"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is HDF5 with ``/paraview/dataframe`` and a version."""
        return holds(file, lambda hdf5: _VERSION in hdf5.attrs and dataset(hdf5, _TABLE) is not None)

    def read_header(self) -> Header:
        """Read the names of the columns.

        Raises:
            DataError: The file is damaged, or of another version.
        """
        with opened(self.file) as hdf5:
            version = str(attribute(hdf5, _VERSION, self.file))
            names = self._names(_matrix(hdf5))
        if version not in _VERSIONS:
            raise DataError(
                f"{self.path}: expected a .pmx file of version {', '.join(_VERSIONS)}; found {version!r}. Export the "
                "localisations as CSV"
            )
        chosen: dict[str, Sources] = {schema.X: "x", schema.Y: "y", **choose(names, PYMINFLUX)}
        return Header(names, {_VERSION: version}, Layout("pyMINFLUX", chosen, in_nm(chosen)))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the table, lengths in nm."""
        with opened(self.file) as hdf5:
            matrix = _matrix(hdf5)
            check_rows(matrix.shape[0], self.file.size)
            check_pieces(matrix, self.file.size)
            values: np.ndarray = matrix[()]
        names = self.header.names
        chosen = [index for index, name in enumerate(names) if columns is None or name in columns]
        table = pl.DataFrame({names[index]: as_column(values[:, index]) for index in chosen})
        if "z" in table.columns and table.height and (table["z"].abs() <= _FLAT_Z_NM).all():
            table = table.with_columns(z=pl.lit(0.0))
        return table, dict(self.header.metadata)

    def _names(self, matrix: Any) -> tuple[str, ...]:
        names = text_attributes(matrix, "column_names", self.file)
        if len(names) != matrix.shape[1] or len(set(names)) < len(names):
            raise ValueError(f"{len(names)} names for {matrix.shape[1]} columns")
        return names


def _matrix(hdf5: h5py.File) -> h5py.Dataset:
    matrix = dataset(hdf5, _TABLE)
    if matrix is None or len(matrix.shape) != 2 or matrix.dtype.kind != "f" or matrix.shape[1] > _MOST_COLUMNS:
        raise ValueError(f"no matrix of numbers at /{_TABLE}")
    return matrix
