"""Readers, one for each kind of file: its columns, their layout where the format states it, and the rows."""
