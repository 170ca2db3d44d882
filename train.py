"""Train and test a network: ``python train.py experiment=demo`` (all options: ``python train.py --help``)."""

import sys

from locgraph.cli.app import launch

if __name__ == "__main__":
    launch("train", sys.argv[1:])
