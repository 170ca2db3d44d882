"""Clusterers: coordinates to labels."""
