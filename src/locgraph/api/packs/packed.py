"""A packed model that was read: its networks, what they were trained on, their scores, and an example."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from locgraph.api.packs.archive import (
    PACK_CARD,
    PACK_EXAMPLE,
    PACK_EXPECTED,
    PACK_METRICS,
    PACK_RANGES,
    Archive,
    read_archive,
)
from locgraph.api.packs.reference import Reference
from locgraph.errors import CheckpointError
from locgraph.run_folder import PACK_SUFFIX

if TYPE_CHECKING:
    from locgraph.learn.checkpoint import Checkpoint


@dataclass(frozen=True)
class Pack:
    """A packed model.

    Attributes:
        archive: Its members, whose hashes fit.
    """

    archive: Archive

    def __repr__(self) -> str:
        return f"Pack({str(self.reference)!r}: {', '.join(self.manifest['classes'])}; {self.archive.path})"

    @property
    def manifest(self) -> dict[str, Any]:
        """Content of ``manifest.json``."""
        return self.archive.manifest

    @property
    def reference(self) -> Reference:
        """Name and version."""
        return Reference(str(self.manifest["name"]), str(self.manifest["version"]))

    @property
    def metrics(self) -> dict[str, Any]:
        """Scores beside those of controls, as `locgraph.api.packs.scores` collects them."""
        return self.archive.json(PACK_METRICS)

    @property
    def ranges(self) -> dict[str, Any]:
        """Ranges of measures of FOVs and of features of clusters in training; empty where they are not known."""
        return self.archive.json(PACK_RANGES)

    @property
    def card(self) -> str:
        """The model card, Markdown with a YAML header."""
        return self.archive.members[PACK_CARD].decode("utf-8", "replace")

    @property
    def example(self) -> pl.DataFrame:
        """Localisations of one FOV, in nm.

        Raises:
            CheckpointError: They cannot be read.
        """
        return self._table(PACK_EXAMPLE)

    @property
    def expected(self) -> pl.DataFrame:
        """What the model predicts of the example: ``p_<class>``.

        Raises:
            CheckpointError: It cannot be read.
        """
        return self._table(PACK_EXPECTED)

    def checkpoints(self) -> list[Checkpoint]:
        """Return the networks, each with its record.

        Raises:
            CheckpointError: They cannot be read.
        """
        from locgraph.api.packs.record import unpack_networks  # torch

        return unpack_networks(self.archive)

    def _table(self, name: str) -> pl.DataFrame:
        try:
            return pl.read_parquet(io.BytesIO(self.archive.members[name]))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CheckpointError(f"{self.archive.path}: {name} cannot be read as parquet ({error})") from error


def is_pack(path: Path) -> bool:
    """Return whether a path is that of a packed model, by its ending."""
    return path.suffix.lower() == PACK_SUFFIX


def read_pack(path: str | Path) -> Pack:
    """Read a packed model.

    Args:
        path: The ``.lgm`` file.

    Raises:
        CheckpointError: See `locgraph.api.packs.archive.read_archive`.
    """
    return Pack(read_archive(Path(path)))


def read_networks(path: Path, setting: str) -> list[Checkpoint]:
    """Return the network of a checkpoint, or all networks of a packed model.

    Args:
        path: The ``.ckpt`` or ``.lgm`` file.
        setting: The argument that named it, for messages.

    Raises:
        CheckpointError: It cannot be read.
    """
    from locgraph.learn.checkpoint import read_checkpoint  # torch

    return read_pack(path).checkpoints() if is_pack(path) else [read_checkpoint(path, setting)]


def read_network(path: Path, setting: str) -> Checkpoint:
    """Return the network of a checkpoint, or of a packed model that holds one; arguments as for `read_networks`.

    Raises:
        CheckpointError: It cannot be read, or holds several networks.
    """
    networks = read_networks(path, setting)
    if len(networks) > 1:
        raise CheckpointError(
            f"{setting}={path}: expected one network, found {len(networks)}, packed from a sweep; give a checkpoint, "
            "or a model packed from one run"
        )
    return networks[0]
