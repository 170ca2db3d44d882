"""The commands: each is a few lines over `locgraph.api`."""
