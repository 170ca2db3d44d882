"""Readers used by hand, as `locgraph.io.read` uses them."""

from locgraph.io.readers.base import OpenFile


def accepted_by(reader, path):
    """Return whether a reader accepts a file."""
    with OpenFile(path) as file:
        return reader.accepts(file)


def header_of(reader, path):
    """Return the header that a reader parses."""
    with OpenFile(path) as file:
        return reader(file).header


def table_of(reader, path, columns=None):
    """Return table and metadata that a reader reads."""
    with OpenFile(path) as file:
        return reader(file).read_table(columns)


def text_of(reader, path):
    """Return the table of a text file with every column as text."""
    with OpenFile(path) as file:
        return reader(file).read_text()
