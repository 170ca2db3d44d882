"""Kept until its users have moved."""

from locgraph.run_folder import COMPLETED, FAILED, FOLDS, METRICS, RUN

__all__ = ["COMPLETED", "FAILED", "FOLDS", "METRICS", "RUN"]
