"""locgraph: classify localisation microscopy with heterogeneous graph neural networks, and see why."""

__version__ = "0.1.0"
