"""Kept until its users have moved."""

from locgraph.api.prepare import find_tables

__all__ = ["find_tables"]
