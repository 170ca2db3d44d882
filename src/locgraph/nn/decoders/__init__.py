"""Decoders: latents to point clouds or images of each unit."""

from locgraph.nn.decoders.base import Decoder
from locgraph.nn.decoders.points import FoldingDecoder, MlpDecoder
from locgraph.nn.decoders.voxels import VoxelDecoder

__all__ = ["Decoder", "FoldingDecoder", "MlpDecoder", "VoxelDecoder"]
