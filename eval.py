"""Test a checkpoint again, or classify new raw files: ``python eval.py ckpt_path=RUN/checkpoints/best.ckpt``."""

import sys

from locgraph.cli.app import launch

if __name__ == "__main__":
    launch("eval", sys.argv[1:])
