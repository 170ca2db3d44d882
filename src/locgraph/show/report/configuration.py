"""How the runs were made: configuration, versions, and where the files lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from locgraph.show.report.parts import INFO, MISSING, WARNING, Facts, Note, Part, Section, Settings, Table
from locgraph.show.report.source import Run, Source
from locgraph.show.report.words import NONE, listed

_OWN: Final = "general"


def section(source: Source) -> Section:
    """The configuration of the first completed run, which the others share but for the fold."""
    run = source.completed[0]
    parts: list[Part] = []
    if run.config:
        parts.append(Settings(tuple(groups(run.config))))
    else:
        parts.append(Note(f"There is no config.yaml in {run.folder} that can be read.", MISSING))
    if len(source.completed) > 1:
        parts.append(Note(f"Of fold {run.fold}; the other folds differ in fold.index alone.", INFO))
    lead = "Every setting, as it was resolved when the run began."
    return Section("configuration", "Configuration", lead, tuple(parts))


def versions_section(source: Source) -> Section:
    """Versions of packages, and the folders of the runs."""
    found = {int(run.fold or 0): dict(run.about.get("versions", {})) for run in source.completed}
    names = list(dict.fromkeys(name for versions in found.values() for name in versions))
    parts: list[Part] = []
    if names:
        parts.append(Facts(tuple((name, _together(found, name)) for name in names)))
    else:
        parts.append(Note("No run says with which versions it was made.", MISSING))
    if different := differing(source.completed):
        parts.append(Note(f"Folds were made with different versions of {listed(different)}.", WARNING))
    rows = tuple((str(run.fold if run.fold is not None else NONE), str(run.folder)) for run in source.runs)
    parts.append(Table(("fold", "folder"), rows, words=2, folded="Folders of the runs"))
    return Section("versions", "Versions and files", "What the numbers depend on besides the settings.", tuple(parts))


def groups(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """The groups of a configuration, with each setting under its full name.

    Args:
        config: Content of ``config.yaml``.
    """
    single = {key: value for key, value in config.items() if not isinstance(value, Mapping)}
    if single:
        yield _OWN, tuple(_lines(single, ""))
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield key, tuple(_lines(value, key)) or ((key, "none"),)


def differing(runs: tuple[Run, ...]) -> list[str]:
    """Packages that the runs were not all made with in the same version."""
    found = [dict(run.about.get("versions", {})) for run in runs]
    names = dict.fromkeys(name for versions in found for name in versions)
    return [name for name in names if len({versions.get(name) for versions in found}) > 1]


def _lines(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from _lines(value, name)
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return "{}" if isinstance(value, Mapping) else str(value)


def _together(found: Mapping[int, Mapping[str, str]], name: str) -> str:
    return ", ".join(dict.fromkeys(str(versions.get(name, NONE)) for versions in found.values()))
