"""Localisation encoders: localisation levels to one vector for each cluster."""
