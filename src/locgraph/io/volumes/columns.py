"""Columns of label volumes, which their reader makes."""

from __future__ import annotations

from dataclasses import dataclass

from locgraph.io.columns import ColumnMap
from locgraph.io.header import Header
from locgraph.io.volumes.settings import VolumeSettings


@dataclass(frozen=True)
class VolumeColumns(VolumeSettings):
    """Label volumes (masks) as localisations: points on the surface of each object, ``source_cluster`` its label.

    For the arguments see `VolumeSettings`.
    """

    @property
    def volume(self) -> VolumeSettings:
        """These settings: files are label volumes."""
        return self

    def for_file(self, header: Header, where: str) -> ColumnMap:
        """Return the columns that are read of one file."""
        return ColumnMap({name: name for name in header.names if name not in self.leave_out}, unit="nm")
