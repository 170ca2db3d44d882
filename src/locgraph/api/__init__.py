"""The public API: what ``import locgraph`` offers, and what every command is made of."""
