"""Doors: vendor files become localisations in nanometres, with labels and groups."""
