"""``locgraph model``: packed models listed, shown, checked, compared, added, removed, rewritten and exported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig
from rich.markdown import Markdown
from rich.table import Table

from locgraph.api.config import Settings, plain
from locgraph.api.packs.archive import file_sha256
from locgraph.api.packs.cache import StoredModel, list_models, locate, models_folder, remove
from locgraph.api.packs.packed import Pack, read_pack
from locgraph.api.packs.reference import Reference
from locgraph.api.packs.sources import add_models
from locgraph.cli.console import TextConsole, print_line
from locgraph.errors import ConfigError, LocgraphError

_USAGE: Final = "locgraph model list | info | check | diff | add | remove | update | export MODEL ..."


def run(cfg: DictConfig) -> Any:
    """Do what the action names, and print what was done.

    Returns:
        What the action returns: models, paths or differences.

    Raises:
        ConfigError: There is no such action, or it takes another number of arguments.
        LocgraphError: A model cannot be read, found, fetched or written.
    """
    settings = plain(cfg)
    action, arguments = str(settings["action"]), list(settings["arguments"])
    if action not in _ACTIONS:
        raise ConfigError(f"expected one of {', '.join(_ACTIONS)}, found {action!r}: {_USAGE}", setting="action")
    number, do = _ACTIONS[action]
    if len(arguments) != number:
        raise ConfigError(f"`model {action}` takes {number}, found {len(arguments)}: {arguments}", setting="arguments")
    if settings["sha256"] is not None and action != "add":
        raise ConfigError(f"has no effect on `model {action}`", setting="sha256")
    return do(arguments, settings, TextConsole())


def _list(_: Sequence[str], settings: Settings, console: TextConsole) -> list[StoredModel]:
    models = list_models()
    table = Table(title="packed models")
    for name in ("model", "classes", "accuracy", "best control", "networks", "MB", "from"):
        table.add_column(name, justify="right" if name in ("accuracy", "networks", "MB") else "left")
    for model in models:
        table.add_row(str(model.reference), *_cells(model), "shipped" if model.shipped else "cache")
    console.print(table)
    print_line(console, f"cache: {models_folder()}")
    return models


def _cells(model: StoredModel) -> tuple[str, ...]:
    """Return what a line of the list tells; one that cannot be read hides no other."""
    size = f"{model.path.stat().st_size / 1e6:.2f}"
    try:
        pack = read_pack(model.path)
        metrics = pack.metrics
    except LocgraphError as error:
        return f"cannot be read: {error}", "-", "-", "-", size
    best = metrics.get("best_control")
    control = "-" if not best else f"{best['source'].replace('_', ' ')} {best['mean']:.3f}"
    return ", ".join(pack.manifest["classes"]), _accuracy(pack), control, str(pack.manifest["networks"]), size


def _accuracy(pack: Pack) -> str:
    for row in pack.metrics.get("table", ()):
        if row["source"] == "model" and row["metric"] == "accuracy" and row["mean"] is not None:
            return f"{row['mean']:.3f}"
    return "-"


def _info(arguments: Sequence[str], settings: Settings, console: TextConsole) -> Pack:
    path = _located(arguments[0])
    pack = read_pack(path)
    console.print(Markdown(pack.card.partition("\n---\n")[2]))
    manifest = pack.manifest
    git = manifest.get("git") or {}
    print_line(console, f"file: {path} (format {manifest['format']}, SHA-256 {file_sha256(path)})")
    print_line(console, f"packed {manifest.get('created')}, code at {git.get('commit', 'an unknown commit')}")
    return pack


def _check(arguments: Sequence[str], settings: Settings, console: TextConsole) -> Any:
    from locgraph.api.packs.check import check_pack  # torch
    from locgraph.api.packs.example import TOLERANCE

    path = _located(arguments[0])
    checked = check_pack(path, settings["trusted_packages"])
    print_line(
        console,
        f"{checked.pack.reference}: all hashes fit, and its example is predicted as expected: probabilities differ by "
        f"{checked.difference:.1e}, at most {TOLERANCE:g} is allowed ({path})",
    )
    return checked


def _diff(arguments: Sequence[str], settings: Settings, console: TextConsole) -> Any:
    from locgraph.api.packs.check import diff_packs  # torch

    first, second = (read_pack(_located(argument)) for argument in arguments)
    differences = diff_packs(first, second)
    table = Table(title=f"{differences.height} differences")
    for name in ("part", "what", str(first.reference), str(second.reference)):
        table.add_column(name, overflow="fold")
    for row in differences.rows():
        table.add_row(*row)
    console.print(table)
    return differences


def _add(arguments: Sequence[str], settings: Settings, console: TextConsole) -> list[StoredModel]:
    models = add_models(arguments[0], settings["sha256"])
    for model in models:
        print_line(console, f"added {model.reference}: {model.path}")
    return models


def _remove(arguments: Sequence[str], settings: Settings, console: TextConsole) -> Path:
    path = remove(Reference.parse_exact(arguments[0], "arguments"))
    print_line(console, f"removed {path}")
    return path


def _update(arguments: Sequence[str], settings: Settings, console: TextConsole) -> bool:
    from locgraph.api.packs.check import update_pack  # torch

    path = _located(arguments[0])
    if any(model.shipped and model.path == path for model in list_models()):
        raise ConfigError(f"{arguments[0]} ships with locgraph, and is updated with it", setting="arguments")
    updated = update_pack(path, settings["trusted_packages"])
    rewritten = "rewritten in the present format; its example is predicted as before"
    print_line(console, f"{rewritten if updated else 'in the present format already'}: {path}")
    return updated


def _export(arguments: Sequence[str], settings: Settings, console: TextConsole) -> Path:
    from locgraph.api.models.load import load  # torch

    model = load(arguments[0], settings["trusted_packages"])
    if len(model.members) > 1:
        raise ConfigError(
            f"{arguments[0]} holds {len(model.members)} networks; export one, such as RUN/checkpoints/best.ckpt",
            setting="arguments",
        )
    path = model.members[0].export(arguments[1])
    print_line(console, f"written, and equal to the network on graphs of other sizes: {path}")
    return path


def _located(text: str) -> Path:
    """Return the path of a packed model, given as such or by its name."""
    path = locate(text, "arguments")
    if not path.is_file():
        there = "a folder" if path.is_dir() else "neither"
        raise ConfigError(
            f"{text}: expected a packed model: a file, or NAME:VERSION; found {there}", setting="arguments"
        )
    return path


_ACTIONS: Final[dict[str, tuple[int, Callable[[Sequence[str], Settings, TextConsole], Any]]]] = {
    "list": (0, _list),
    "info": (1, _info),
    "check": (1, _check),
    "diff": (2, _diff),
    "add": (1, _add),
    "remove": (1, _remove),
    "update": (1, _update),
    "export": (2, _export),
}
"""Action: number of arguments, and what does it."""
