"""``locgraph view``: files, runs and sweeps in the browser."""

from __future__ import annotations

from omegaconf import DictConfig, ListConfig, OmegaConf

from locgraph.api.config import plain
from locgraph.api.viewing import make_viewer
from locgraph.cli.console import TextConsole, print_line
from locgraph.viewer.serve import Viewer


def run(cfg: DictConfig) -> None:
    """Serve the viewer until the user stops it.

    Raises:
        LocgraphError: Nothing can be shown, the port is in use, or a setting cannot work.
    """
    given = None if OmegaConf.is_missing(cfg, "sources") else cfg.sources
    cfg.sources = [str(each) for each in (given if isinstance(given, ListConfig) else [given]) if each]
    settings = plain(cfg)
    serve(make_viewer(settings), settings["browser"])


def serve(viewer: Viewer, browser: bool) -> None:
    """Print where the viewer is, open a browser if wanted, and serve until the user stops it."""
    console = TextConsole()
    viewer.start()
    print_line(console, f"viewer: {viewer.url}")
    if browser and not viewer.open_browser():
        print_line(console, "no browser could be opened: open this address in one; from another machine, after")
        print_line(console, f"  ssh -L {viewer.port}:localhost:{viewer.port} THIS_MACHINE")
    print_line(console, "Ctrl+C stops it", style="dim")
    try:
        viewer.wait()
    except KeyboardInterrupt:
        print_line(console, "stopped")
    finally:
        viewer.close()
