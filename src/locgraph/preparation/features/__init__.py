"""Features of clusters: localisations and labels to columns with units."""
