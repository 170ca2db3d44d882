"""Groups of structures, found without labels."""
