"""Training of one fold, or of a release: checks, parts, loggers, results."""
