"""Objects of a class laid upon each other."""
