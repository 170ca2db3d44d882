"""Checks of a study that need its networks: perturbed, matched and permuted data."""
