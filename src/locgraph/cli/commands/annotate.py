"""``locgraph annotate``: labels of FOVs, clusters and localisations, given in the browser."""

from __future__ import annotations

from omegaconf import DictConfig

from locgraph.api.annotating import annotation_session
from locgraph.api.config import plain
from locgraph.api.viewing import server_settings
from locgraph.cli.commands.view import serve
from locgraph.cli.console import TextConsole, print_line
from locgraph.viewer.serve import Viewer


def run(cfg: DictConfig) -> None:
    """Serve the viewer with annotation until the user stops it.

    Raises:
        LocgraphError: Nothing can be shown, the file is no table of annotations, or a setting cannot work.
    """
    settings = plain(cfg)
    session = annotation_session(settings)
    annotating = session.annotating
    if annotating is not None:
        console, progress = TextConsole(), annotating.progress()
        print_line(console, f"annotator: {annotating.annotator}, {progress['done']} of {progress['total']} FOVs done")
        if settings["suggestions"] is not None:
            print_line(console, f"suggestions: for {annotating.n_suggestions} FOVs, hidden at first")
        print_line(console, f"annotations: {annotating.path}")
    serve(Viewer(session, server_settings(settings)), settings["browser"])
