"""Numbers of a representation that need its model: rotation, reconstruction, evolution, size, time and energy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from locgraph import schema
from locgraph.analysis.representations.baselines import HAND_MADE, PAIR_DISTANCES
from locgraph.analysis.representations.benchmark import BenchmarkSettings, choose_rows
from locgraph.analysis.representations.embeddings import Embeddings
from locgraph.analysis.representations.evolution import evolution_scores
from locgraph.analysis.representations.reconstruction import reconstruction_scores
from locgraph.analysis.representations.rotation import rotation_scores
from locgraph.analysis.representations.scores import (
    BETTER_THAN_MEAN,
    CHAMFER,
    EVOLUTION,
    EVOLUTION_REAL,
    JOULES,
    PARAMETERS,
    ROTATION_ERROR,
    ROTATION_HIGH,
    ROTATION_MEDIAN,
    ROTATION_SPREAD,
    SECONDS,
    Score,
    absent,
)
from locgraph.analysis.representations.units import read_clouds
from locgraph.errors import LocgraphError
from locgraph.run_folder import RunFolder

_ROTATION: Final = (ROTATION_ERROR, ROTATION_MEDIAN, ROTATION_HIGH, ROTATION_SPREAD)
_DECODING: Final = (CHAMFER, BETTER_THAN_MEAN, EVOLUTION, EVOLUTION_REAL)
_TIMED: Final = 7
_ALIKE: Final = 1e-3  # of the size of a vector: between threads and machines last digits differ


@dataclass(frozen=True)
class Subject:
    """A representation whose model is measured.

    Attributes:
        embeddings: Its vectors.
        owners: (N,) what units belong to.
        tables: Folder of its prepared tables.
        new: Rows that the encoder has not met; all where that is not known.
    """

    embeddings: Embeddings
    owners: np.ndarray
    tables: Path
    new: np.ndarray


def model_scores(subject: Subject, settings: BenchmarkSettings, trusted: list[str], energy: bool) -> list[Score]:
    """Return all scores that need the model; a reason in place of each that cannot be had.

    Args:
        subject: The representation.
        settings: How it is measured.
        trusted: Packages whose classes a checkpoint may name.
        energy: Whether energy is measured.
    """
    name = str(subject.embeddings.record.get("model"))
    every = (*_ROTATION, *_DECODING, PARAMETERS, SECONDS, JOULES)
    if name == HAND_MADE:
        reason = "hand-made features are read from the tables: no model embeds or decodes"
        return [Score(PARAMETERS, 0.0), *absent([each for each in every if each != PARAMETERS], reason)]
    try:
        model = None if name == PAIR_DISTANCES else load_encoder(subject.embeddings, trusted)
    except LocgraphError as error:
        return absent(every, f"no model: {error}")
    parameters = 0 if model is None else sum(weight.numel() for weight in model.network.parameters())
    scores = [Score(PARAMETERS, float(parameters), n=subject.embeddings.keys.height)]
    scores += _embedding_scores(subject, settings, model, energy)
    if model is None or not subject.embeddings.record.get("decodes"):
        return [*scores, *absent(_DECODING, "the model does not decode")]
    return [*scores, *_decoding_scores(subject, settings, model)]


def load_encoder(embeddings: Embeddings, trusted: list[str]) -> Any:
    """Load the network that computed embeddings: that of the run itself, or the one that the record names.

    Raises:
        LocgraphError: It is not there, or holds several networks.
    """
    from locgraph.api.models.load import load_model

    own = RunFolder(embeddings.folder).best
    return load_model(own if own.is_file() else str(embeddings.record.get("model")), trusted)


def _embedding_scores(subject: Subject, settings: BenchmarkSettings, model: Any, energy: bool) -> list[Score]:
    """Embed some FOVs again: as they are, which must give the same vectors, and rotated."""
    from locgraph.api.representations.measured import BATCH, NetworkEmbeds, PairDistanceEmbeds, time_runs

    rows = rows_of_fovs(subject, settings.most_rotated, settings.seed)
    part = subject.embeddings.take(rows)
    try:
        if model is None:
            embeds: Any = PairDistanceEmbeds(part.keys, subject.tables)
        else:
            embeds = NetworkEmbeds(model, subject.tables, list(dict.fromkeys(part.fovs.tolist())))
            again = embeds(np.tile(np.eye(embeds.dimensions), (embeds.n_fovs, 1, 1)))
            _check_same(again, part.vectors)
    except LocgraphError as error:
        return absent((*_ROTATION, SECONDS, JOULES), str(error))
    scores = rotation_scores(
        embeds, embeds.n_fovs, subject.owners[rows], embeds.dimensions, settings.n_angles, settings.seed
    )
    seconds = time_runs(embeds, _TIMED) / len(rows)
    how = "localisations in memory" if model is None else f"graphs in memory, {BATCH} FOVs in a batch"
    note = f"median of {_TIMED} repeats, from {how}, processor"
    low, high = float(seconds.min()), float(seconds.max())
    scores.append(Score(SECONDS, float(np.median(seconds)), low, high, len(rows), note=f"{note}; ends are extremes"))
    return [*scores, _energy(embeds, len(rows), energy)]


def _check_same(again: np.ndarray, stored: np.ndarray) -> None:
    """Refuse a model that does not give the stored vectors."""
    if again.shape != stored.shape:
        raise LocgraphError(f"the model gives vectors of shape {again.shape}, the table holds {stored.shape}")
    apart = np.linalg.norm(again - stored, axis=1)
    size = np.linalg.norm(stored, axis=1).mean()
    if apart.max() > _ALIKE * max(size, 1e-12):
        raise LocgraphError(
            f"the model gives other vectors than the table holds (apart by {apart.max():.3g}, their size is {size:.3g}"
            "): the checkpoint or the tables were made anew; embed again"
        )


def _energy(embeds: Any, n: int, wanted: bool) -> Score:
    from locgraph.api.representations.energy import measure_energy

    if not wanted:
        return absent([JOULES], "not measured: benchmark.energy=false")[0]
    try:
        joules, calls = measure_energy(embeds.run)
    except LocgraphError as error:
        return absent([JOULES], str(error))[0]
    return Score(JOULES, joules / n, n=n, note=f"codecarbon, whole machine, mean of {calls} runs")


def _decoding_scores(subject: Subject, settings: BenchmarkSettings, model: Any) -> list[Score]:
    chosen = choose_rows(len(subject.new), settings.most_decoded, settings.seed)
    rows = subject.new[chosen]
    part = subject.embeddings.take(rows)
    try:
        clouds, extents = read_clouds(part.keys, subject.tables)
        relative = model.record["scaler"]["nm_per_unit"] is None
        unit_nm = extents if relative else np.ones(len(rows))
        scaled = [cloud / unit for cloud, unit in zip(clouds, unit_nm, strict=True)]
        owners = subject.owners[rows]
        scores = reconstruction_scores(model.decode, part.vectors, scaled, unit_nm, owners, settings.seed)
        return scores + evolution_scores(model.decode, part.vectors, scaled, settings.n_pairs, settings.seed)
    except LocgraphError as error:
        return absent(_DECODING, str(error))


def rows_of_fovs(subject: Subject, most: int, seed: int) -> np.ndarray:
    """Return the rows (M,) of whole FOVs, drawn at random among those new to the encoder, up to a number of units."""
    fovs = subject.embeddings.keys[schema.FOV_ID].to_numpy().astype(str)
    names, sizes = np.unique(fovs[subject.new], return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    kept = order[np.cumsum(sizes[order]) <= most]
    return np.flatnonzero(np.isin(fovs, names[kept] if len(kept) else names[order[:1]]))
