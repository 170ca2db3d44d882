"""Level of detail: the localisations of a field of view in nodes, of which a view needs few."""
