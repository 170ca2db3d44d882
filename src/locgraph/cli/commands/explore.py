"""``locgraph explore``: what varies among the units of a representation, as tables and pictures."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from locgraph.api.config import plain
from locgraph.api.representations.explore import explore, output_folder
from locgraph.cli.console import TextConsole, path_setting, print_line
from locgraph.storage import locked


def run(cfg: DictConfig) -> Path:
    """Explore the embeddings of a folder, and print what was left out.

    Returns:
        The folder with tables and pictures.

    Raises:
        LocgraphError: There is nothing to explore, or a setting cannot work.
    """
    path = path_setting(cfg, "folder", "locgraph explore FOLDER")
    settings = plain(cfg)
    result = explore(path, settings)
    folder = output_folder(path, settings)
    with locked(folder, "output"):
        pictures = result.write(folder)
    console = TextConsole()
    for note in result.result.notes:
        print_line(console, note)
    for row in (result.record["pseudotime"] or {}).get("classes", ()):
        if "difference" in row:
            ends = "" if row["low"] is None else f" ({row['low']:.2f} to {row['high']:.2f})"
            print_line(console, f"pseudo-time of {row['class']}: {row['difference']:+.2f}{ends} from the start")
    print_line(console, f"{', '.join(picture.name for picture in pictures)}: {folder}")
    return folder
