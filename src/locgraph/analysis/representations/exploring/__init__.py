"""What varies among the units of a representation: walks along it, its extremes, and ways from class to class."""
