"""``python -m locgraph.commands``: the same as the console command ``locgraph``."""

import sys

from locgraph.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
