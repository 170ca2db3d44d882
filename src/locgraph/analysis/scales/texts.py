"""Suggested scales in words, and as plain values for a record."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from locgraph.analysis.scales.plateaus import AGREEMENT, Plateau
from locgraph.analysis.scales.suggest import Suggestion


def describe_scales(suggestion: Suggestion) -> list[str]:
    """Return what was found, and on which evidence, one sentence each."""
    return [
        *_describe_regions(suggestion),
        *(_describe_plateau(plateau) for plateau in suggestion.levels),
        *_describe_unstable(suggestion),
        _describe_curves(suggestion),
        *_describe_correlation(suggestion),
        *_describe_objects(suggestion),
    ]


def record_scales(suggestion: Suggestion) -> dict[str, Any]:
    """Return suggested settings and all that was measured, as plain values."""
    scanned, correlation = suggestion.scanned, suggestion.correlation
    return {
        "clustering": suggestion.clustering_overrides(),
        "objects": suggestion.object_overrides(),
        "stable": bool(suggestion.levels),
        "sentences": describe_scales(suggestion),
        "scales": [asdict(plateau) for plateau in suggestion.levels],
        "steadiest": None if suggestion.steadiest is None else asdict(suggestion.steadiest),
        "one_object_from_nm": suggestion.one_object,
        "plateaus": [asdict(plateau) for plateau in suggestion.plateaus],
        "regions": [
            {"fov_id": region.fov_id, "localisations": len(region.points), "of": region.n_all, "window": region.window}
            for region in suggestion.regions
        ],
        "neighbours": [
            {"k": curve.k, "knee": curve.knee, "fractions": curve.fractions, "distances": curve.distances}
            for curve in suggestion.curves
        ],
        "scan": asdict(scanned),
        "correlation": asdict(correlation),
    }


def _describe_regions(suggestion: Suggestion) -> list[str]:
    total = sum(len(region.points) for region in suggestion.regions)
    parts = sum(len(region.points) < region.n_all for region in suggestion.regions)
    cut = f", of {parts} of them a part" if parts else ""
    return [f"measured in {len(suggestion.regions)} FOVs{cut}: {total:,} localisations"]


def _describe_plateau(plateau: Plateau) -> str:
    return (
        f"clusters {plateau.diameter:.3g} nm across, {plateau.clusters:.3g} in each FOV, {plateau.noise:.0%} noise: "
        f"unchanged for eps {plateau.low:.3g} to {plateau.high:.3g} nm, min_samples {plateau.min_samples} (adjusted "
        f"Rand index {plateau.agreement:.2f})"
    )


def _describe_unstable(suggestion: Suggestion) -> list[str]:
    if suggestion.levels:
        return []
    if suggestion.steadiest is None:
        return [
            "no clustering stands out: FOVs hold fewer than two clusters, over 30 % is noise, or nearly all is one "
            "cluster. The radius is the knee of the neighbour distances: consider clustering=kmeans"
        ]
    found = suggestion.steadiest
    return [
        f"no range of eps gives the same clusters (adjusted Rand index from {AGREEMENT:g}): the steadiest, with "
        f"min_samples {found.min_samples} and an index of {found.agreement:.2f}, are {found.clusters:.3g} clusters of "
        f"{found.diameter:.3g} nm in each FOV, {found.noise:.0%} noise. They depend on eps: consider clustering=kmeans"
    ]


def _describe_curves(suggestion: Suggestion) -> str:
    knees = ", ".join(f"{curve.knee:.3g} nm for {curve.k}" for curve in suggestion.curves)
    return f"knee of the distance to the k-th neighbour: {knees}"


def _describe_correlation(suggestion: Suggestion) -> list[str]:
    correlation = suggestion.correlation
    if correlation.peak is None:
        return ["Ripley's L(r) - r has no peak: no size of domains follows from it"]
    text = (
        f"Ripley's L(r) - r peaks at {correlation.peak:.3g} nm: the largest domains are {correlation.peak:.3g} to "
        f"{2 * correlation.peak:.3g} nm across"
    )
    if correlation.length is not None:
        text += f"; the pair correlation falls to 1 at {correlation.length:.3g} nm"
    return [text]


def _describe_objects(suggestion: Suggestion) -> list[str]:
    if suggestion.objects is None:
        if suggestion.one_object is None:
            return []
        return [
            f"from eps {suggestion.one_object:.3g} nm each FOV is one cluster: FOVs may be the objects (objects=fov)"
        ]
    if len(suggestion.levels) == 1:
        return [
            "one scale alone is stable: these clusters are the objects, if FOVs hold many of them (then take "
            "clustering=kmeans within objects), or the clusters of one object, if each FOV is one"
        ]
    fine, coarse = suggestion.levels[0], suggestion.objects
    return [f"objects are {coarse.diameter:.3g} nm across, and hold clusters of {fine.diameter:.3g} nm"]
