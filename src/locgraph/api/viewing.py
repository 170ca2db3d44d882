"""The viewer, from Python and from the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from locgraph.api.config import Settings, compose
from locgraph.build import build
from locgraph.errors import ConfigError, renamed, within
from locgraph.settings import check_flag, check_number
from locgraph.viewer.opened import OpeningSettings
from locgraph.viewer.opening import open_sources
from locgraph.viewer.serve import ServerSettings, Viewer
from locgraph.viewer.session import Session


def view(*sources: str | Path, **settings: Any) -> Viewer:
    """Show files, folders, runs or sweeps in the browser; in a notebook, as the last line of a cell, below it.

    The server runs in a thread until `Viewer.close`, or to the end of the process.

    Args:
        *sources: What to show: raw files, folders of them, prepared tables, graphs, runs or sweeps.
        **settings: Those of ``configs/view.yaml``, such as ``columns="nm"`` or ``port=8800``; but ``browser``, since
            `Viewer.open_browser` opens one.

    Returns:
        The running viewer: its ``url`` opens in any browser of this machine.

    Raises:
        LocgraphError: Nothing can be shown, or a setting cannot work.

    Example:
        >>> import locgraph
        >>> locgraph.view("outputs/runs/demo")
    """
    chosen = settings_over("view", settings | {"sources": list(map(str, sources))}, "sources=[]")
    return make_viewer(chosen, framed=True).start()


def settings_over(command: str, given: Mapping[str, Any], *overrides: str) -> Settings:
    """Return the settings of a command, with those that are given in Python in place of its own.

    Args:
        command: Name of the command.
        given: Setting -> value; ``columns`` may name one of ``configs/columns``.
        *overrides: Values of settings that the command requires.

    Raises:
        ConfigError: The command has no such setting, or it has none in Python, where no browser is opened.
    """
    columns = given.get("columns")
    named = [f"columns={columns}"] if isinstance(columns, str) else []
    chosen = compose(command, *overrides, *named)
    known = set(chosen) - {"browser"}
    unknown = sorted(set(given) - known)
    if unknown:
        raise ConfigError(
            f"expected settings of {command}.yaml, {', '.join(sorted(known))}; found {', '.join(unknown)}"
        )
    return chosen | {name: value for name, value in given.items() if not (named and name == "columns")}


def make_viewer(settings: Settings, *, framed: bool = False) -> Viewer:
    """Make the viewer of the settings of the command; it does not run yet.

    Args:
        settings: Those of ``view.yaml``.
        framed: Whether pages of notebooks may show it in a frame.
    """
    return Viewer(make_session(settings), server_settings(settings, framed=framed))


def make_session(settings: Settings) -> Session:
    """Open all sources that the settings name.

    Raises:
        ConfigError: There is none, or a setting has no effect on these.
        DataError: One cannot be shown.
    """
    paths = [Path(str(path)).expanduser() for path in settings["sources"]]
    if not paths:
        raise ConfigError(
            "expected a file, a folder, a run or a sweep. Call it as: locgraph view SOURCE ...", setting="sources"
        )
    opening = opening_settings(settings)
    with renamed("raw_dir", "sources"):
        return Session(open_sources([path.resolve() for path in paths], opening))


def opening_settings(settings: Settings) -> OpeningSettings:
    """Return how sources are read."""
    with within("limits"):
        limit = check_number("max_refused_fraction", settings["limits"]["max_refused_fraction"], at_least=0, at_most=1)
    explanations = settings["explanations"] or []
    return OpeningSettings(
        cache=Path(settings["cache"]).resolve(),
        columns=build(settings["columns"], "columns"),
        max_refused_fraction=limit,
        tables=None if settings["tables"] is None else Path(settings["tables"]).resolve(),
        explanations=tuple(
            Path(each).resolve() for each in ([explanations] if isinstance(explanations, str) else explanations)
        ),
    )


def server_settings(settings: Settings, *, framed: bool = False) -> ServerSettings:
    """Return how the server can be reached.

    Raises:
        ConfigError: The port is none.
    """
    port = settings["port"]
    if port is not None and (isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 1 << 16):
        raise ConfigError(f"expected a port up to 65535, 0 for any that is free, or null; found {port}", setting="port")
    check_flag("browser", settings["browser"])
    hosts = settings["allow_hosts"] or []
    if isinstance(hosts, str) or not isinstance(hosts, Sequence):
        raise ConfigError(f"expected names, such as [hub.example.org]; found {hosts}", setting="allow_hosts")
    return ServerSettings(str(settings["host"]), port, tuple(map(str, hosts)), framed)
