"""Summaries of all studies below a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from locgraph.api.study import find_repeated, find_sweeps
from locgraph.errors import DataError
from locgraph.run_folder import (
    CONFUSION_PICTURE,
    METRICS,
    SUMMARIES,
    SUMMARY,
    SUMMARY_PICTURE,
    SUMMARY_TABLE,
    SUMMARY_TEXT,
)

_SUMMARY_FILES: Final = (SUMMARY_TABLE, SUMMARY_TEXT, SUMMARY_PICTURE, CONFUSION_PICTURE, SUMMARY)


def summarise_sweeps(folder: Path) -> list[Path]:
    """Write the summary of each sweep below a folder, and remove those that are outdated.

    Returns:
        The texts, ``summary.md``: one in the folder itself, or one in a sub-folder for each set of settings. Runs that
        differ in seeds have one for each seed and, last, one over all seeds.

    Raises:
        DataError: There is no run, or the runs of a sweep do not fit together.
    """
    sweeps = find_sweeps(folder)
    if not sweeps:
        raise DataError(
            f"no run found below {folder}; expected folders with {METRICS}, as a sweep writes them", setting="folder"
        )
    written = [sweep.write_summary() for sweep in (*sweeps, *find_repeated(folder))]
    # the first jobs of a sweep cannot know which settings will differ, and so in which folder their summary belongs
    kept = {text.parent for text in written}
    for old in (folder, *sorted((folder / SUMMARIES).glob("*"))):
        if old not in kept and (old / SUMMARY).is_file():
            for name in _SUMMARY_FILES:
                (old / name).unlink(missing_ok=True)
            if old != folder and not any(old.iterdir()):
                old.rmdir()
    return written
