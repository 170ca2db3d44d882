"""Finished runs and sweeps, read back."""
