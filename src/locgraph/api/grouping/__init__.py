"""Groups of structures from tables, runs, embeddings or raw files."""
