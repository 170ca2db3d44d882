"""Cluster encoders: vectors of clusters, their positions and edges to vectors of clusters."""

from locgraph.nn.cluster_encoders.convolutions import GatV2, Gin, GraphTransformer
from locgraph.nn.cluster_encoders.filters import AngularFilter, ChiralFilter, ContinuousFilter
from locgraph.nn.cluster_encoders.heterogeneous import HeterogeneousTransformer
from locgraph.nn.cluster_encoders.points import (
    ClusterMlp,
    EdgeConv,
    NoClusterEncoder,
    PointNetClusters,
    PointTransformerClusters,
)

__all__ = [
    "AngularFilter",
    "ChiralFilter",
    "ClusterMlp",
    "ContinuousFilter",
    "EdgeConv",
    "GatV2",
    "Gin",
    "GraphTransformer",
    "HeterogeneousTransformer",
    "NoClusterEncoder",
    "PointNetClusters",
    "PointTransformerClusters",
]
