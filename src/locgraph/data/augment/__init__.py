"""Augmentation of training graphs: transforms of raw graphs (nm), each drawing from a given generator.

Every transform works on a shallow copy and treats a cluster and its localisations alike.
"""

from locgraph.data.augment.base import Transform
from locgraph.data.augment.left_out import DrawClusters, DrawLocalisations, MissingSites, Thinning
from locgraph.data.augment.moves import Jitter, Reflection, Rotation, Scale, Shear

__all__ = [
    "DrawClusters",
    "DrawLocalisations",
    "Jitter",
    "MissingSites",
    "Reflection",
    "Rotation",
    "Scale",
    "Shear",
    "Thinning",
    "Transform",
]
