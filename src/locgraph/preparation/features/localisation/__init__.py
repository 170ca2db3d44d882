"""Features of localisations: one number for each, added to the table of localisations."""
