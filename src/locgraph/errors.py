"""What can go wrong for a user, each with a name.

Every message says what was expected, what was found, in which file or field of view (FOV), and which setting to change.
"""


class LocgraphError(Exception):
    """Base of every error that a user can cause and mend."""


class ConfigError(LocgraphError):
    """A setting has a value that cannot work."""


class DataError(LocgraphError):
    """A file, table or field of view does not hold what it should."""


class TooManyFailuresError(DataError):
    """More fields of view failed than ``data.max_failed_fraction`` allows."""


class FoldError(LocgraphError):
    """A split of the fields of view cannot be made, or does not fit the manifest."""


class CheckpointError(LocgraphError):
    """A checkpoint cannot be read, or does not fit what is asked of it."""


class MissingPackageError(LocgraphError):
    """An optional package is needed; the message names the extra to install."""
