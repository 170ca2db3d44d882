"""Regions of fields of view (FOVs) that people drew: from tables, ImageJ and GeoJSON."""
