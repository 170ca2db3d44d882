"""What the control on several channels sees: pair distances within each channel and between channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from scipy.spatial.distance import cdist

from locgraph.graphs.descriptors import draw_sample, pair_histogram, principal_deviations

MOST_CHANNELS: Final = 4
"""Of more channels those with the most localisations in training are seen."""

_N_BINS: Final = 30


def choose_channels(channels: Mapping[str, np.ndarray], train: Sequence[str]) -> list[int]:
    """Return the channels that are seen: those with the most localisations of the training FOVs, in ascending order.

    Args:
        channels: ``fov_id`` -> (N,) channel of each localisation.
        train: Training FOVs.
    """
    values, counts = np.unique(np.concatenate([channels[fov] for fov in train]), return_counts=True)
    order = np.lexsort((values, -counts))[:MOST_CHANNELS]
    return sorted(int(value) for value in values[order])


def channel_descriptor(
    positions: np.ndarray, channels: np.ndarray, chosen: Sequence[int], max_distance_nm: float
) -> np.ndarray:
    """Return pair distances, extent and number of localisations of each channel, and distances between channels.

    None of them changes when the FOV is shifted, rotated or reflected.

    Args:
        positions: (N, D) float64 in nm.
        channels: (N,) channel of each.
        chosen: From `choose_channels`.
        max_distance_nm: Upper end of the histograms in nm; the last bin also holds all that is farther.

    Returns:
        (C * (30 + D + 1) + C * (C - 1) / 2 * 30,) float64 for C channels; 0 where a channel has no localisation.
    """
    clouds = [positions[channels == channel] for channel in chosen]
    within = [_of_channel(cloud, max_distance_nm) for cloud in clouds]
    between = [_between(one, other, max_distance_nm) for one, other in combinations(clouds, 2)]
    return np.concatenate([*within, *between])


def _of_channel(cloud: np.ndarray, max_distance_nm: float) -> np.ndarray:
    if not len(cloud):
        return np.zeros(_N_BINS + cloud.shape[1] + 1)
    centred = cloud - cloud.mean(axis=0)
    histogram = pair_histogram(draw_sample(centred), _N_BINS, max_distance_nm)
    return np.concatenate([histogram, principal_deviations(centred), [float(len(cloud))]])


def _between(one: np.ndarray, other: np.ndarray, max_distance_nm: float) -> np.ndarray:
    """Return the histogram (30,) of the distances between localisations of two channels, of sum 1, or 0 without any."""
    if not len(one) or not len(other):
        return np.zeros(_N_BINS)
    # the last bin also holds all that is farther
    distances = np.minimum(cdist(draw_sample(one), draw_sample(other)), max_distance_nm)
    counts, _ = np.histogram(distances, bins=_N_BINS, range=(0.0, max_distance_nm))
    return counts / counts.sum()
