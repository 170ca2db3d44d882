"""Kept until its users have moved."""

from locgraph.api.train import timed

__all__ = ["timed"]
