"""Fixtures that many tests share."""

import os
from pathlib import Path

import pytest
from dotenv import dotenv_values

# where a developer keeps results is no place for those of tests
os.environ.pop("LOCGRAPH_OUTPUT_DIR", None)

ROOT = Path(__file__).parents[1]

pytest_plugins = ["builders.runs", "builders.packs", "builders.browser"]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small tensors on several threads are slower, and several times so on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def test_data() -> Path:
    """The folder of real data: ``LOCGRAPH_TEST_DATA``, of the environment or ``.env``; else the test is skipped."""
    named = {**dotenv_values(ROOT / ".env"), **os.environ}.get("LOCGRAPH_TEST_DATA")
    folder = Path(named or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}: set LOCGRAPH_TEST_DATA")
    return folder
