"""Packed models: one file that others can predict with; made, read, checked, kept by name and version, and fetched."""
