"""Scales of localisations, from the data alone: settings of clustering and of objects, with the evidence for them."""
