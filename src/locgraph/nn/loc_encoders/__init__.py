"""Localisation encoders: the localisations of each cluster to one vector."""

from locgraph.nn.loc_encoders.harmonics import Harmonics
from locgraph.nn.loc_encoders.points import (
    DeepSets,
    EdgeConvolution,
    NoEncoder,
    PointTransformerEncoder,
    SetAbstraction,
)
from locgraph.nn.loc_encoders.vector_neurons import VectorNeurons
from locgraph.nn.loc_encoders.voxels import Voxels

__all__ = [
    "DeepSets",
    "EdgeConvolution",
    "Harmonics",
    "NoEncoder",
    "PointTransformerEncoder",
    "SetAbstraction",
    "VectorNeurons",
    "Voxels",
]
