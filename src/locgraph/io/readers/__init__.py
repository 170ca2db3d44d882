"""Readers: each takes one kind of file apart, and says what it can of its columns."""
