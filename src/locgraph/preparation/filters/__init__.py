"""Filters: localisations of a field of view (FOV) that are removed, or merged, before clustering."""
