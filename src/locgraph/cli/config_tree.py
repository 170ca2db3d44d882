"""The composed configuration as a tree on the terminal, before a run begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.text import Text
from rich.tree import Tree

from locgraph.errors import ConfigError

SETTING: Final = "print_config"
ALL: Final = "all"


def check_choice(value: Any) -> None:
    """Refuse what is neither true, false nor ``all``.

    Raises:
        ConfigError: ``print_config`` has no such choice.
    """
    if value not in (True, False, ALL) or isinstance(value, int) != isinstance(value, bool):
        raise ConfigError(f"expected true, false or all, found {value!r}", setting=SETTING)


def short_tree(choices: Mapping[str, str | None], overrides: Sequence[str]) -> Tree:
    """Return the option of each group with those of its parts, and the values that the command line sets.

    Args:
        choices: Group to option, as Hydra chose them.
        overrides: Arguments of the command.
    """
    chosen = {group: str(choice) for group, choice in choices.items() if _is_shown(group, choice)}
    tree = Tree("config")
    for group in [group for group in chosen if "/" not in group]:
        parts = {name: choice for name, choice in chosen.items() if name.startswith(f"{group}/")}
        line = Text.assemble(f"{group}: ", (chosen[group], "bold"))
        line.append("".join(f"  {name.partition('/')[2]}={choice}" for name, choice in parts.items()))
        tree.add(line)
    groups = {group.partition("@")[0] for group in choices}
    values = [text for text in overrides if text.lstrip("+~").partition("=")[0].partition("@")[0] not in groups]
    if values:
        branch = tree.add("given")
        for text in values:
            branch.add(Text(text))
    return tree


def _is_shown(group: str, choice: str | None) -> bool:
    return choice not in (None, "null") and group.partition("/")[0] != "hydra"


def full_tree(settings: Mapping[str, Any], name: str = "config") -> Tree:
    """Return every setting.

    Args:
        settings: Plain values by group.
        name: Label of the tree.
    """
    tree = Tree(Text(name))
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            tree.add(full_tree(value, str(key)))
        else:
            tree.add(Text.assemble(f"{key}: ", (str(value), "bold")))
    return tree
