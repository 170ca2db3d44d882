"""Vectors of fields of view (FOVs), clusters and localisations inside a network, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import lightning.pytorch as lightning
import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.network import Network
from locgraph.nn.precision import no_autocast, pool
from locgraph.run_folder import CLUSTER_VECTORS, FOV_VECTORS, LOCALISATION_VECTORS

FOV: Final = schema.FOV
FILES: Final = {
    FOV: FOV_VECTORS,
    schema.CLUSTER: CLUSTER_VECTORS,
    schema.LOCALISATION: LOCALISATION_VECTORS,
}
"""File of the vectors of each kind."""
_WITHIN: Final = {schema.CLUSTER: schema.CLUSTER_ID, schema.LOCALISATION: schema.ROW}


class Vectors(NamedTuple):
    """Vectors of a batch of FOVs, on the CPU.

    Attributes:
        fov_ids: The FOVs.
        of: For each kind, the vectors of each FOV (n, F) float32; a FOV itself has one, (1, F).
    """

    fov_ids: list[str]
    of: dict[str, list[Tensor]]


class Embedder(lightning.LightningModule):
    """Returns the vectors of a network in place of its logits, in 32 bits.

    The vector of a FOV is the mean over its views of what the readout returns; clusters are those of view 0 after the
    cluster encoder, localisations those of view 0 after the first level of the localisation encoder.

    Args:
        network: The network.
        kinds: Some of the keys of ``FILES``.
        setting: Name of the argument ``kinds`` in messages.

    Raises:
        ConfigError: A kind is unknown, or the network has no vectors of it.
    """

    def __init__(self, network: Network, kinds: Iterable[Any] | None, setting: str = "vectors") -> None:
        super().__init__()
        self.network, self.kinds = network, check_kinds(network, kinds, setting)

    def predict_step(self, batch: Batch, batch_index: int) -> Vectors:
        """Return the vectors of the FOVs of a batch."""
        fov, names = batch["fov"], list(batch[schema.FOV_ID])
        with no_autocast(self.device):
            encoded = self.network.encode(batch)
            of_views = encoded.fovs.float()
        # the views of a FOV follow each other, the whole FOV first
        first = torch.searchsorted(fov, torch.arange(len(names), device=fov.device)).tolist()
        vectors: dict[str, list[Tensor]] = {}
        for kind in self.kinds:
            if kind == FOV:
                vectors[kind] = list(pool(of_views, fov, len(names), "mean").cpu().split(1))
                continue
            rows = encoded.clusters if kind == schema.CLUSTER else encoded.levels[0]
            sizes = torch.bincount(batch[kind].batch, minlength=len(fov)).tolist()
            parts = rows.float().split(sizes)
            vectors[kind] = [parts[index].cpu() for index in first]
        return Vectors(names, vectors)


def check_kinds(network: Network, kinds: Iterable[Any] | None, setting: str = "vectors") -> tuple[str, ...]:
    """Refuse kinds that have no vectors.

    Args:
        network: The network.
        kinds: Kinds of vectors: one, several, or None.
        setting: Name of the argument ``kinds`` in messages.

    Returns:
        The kinds.

    Raises:
        ConfigError: A kind is unknown or named twice, or the localisation encoder has no vectors of localisations.
    """
    kinds = [kinds] if isinstance(kinds, str) else list(kinds or ())
    strange = [kind for kind in kinds if kind not in FILES]
    if strange or len(set(kinds)) < len(kinds):
        raise ConfigError(f"expected some of {list(FILES)}, each once, found {kinds}", setting=setting)
    if schema.LOCALISATION in kinds and not network.loc_encoder.level_channels:
        raise ConfigError(
            f"{schema.LOCALISATION} asks for vectors of localisations, but the localisation encoder "
            f"{type(network.loc_encoder).__name__} has none; leave it out, or train with "
            "model/loc_encoder=point_transformer, set_abstraction or deep_sets",
            setting=setting,
        )
    return tuple(kinds)


def vector_tables(
    trainer: lightning.Trainer, embedder: Embedder, loader: DataLoader[Any], fold: int, split: str
) -> dict[str, pl.DataFrame]:
    """Run FOVs through the network once more, and tabulate their vectors.

    Args:
        trainer: Runs it.
        embedder: The network, and the kinds of vectors.
        loader: Batches of FOVs with all their views.
        fold: Index of the fold.
        split: ``train``, ``val``, ``test`` or ``new``.

    Returns:
        File name -> table, one for each kind; see `vector_table`.
    """
    if not embedder.kinds:
        return {}
    batches: Any = trainer.predict(embedder, loader)
    return {FILES[kind]: vector_table(batches, kind, fold, split) for kind in embedder.kinds}


def vector_table(batches: Sequence[Vectors], kind: str, fold: int, split: str) -> pl.DataFrame:
    """Return one row for each FOV, cluster or localisation.

    Args:
        batches: The vectors of each batch.
        kind: A key of ``FILES``.
        fold: Index of the fold.
        split: ``train``, ``val``, ``test`` or ``new``.

    Returns:
        Columns ``fov_id``; of clusters also ``cluster_id``, and of localisations ``row``; ``fold``, ``split``, and
        ``v_0``, ``v_1``, ... Float32.
    """
    names = [name for batch in batches for name in batch.fov_ids]
    parts = [part for batch in batches for part in batch.of[kind]]
    keys = key_columns(names, [len(part) for part in parts], kind, fold, split)
    return pl.DataFrame(keys | vector_columns(torch.cat(parts).numpy()))


def key_columns(fov_ids: Sequence[str], sizes: Sequence[int], kind: str, fold: int, split: str) -> dict[str, Any]:
    """Return the columns that name the rows of a table of vectors.

    Args:
        fov_ids: The FOVs.
        sizes: Number of rows of each.
        kind: A key of ``FILES``.
        fold: Index of the fold.
        split: ``train``, ``val``, ``test`` or ``new``.

    Returns:
        ``fov_id``; of clusters also ``cluster_id``, and of localisations ``row``; ``fold`` and ``split``.
    """
    keys: dict[str, Any] = {
        schema.FOV_ID: pl.Series(np.repeat(np.array(fov_ids, dtype=object), sizes), dtype=pl.String)
    }
    if kind in _WITHIN:
        keys[_WITHIN[kind]] = np.concatenate([np.arange(size, dtype=np.int64) for size in sizes])
    total = sum(sizes)
    return keys | {schema.FOLD: np.full(total, fold, dtype=np.int64), schema.SPLIT: [split] * total}


def vector_columns(vectors: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns ``v_0``, ``v_1``, ... of vectors (n, F)."""
    return {f"{schema.VECTOR_PREFIX}{index}": values for index, values in enumerate(vectors.T)}
