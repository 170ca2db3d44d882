"""Cluster encoders: cluster vectors, positions and edges to cluster vectors."""
