"""Packed models predicted again, compared, and rewritten in the present format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl
import torch

from locgraph.api.models.load import load_pack
from locgraph.api.packs import archive
from locgraph.api.packs.archive import PACK_RECORD, PACK_WEIGHTS
from locgraph.api.packs.example import TOLERANCE, difference, predict_example
from locgraph.api.packs.packed import Pack, read_pack
from locgraph.api.packs.record import pack_networks
from locgraph.errors import CheckpointError
from locgraph.learn.checkpoint import FORMAT as RECORD_FORMAT
from locgraph.learn.checkpoint import INIT_FROM, TRUST, Checkpoint
from locgraph.provenance import versions, whole_file
from locgraph.run_folder import THREADS

_TRUSTED: Final = ("locgraph",)
_COMPUTED: Final = ("format", "locgraph", "members")
"""Of the manifest, what is written anew."""


@dataclass(frozen=True)
class Checked:
    """A packed model whose example was predicted again.

    Attributes:
        pack: The model.
        difference: Largest difference from a probability that is expected.
        expected: ``p_<class>`` of the example, as the file states them.
    """

    pack: Pack
    difference: float
    expected: pl.DataFrame


def check_pack(path: Path, trusted: Sequence[str] = _TRUSTED) -> Checked:
    """Read a packed model, whose hashes must fit, and predict its example again.

    Args:
        path: The file.
        trusted: Packages whose classes it may name.

    Raises:
        CheckpointError: The file cannot be read, or probabilities differ by more than `TOLERANCE`.
    """
    pack = read_pack(path)
    expected = pack.expected
    found = difference(expected, predict_example(load_pack(pack, trusted), pack.example))
    if not found <= TOLERANCE:
        raise CheckpointError(
            f"{path}: {pack.reference} predicts its example with probabilities that differ by {found:.2g} from those "
            f"expected, more than {TOLERANCE:g}: do not use it with this version of locgraph and its packages; it was "
            f"packed with {_versions(pack)}"
        )
    return Checked(pack, found, expected)


def _versions(pack: Pack) -> str:
    made_with = pack.manifest.get("versions", {})
    named = [name for name in ("locgraph", "torch", "torch-geometric") if name in made_with]
    return ", ".join(f"{name} {made_with[name]}" for name in named)


def update_pack(path: Path, trusted: Sequence[str] = _TRUSTED) -> bool:
    """Rewrite a packed model in the present format, if it is of an earlier one and predicts the same afterwards.

    Args:
        path: The file.
        trusted: Packages whose classes it may name.

    Returns:
        Whether it was rewritten; False where it is in the present format.

    Raises:
        CheckpointError: It cannot be read, or predictions would change; the file stays as it is.
    """
    pack = read_pack(path)
    networks = pack.checkpoints()
    formats = {network.record["format"] for network in networks}
    if pack.manifest["format"] == archive.FORMAT and formats == {RECORD_FORMAT}:
        return False
    check_pack(path, trusted)
    record, weights = pack_networks([_present(network) for network in networks])
    about = {name: value for name, value in pack.manifest.items() if name not in _COMPUTED} | {"versions": versions()}
    members = pack.archive.members | {PACK_RECORD: record, PACK_WEIGHTS: weights}
    with whole_file(path) as temporary:
        archive.write_archive(temporary, about, members)
        check_pack(temporary, trusted)
    return True


def _present(network: Checkpoint) -> Checkpoint:
    """Return a network with a record of the present format; `upgrade_record` has filled in what earlier ones lack."""
    absent = {TRUST: None, INIT_FROM: None, THREADS: 1}
    return replace(network, record={**absent, **network.record, "format": RECORD_FORMAT})


def diff_packs(first: Pack, second: Pack) -> pl.DataFrame:
    """Compare two packed models.

    Returns:
        One row for each difference: ``part`` (about, settings, scores, weights), ``what``, ``first`` and ``second`` as
        texts; no row where models are alike.
    """
    one, other = first.checkpoints(), second.checkpoints()
    pairs = {
        "about": (_about(first), _about(second)),
        "settings": tuple(_flat(networks[0].record["settings"]) for networks in (one, other)),
        "scores": (_scores(first), _scores(second)),
        "weights": _weights(one, other),
    }
    rows = [
        (part, name, _short(mine.get(name)), _short(its.get(name)))
        for part, (mine, its) in pairs.items()
        for name in dict.fromkeys((*mine, *its))
        if mine.get(name) != its.get(name)
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("part", "what", "first", "second"), pl.String), orient="row")


def _about(pack: Pack) -> dict[str, Any]:
    return {name: pack.manifest.get(name) for name in ("name", "version", "classes", "dimensions", "networks", "git")}


def _flat(node: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(node, Mapping) or not node:
        return {path: node}
    flat: dict[str, Any] = {}
    for key, child in node.items():
        flat |= _flat(child, f"{path}.{key}".lstrip("."))
    return flat


def _scores(pack: Pack) -> dict[str, Any]:
    metrics = pack.metrics
    rows = {f"{row['metric']} of {row['source']}": _rounded(row["mean"]) for row in metrics.get("table", ())}
    return {"kind": metrics.get("kind"), **rows}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _weights(one: Sequence[Checkpoint], other: Sequence[Checkpoint]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return shapes of the weights of both first networks; where all agree, how far values are apart."""
    mine, its = ({name: tuple(value.shape) for name, value in each[0].weights.items()} for each in (one, other))
    if mine != its or len(one) != len(other):
        return {"networks": len(one), **mine}, {"networks": len(other), **its}
    apart = max(
        (
            float((network.weights[name].double() - twin.weights[name].double()).abs().max())
            for network, twin in zip(one, other, strict=True)
            for name in mine
            if network.weights[name].numel()
        ),
        default=0.0,
    )
    equal = all(
        torch.equal(network.weights[name], twin.weights[name])
        for network, twin in zip(one, other, strict=True)
        for name in mine
    )
    return ({}, {}) if equal else ({"values": "-"}, {"values": f"differ by up to {apart:.3g}"})


def _short(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
