"""One packed run and one packed sweep that several tests look at, as fixtures of a plugin."""

import pytest

import locgraph

CARD = {"license": "MIT", "authors": ["A. Name"], "citation": "10.1038/s41592-019-0574-9", "description": "For tests."}


@pytest.fixture(scope="session")
def packed(trained, tmp_path_factory):
    """The small run as a packed model, tiny:1.0."""
    path = tmp_path_factory.mktemp("packed") / "tiny.lgm"
    return locgraph.pack(trained.run_dir, "tiny:1.0", output=path, card=CARD)


@pytest.fixture(scope="session")
def packed_sweep(swept, tmp_path_factory):
    """The small sweep as a packed model, tiny:2.0."""
    path = tmp_path_factory.mktemp("packed") / "sweep.lgm"
    return locgraph.pack(swept.run_dir, "tiny:2.0", output=path)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder of packed models."""
    monkeypatch.setenv("LOCGRAPH_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"
