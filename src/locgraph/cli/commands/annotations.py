"""``locgraph annotations``: annotations from other programs, and for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from locgraph.api.annotations.exports import Exported, export_annotations
from locgraph.api.annotations.imports import Imported, import_annotations
from locgraph.api.config import Settings, plain
from locgraph.cli.console import TextConsole, print_line
from locgraph.errors import ConfigError
from locgraph.run_folder import LABEL_STUDIO_TASKS

_USAGE: Final = "locgraph annotations import SOURCE TABLE, locgraph annotations export TABLE FOLDER raw_dir=RAW"


def run(cfg: DictConfig) -> Imported | Exported:
    """Do what the action names, and print what was done.

    Raises:
        ConfigError: There is no such action, or it takes another number of arguments.
        LocgraphError: Something cannot be read or written.
    """
    settings = plain(cfg)
    action, arguments = str(settings["action"]), [str(each) for each in settings["arguments"]]
    if action not in _ACTIONS:
        raise ConfigError(f"expected one of {', '.join(_ACTIONS)}, found {action!r}: {_USAGE}", setting="action")
    if len(arguments) != 2:
        raise ConfigError(
            f"`annotations {action}` takes 2, found {len(arguments)}: {arguments}. {_USAGE}", setting="arguments"
        )
    _check_group(action, HydraConfig.get().overrides.task)
    return _ACTIONS[action](arguments[0], arguments[1], settings, TextConsole())


def _check_group(action: str, overrides: Sequence[str]) -> None:
    """Refuse settings that are of the other action.

    Raises:
        ConfigError: There is one.
    """
    others = [group for name, group in _GROUPS.items() if name != action]
    for override in overrides:
        setting = override.lstrip("+~").partition("=")[0]
        if setting.partition(".")[0] in others:
            raise ConfigError(f"has no effect on {action}; leave it out", setting=setting)


def _import(source: str, table: str, settings: Settings, console: TextConsole) -> Imported:
    result = import_annotations(source, table, settings)
    merged = result.merged
    print_line(
        console,
        f"{merged.added} statements added, {merged.changed} changed, {merged.unchanged} there already: {result.table}",
    )
    if merged.taken_back:
        print_line(console, f"{merged.taken_back} were taken back in the table since, and stay so")
    if merged.alone:
        print_line(
            console, f"{merged.alone} statements of the same people on the same FOVs are in the table alone, and stay"
        )
    _print_left_out(console, result.left_out)
    return result


def _export(table: str, folder: str, settings: Settings, console: TextConsole) -> Exported:
    result = export_annotations(table, folder, settings)
    print_line(
        console,
        f"{result.tasks} tasks with {result.statements} statements, {result.predictions} of them with predictions: "
        f"{result.folder / LABEL_STUDIO_TASKS}",
    )
    _print_left_out(console, result.left_out)
    return result


def _print_left_out(console: TextConsole, sentences: tuple[str, ...]) -> None:
    for sentence in sentences:
        print_line(console, sentence, style="yellow")


_GROUPS: Final = {"import": "imported", "export": "exported"}
"""Settings of each action alone."""

_ACTIONS: Final[dict[str, Callable[[str, str, Settings, TextConsole], Any]]] = {"import": _import, "export": _export}
