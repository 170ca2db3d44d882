"""Featextracted tables to heterogeneous graphs, built once for all folds."""
