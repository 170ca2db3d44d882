"""Controls and statistics on tables."""
