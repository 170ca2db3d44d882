"""Writers: localisations with predicted classes, in formats that other software reads."""
