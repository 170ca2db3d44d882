"""A small sweep, read as a report reads it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from builders.report import Sweep, add_explanations, add_run, add_vectors, make_tables
from locgraph.show.report.source import Absent, Source


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared tables of twelve FOVs."""
    return make_tables(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def sweep(tmp_path: Path, prepared: Path) -> Sweep:
    """Three folds, of which T_0 and L_1 are wrong; vectors and explanations of fold 0 alone."""
    folder = tmp_path / "sweep"
    for fold in range(3):
        add_run(folder / str(fold), fold, wrong=("T_0", "L_1", "L_5"))
    add_vectors(folder / "0", 0)
    add_explanations(folder / "0", 0)
    return Sweep(folder, prepared)


@pytest.fixture
def source(sweep: Sweep) -> Source:
    """The sweep as it is read."""
    return sweep.read()


@pytest.fixture
def without_tables(sweep: Sweep) -> Source:
    """The sweep where its tables are gone."""
    return sweep.read(tables=Absent("The tables are gone."))


@pytest.fixture
def words() -> Callable[..., list[str]]:
    """Texts of the notes of a section, of one level or all."""

    def of(section: object, level: str | None = None) -> list[str]:
        notes = [part for part in section.parts if part.kind == "note"]
        return [note.text for note in notes if level is None or note.level == level]

    return of


@pytest.fixture
def parts() -> Callable[..., list]:
    """Parts of a section of one kind."""
    return lambda section, kind: [part for part in section.parts if part.kind == kind]
