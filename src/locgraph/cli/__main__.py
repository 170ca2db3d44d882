"""``python -m locgraph.cli``: the same as the console command ``locgraph``."""

import sys

from locgraph.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
