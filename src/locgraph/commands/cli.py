"""The console command ``locgraph COMMAND [overrides]``; light, so that help comes at once."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "simulate": "write simulated DNA-PAINT origami as raw files",
    "prepare": "cluster, measure and build graphs: all that training needs, done once",
    "train": "train and test one fold; -m or sweep=kfold for several",
    "eval": "test a checkpoint again, or classify new raw files with it",
    "summarise": "put the folds of a sweep into one table",
}

_HELP = """locgraph classifies localisation microscopy FOVs with graph neural networks.

usage: locgraph COMMAND [GROUP=NAME] [GROUP.KEY=VALUE] [--help]

{commands}

locgraph COMMAND --help shows all that can be changed.
Start here: locgraph train experiment=demo
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: What follows ``locgraph``; None takes the process's own.

    Returns:
        Exit status: 0 done, 2 called wrongly; errors of a command exit on their own.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    text = _HELP.format(commands="\n".join(f"  {name:10} {what}" for name, what in COMMANDS.items()))
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(text)
        return 0
    if arguments[0] == "--version":
        from locgraph import __version__

        sys.stdout.write(f"locgraph {__version__}\n")
        return 0
    if arguments[0] not in COMMANDS:
        sys.stderr.write(f"locgraph: no command {arguments[0]!r}, expected one of {', '.join(COMMANDS)}\n\n{text}")
        return 2
    import_module("locgraph.commands.app").launch(arguments[0], arguments[1:])
    return 0
