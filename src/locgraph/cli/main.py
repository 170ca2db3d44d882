"""The console command ``locgraph COMMAND [overrides]``; light, so that help comes at once."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

from locgraph.cli.arguments import FLAGS_WITH_VALUE, OVERRIDE

COMMANDS = {
    "inspect": "FILE: say what a file holds and what seems wrong, and draw it",
    "view": "SOURCE ...: look at files, runs and sweeps in the browser, also while a run is being trained",
    "annotate": "SOURCE annotator=NAME classes=[a,b,c]: label FOVs, clusters and localisations in the browser",
    "import": "SRC DST: convert a file or folder of any software to parquet, in nm and frames",
    "suggest": "FOLDER: suggest eps and min_samples for clustering, and the size of objects, with the evidence",
    "simulate": "write simulated fields of view as raw files: DNA-PAINT origami, rings, or planted motifs",
    "prepare": "cluster, measure and build graphs: all that training needs, done once",
    "train": "train and test one fold; -m or sweep=kfold for several",
    "submit": "train ARGUMENTS: train on a cluster or in the background, with the code as it is now",
    "eval": "test a checkpoint again, or classify new raw files with it",
    "count": "FILES model=MODEL: find objects in files, and count them by predicted class, with pictures",
    "embed": "CKPT [FOLDER]: a vector of each FOV or cluster, from a network or a baseline, with reconstructions",
    "explore": "FOLDER: what varies among vectors: map with pictures, walks, archetypes, pseudo-time",
    "explain": "CKPT: say why FOVs were classified so: scores of clusters, edges and features, with figures",
    "status": "FOLDER: say which jobs of a sweep are done, running, failed or lost, and why",
    "summarise": "put the folds of a sweep into one table",
    "analyse": "FOLDER: compare classes, features and simple classifiers in the tables of a run, sweep or data set",
    "trust": "FOLDER: check calibration, chance, confounders and labels of a run or sweep; trains nothing",
    "compare": "FOLDER ...: compare runs or sweeps on the same folds, or one with its own controls",
    "stress": "CKPT_OR_SWEEP: test models on perturbed FOVs: thinned, noisier, drifted, rescaled, clustered otherwise",
    "benchmark": "RUN ...: compare representations of the same units, and what else their vectors hold",
    "group": "FOLDER: find groups of objects, FOVs or clusters without labels: pictures, differences, composition",
    "average": "FOLDER: lay the objects of each class upon each other: picture, symmetry and resolution",
    "agreement": "ANNOTATIONS [RAW_DIR]: how annotators agree on FOVs, clusters, points and regions, with pictures",
    "annotations": "import | export SOURCE TARGET: annotations from and for Label Studio; from ImageJ and GeoJSON",
    "check-labels": "SWEEP: name FOVs whose class may be wrong, and new FOVs to label next",
    "report": "FOLDER: write a run or sweep as one HTML page",
    "pack": "RUN_OR_SWEEP NAME:VERSION: write a trained model as one file that others can predict with",
    "model": "list | info | check | diff | add | remove | update MODEL ...: packed models on this machine",
}

POSITIONAL = {
    "count": ("*files",),
    "import": ("source", "target"),
    "inspect": ("source",),
    "view": ("*sources",),
    "annotate": ("source",),
    "suggest": ("folder",),
    "submit": ("train:arguments",),
    "embed": ("ckpt_path", "folder"),
    "explore": ("folder",),
    "explain": ("ckpt_path",),
    "stress": ("ckpt_path",),
    "analyse": ("folder",),
    "compare": ("*folders",),
    "benchmark": ("*folders",),
    "average": ("folder",),
    "agreement": ("path", "raw_dir"),
    "annotations": ("action", "*arguments"),
    "group": ("folder",),
    "trust": ("folder",),
    "check-labels": ("folder",),
    "report": ("folder",),
    "pack": ("source", "target"),
    "model": ("action", "*arguments"),
    "status": ("folder",),
}
"""Settings that may be given by their place alone.

One with a star takes all that are left, as a list; one after a word and a colon takes all that follows the word.
"""

_HELP = """locgraph classifies localisation microscopy FOVs with graph neural networks.

usage: locgraph COMMAND [GROUP=NAME] [GROUP.KEY=VALUE] [--help]

{commands}

locgraph COMMAND --help shows all that can be changed.
Start here: locgraph train experiment=demo
"""

MISSING = "???"
"""What OmegaConf takes for a value that is not there yet, whatever stands around it."""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: What follows ``locgraph``; None takes the process's own.

    Returns:
        Exit status: 0 done, 2 called wrongly; errors of a command exit on their own.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    text = _HELP.format(commands="\n".join(f"  {name:12} {what}" for name, what in COMMANDS.items()))
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(text)
        return 0
    if arguments[0] == "--version":
        from locgraph import __version__

        sys.stdout.write(f"locgraph {__version__}\n")
        return 0
    command, *rest = arguments
    if command not in COMMANDS:
        sys.stderr.write(f"locgraph: no command {command!r}, expected one of {', '.join(COMMANDS)}\n\n{text}")
        return 2
    overrides, unexpected = as_overrides(rest, POSITIONAL.get(command, ()))
    if command in POSITIONAL and unexpected:
        sys.stderr.write(
            f"locgraph {command}: found {', '.join(map(repr, unexpected))} too many, expected "
            f"{COMMANDS[command].partition(':')[0]}; put a path that holds spaces into quotes\n"
        )
        return 2
    import_module("locgraph.cli.app").launch(command, overrides if command in POSITIONAL else rest)
    return 0


def as_overrides(arguments: list[str], settings: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Turns arguments that stand for themselves into overrides.

    An argument is one where it is no flag or value of a flag, and no override such as ``columns=nm`` unless there is
    such a file.

    Args:
        arguments: What follows the command.
        settings: What the first, second, ... such argument sets.

    Returns:
        The arguments with overrides for these, and those that no setting is left for.
    """
    word, colon, setting = settings[0].partition(":") if settings else ("", "", "")
    if colon:
        place = arguments.index(word) if word in arguments else len(arguments)
        values = ",".join(map(quoted, arguments[place + 1 :]))
        overrides = [*arguments[:place], *([f"{setting}=[{values}]"] if word in arguments else [])]
        return overrides, [text for text in arguments[:place] if not _is_option(text)]
    left, overrides, unexpected = list(settings), [], []
    several: list[str] = []
    flag = ""
    for argument in arguments:
        if argument.startswith(("-", "+", "~")) or flag in FLAGS_WITH_VALUE or not _is_path(argument):
            overrides.append(argument)
        elif left:
            path = quoted(f"./{argument}" if argument == MISSING else argument)
            if left[0].startswith("*"):
                several.append(path)
            else:
                overrides.append(f"{left.pop(0)}={path}")
        else:
            unexpected.append(argument)
        flag = argument
    if several:
        overrides.append(f"{left[0].removeprefix('*')}=[{','.join(several)}]")
    return overrides, unexpected


def _is_option(argument: str) -> bool:
    return argument.startswith("-") or OVERRIDE.match(argument) is not None


def _is_path(argument: str) -> bool:
    is_address = re.match(r"https?://", argument, re.IGNORECASE) is not None
    return is_address or OVERRIDE.match(argument) is None or Path(argument).exists()


def quoted(text: str) -> str:
    """A text in Hydra's grammar, whatever it holds: spaces, commas, brackets, quotes, dollars."""
    # OmegaConf: a dollar and a brace start an interpolation unless a backslash stands before them
    text = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)
    # Hydra: a quote ends the text unless a backslash stands before it; backslashes count where a quote follows
    text = re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return f"'{text}'"
