"""The studies of a folder: found, and all summarised."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from locgraph.analysis.sweeps.runs import find_families, find_repeats
from locgraph.api.studies.studied_runs import EMBEDDED_KIND, REPEATS_KIND, RUN_KIND, SWEEP_KIND, TABLES_KIND
from locgraph.api.studies.study import Study
from locgraph.errors import DataError
from locgraph.run_folder import (
    CLUSTERS,
    CONFUSION_PICTURE,
    EMBEDDINGS,
    LOCS,
    METRICS,
    RELEASE,
    RUN,
    SUMMARIES,
    SUMMARY,
    SUMMARY_PICTURE,
    SUMMARY_TABLE,
    SUMMARY_TEXT,
    RunFolder,
)

_SUMMARY_FILES: Final = (SUMMARY_TABLE, SUMMARY_TEXT, SUMMARY_PICTURE, CONFUSION_PICTURE, SUMMARY)


def study(path: str | Path) -> Study:
    """Return the study of a run folder, of a sweep folder, or of a folder of prepared tables.

    That of a sweep over seeds holds the runs of all seeds; `find_studies` returns one for each seed.

    Raises:
        DataError: The folder holds none of these, or several sweeps with different settings; see `find_studies`.
    """
    studies = find_studies(path)
    if len(studies) > 1:
        repeats = find_repeated(Path(path).resolve())
        if len(repeats) == 1 and len(repeats[0].run_folders) == sum(len(each.run_folders) for each in studies):
            return repeats[0]
        folders = ", ".join(str(each.folder) for each in studies)
        raise DataError(
            f"{path}: expected one sweep, found {len(studies)} of different settings; "
            f"locgraph.api.studies.studies.find_studies returns all ({folders})"
        )
    return studies[0]


def find_studies(path: str | Path) -> list[Study]:
    """Return all studies of a folder: one for each set of runs that differ in more than the fold.

    Raises:
        DataError: The folder holds no run and no tables.
    """
    folder = Path(path).resolve()
    if not folder.is_dir():
        raise DataError(
            f"no such folder: {folder}; expected that of a run, of a sweep, or of prepared tables", setting="folder"
        )
    _refuse_release(folder)
    if (folder / EMBEDDINGS).is_file():
        return [Study(folder, EMBEDDED_KIND)]
    if (folder / RUN).is_file():
        n_folds = int(RunFolder(folder).record().get("n_folds") or 1)
        return [Study(folder, RUN_KIND, [folder], n_folds)]
    if (folder / LOCS).is_dir() and (folder / CLUSTERS).is_dir():
        return [Study(folder, TABLES_KIND)]
    studies = find_sweeps(folder)
    if not studies:
        raise DataError(_describe_missing(folder), setting="folder")
    return studies


def find_compared(path: str | Path) -> list[Study]:
    """Return one study for each set of runs in a folder that differ in more than the fold and seeds.

    Raises:
        DataError: The folder holds no run.
    """
    studies = find_studies(path)
    if len(studies) == 1:
        return studies
    repeats = find_repeated(Path(path).resolve())
    repeated = {folder for study in repeats for folder in study.run_folders}
    return [*repeats, *(study for study in studies if not repeated.issuperset(study.run_folders))]


def find_sweeps(folder: Path) -> list[Study]:
    """Return one study for each set of runs below a folder that differ in the fold alone; none without runs."""
    families = find_families(folder)
    several = len(families) > 1
    return [
        Study(folder / SUMMARIES / each.name if several else folder, SWEEP_KIND, each.folders, each.n_folds)
        for each in families
    ]


def find_repeated(folder: Path) -> list[Study]:
    """Return one study for each set of runs below a folder that differ in the fold and in seeds alone.

    Those of a single seed are left out: `find_sweeps` returns them.
    """
    repeats = find_repeats(folder)
    several = len(repeats) > 1 or sum(len(each.folders) for each in repeats) < sum(
        len(each.folders) for each in find_families(folder)
    )
    return [
        Study(folder / SUMMARIES / each.name if several else folder, REPEATS_KIND, each.folders, each.n_folds)
        for each in repeats
    ]


def _refuse_release(folder: Path) -> None:
    """Refuse the folder of a release, which holds no result of its own.

    Raises:
        DataError: It is one; the message names the sweep that it rests on.
    """
    release = RunFolder(folder).record().get(RELEASE)
    if release:
        raise DataError(
            f"{folder} is a release: it was trained on every FOV, so that nothing was tested. Its result is that of "
            f"the sweep it rests on, {release['from']}: give that folder",
            setting="folder",
        )


def _describe_missing(folder: Path) -> str:
    expected = (
        f"expected the folder of a run or sweep (with {RUN} in it or below), or of tables (with the folders {LOCS} and "
        f"{CLUSTERS})"
    )
    inside = sorted(path.name for path in folder.glob("tables-*") if path.is_dir())
    if inside:
        return f"{expected}, found {folder}; did you mean {folder / inside[0]}?"
    if (folder / METRICS).is_file():
        return f"{expected}, found {folder}; this looks like one of eval: analyse the run that it evaluates"
    return f"{expected}, found neither in {folder}"


def summarise_sweeps(folder: Path) -> list[Path]:
    """Write the summary of each sweep below a folder, and remove those that are outdated.

    Returns:
        The texts, ``summary.md``: one in the folder itself, or one in a sub-folder for each set of settings. Runs that
        differ in seeds have one for each seed and, last, one over all seeds.

    Raises:
        DataError: There is no run, or the runs of a sweep do not fit together.
    """
    _refuse_release(folder)
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
