"""A trained model as one file: networks, recipe, scores with controls, card and an example; checked as it is made."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.api.models.ensemble import Ensemble
from locgraph.api.models.load import load, load_pack
from locgraph.api.models.model import Model
from locgraph.api.models.needs import Needs
from locgraph.api.packs.archive import (
    PACK_CARD,
    PACK_CITATION,
    PACK_EXAMPLE,
    PACK_EXPECTED,
    PACK_LICENSE,
    PACK_METRICS,
    PACK_RANGES,
    PACK_RECORD,
    PACK_WEIGHTS,
    write_archive,
)
from locgraph.api.packs.card import CardSettings, card_text, citation_text, license_text
from locgraph.api.packs.example import TOLERANCE, choose_example, difference, predict_example, read_example
from locgraph.api.packs.packed import read_pack
from locgraph.api.packs.record import pack_networks, private_texts, without_places
from locgraph.api.packs.reference import Reference
from locgraph.api.packs.scores import check_same_settings, collect_scores
from locgraph.api.recipes import RAW
from locgraph.errors import CheckpointError, ConfigError, DataError
from locgraph.learn.checkpoint import TRUST
from locgraph.provenance import versions, whole_file
from locgraph.run_folder import CHECKPOINTS, PACK_SUFFIX, RunFolder, find_runs
from locgraph.storage import now

log = logging.getLogger(__name__)

_SHORTEST_PRIVATE: Final = 4
"""Paths shorter than this, such as ``/``, stand in many texts by chance."""


def pack(
    source: str | Path,
    target: str,
    *,
    output: str | Path | None = None,
    scores: str | Path | None = None,
    example: str | Path | None = None,
    card: CardSettings | Mapping[str, Any] | None = None,
    trusted: Sequence[str] = ("locgraph",),
) -> Path:
    """Pack a trained model into one file that others can predict with.

    The file holds no code, no pickle, no path of this machine and no name of a FOV, but the localisations of one FOV.

    Args:
        source: The folder of a run or its checkpoint, which give one network; or the folder of a sweep, which gives
            all of them as an ensemble.
        target: ``NAME:VERSION``.
        output: The file; None writes ``NAME-VERSION.lgm`` into the current folder.
        scores: A sweep with the settings of the model, whose cross-validated scores the card states; None takes those
            of ``source``.
        example: Raw file of the FOV that is packed with its prediction, read as those of the training; None takes the
            smallest one among the test FOVs that the model classifies rightly.
        card: What only you know; see `CardSettings`.
        trusted: Packages whose classes the checkpoint may name.

    Returns:
        The file.

    Raises:
        LocgraphError: The model is not trained to its end, has no scores with controls or no raw data to take an
            example from, or the packed model predicts otherwise.
    """
    reference = Reference.parse_exact(target, "target")
    path = Path(output) if output is not None else Path(f"{reference.name}-{reference.version}{PACK_SUFFIX}")
    if path.suffix != PACK_SUFFIX or path.exists():
        raise ConfigError(f"expected a new file that ends in {PACK_SUFFIX}, found {path}", setting="output")
    settings = card if isinstance(card, CardSettings) else CardSettings(**(card or {}))
    source = Path(source)
    model = load(source, trusted)
    _check_model(model, source)
    numbers = _scores(model, source, scores, trusted)
    localisations, label = _example(model, source, example)
    expected = predict_example(model, localisations)
    members = _members(model, reference, settings, numbers, localisations, expected, label)
    _check_private(members, model, source)
    with whole_file(path) as temporary:
        write_archive(temporary, _about(model, reference, source), members)
        _check_written(temporary, expected, trusted)
    log.info("the example in the pack is %s; its localisations become public with the pack", label)
    return path


def _check_model(model: Model | Ensemble, source: Path) -> None:
    for member in model.members:
        if member.checkpoint.pack is not None:
            raise ConfigError(f"{source} is packed already; copy the file", setting="source")
        if member.record["settings"]["data"]["kind"] != RAW:
            raise DataError(
                f"{source} was trained on featextracted tables, so it does not know how raw data were clustered: "
                "packed, it could predict nothing; train with data=raw",
                setting="source",
            )
    failed = model.failed if isinstance(model, Ensemble) else {}
    if failed:
        raise DataError(f"{source}: expected completed runs alone, found {failed}; finish the sweep", setting="source")


def _run_folders(source: Path) -> list[RunFolder]:
    """Return the runs that a model is from; none of a checkpoint that lies alone."""
    if source.is_dir():
        return find_runs(source)
    run = RunFolder(source.resolve().parents[1])
    return [run] if source.resolve().parent.name == CHECKPOINTS and run.is_completed() else []


def _scores(model: Model | Ensemble, source: Path, given: str | Path | None, trusted: Sequence[str]) -> dict[str, Any]:
    if given is not None:
        folder = Path(given)
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder; expected that of a sweep", setting="scores")
        others = [member.checkpoint for member in load(folder, trusted).members]
        check_same_settings([member.checkpoint for member in model.members], others, folder)
        return collect_scores(folder, "scores")
    runs = _run_folders(source)
    if not runs:
        raise ConfigError(
            f"{source} lies in no run folder, whose scores the card would state; give the folder of the run, or a "
            "sweep with the same settings: scores=SWEEP",
            setting="source",
        )
    return collect_scores(source if source.is_dir() else runs[0].path, "source")


def _example(model: Model | Ensemble, source: Path, given: str | Path | None) -> tuple[pl.DataFrame, str]:
    """Return the localisations of the example, and its class in words."""
    first = model.members[0]
    if given is not None:
        if not Path(given).is_file():
            raise ConfigError(f"{given}: no such file; expected the raw file of one FOV", setting="example")
        return read_example(first, Path(given)), "a given file"
    chosen, name = choose_example(first, _run_folders(source))
    label = f"class {chosen.label}" if chosen.label else "no stated class"
    return read_example(first, chosen.path, None if name is None else (chosen.fov_id, name)), label


def _members(
    model: Model | Ensemble,
    reference: Reference,
    settings: CardSettings,
    numbers: Mapping[str, Any],
    localisations: pl.DataFrame,
    expected: pl.DataFrame,
    label: str,
) -> dict[str, bytes]:
    first = model.members[0]
    public = [replace(member.checkpoint, record=without_places(member.record)) for member in model.members]
    record, weights = pack_networks(public)
    trust = first.record.get(TRUST)
    ranges = {} if trust is None else trust["unlike"]["ranges"]
    several = f"{len(model.members)} networks that predict together, each"
    about = {
        "networks": "One network" if len(model.members) == 1 else several,
        "parameters": sum(value.numel() for value in first.checkpoint.weights.values()),
        "classes": list(first.class_names or first.task.localisation_classes),
        "trained_on": len({fov for member in model.members for fov in member.record["split"]["train"]}),
        "ranges": ranges,
    }
    card = card_text(reference, settings, numbers, Needs.of(first.record), about | {"example_class": label})
    return {
        PACK_RECORD: record,
        PACK_WEIGHTS: weights,
        PACK_METRICS: _json(numbers),
        PACK_RANGES: _json(ranges),
        PACK_CARD: card.encode(),
        PACK_LICENSE: license_text(settings).encode(),
        PACK_CITATION: citation_text(settings, reference).encode(),
        PACK_EXAMPLE: _parquet(localisations),
        PACK_EXPECTED: _parquet(expected),
    }


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def _about(model: Model | Ensemble, reference: Reference, source: Path) -> dict[str, Any]:
    """Return what the manifest states beside hashes."""
    first = model.members[0]
    runs = _run_folders(source)
    git = runs[0].record().get("git") if runs else None
    return {
        "name": reference.name,
        "version": reference.version,
        "created": now(),
        "classes": list(first.class_names or first.task.localisation_classes),
        "dimensions": int(first.record["sizes"]["dimensions"]),
        "networks": len(model.members),
        "git": git,
        "versions": versions(),
        "trained_with": first.record["versions"],
    }


def _check_private(members: Mapping[str, bytes], model: Model | Ensemble, source: Path) -> None:
    """Refuse a pack that would repeat a path of this machine."""
    private = [text for member in model.members for text in private_texts(member.record)]
    private += [str(Path.home()), str(source.resolve())]
    for name, content in members.items():
        repeated = [text for text in private if len(text) >= _SHORTEST_PRIVATE and text.encode() in content]
        if repeated:
            raise CheckpointError(
                f"{name} of the pack would hold {repeated[0]}, a path of this machine; take it out of the description, "
                "the settings or the names of the data"
            )


def _check_written(path: Path, expected: pl.DataFrame, trusted: Sequence[str]) -> None:
    """Refuse a file from which the model predicts the example otherwise than before it was packed."""
    packed = read_pack(path)
    found = difference(expected, predict_example(load_pack(packed, trusted), packed.example))
    if not found <= TOLERANCE:
        raise CheckpointError(
            f"the packed model predicts the example with probabilities that differ by {found:.2g} from those of the "
            f"model, more than {TOLERANCE:g}; nothing was written"
        )
