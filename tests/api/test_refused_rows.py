"""Refused rows and remarks on reading: said again when training ends, and kept beside the tables."""

import logging

import numpy as np
import polars as pl
import pytest

from locgraph.api.config import plain
from locgraph.api.training import train
from locgraph.io.featextracted import read_fov

HEADER = '"frame","x [nm]","y [nm]"\n'


@pytest.fixture
def raw(tmp_path):
    """Twelve FOVs of two classes; one loses a row, and holds molecules with mean frames."""
    rng = np.random.default_rng(0)
    for number in range(12):
        path = tmp_path / "raw" / "AB"[number % 2] / f"{number:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        centres = np.repeat(rng.uniform(0, 5000, (4, 2)), 10, axis=0)
        points = centres + rng.normal(0, 10, centres.shape)
        rows = [f"{frame},{x:.2f},{y:.2f}" for frame, (x, y) in enumerate(points)]
        if number == 0:
            rows[:3] = ["1.5,100,", *(f"0.25,{x:.2f},{y:.2f}" for x, y in points[1:3])]
        path.write_text(HEADER + "\n".join(rows) + "\n")
    return tmp_path / "raw"


def test_refused_rows_are_said_when_training_ends(raw, composed, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(
        "locgraph.api.training.fit.fit_and_test", lambda *_: logging.getLogger("x").warning("trained") or {}
    )
    monkeypatch.setattr("locgraph.learn.run.RunWriter.finish", lambda *_: None)
    settings = ("executor=serial", "labels=folders", "clustering.eps_nm=100", "fold.n_folds=3", f"data.raw_dir={raw}")

    with caplog.at_level(logging.WARNING):
        folder = tmp_path / "run"
        run = plain(composed("train", *settings, f"paths.output_dir={tmp_path}", f"paths.run_dir={folder}"))
        train.train_settings(run, folder)

    reason = "y is missing or not a finite number"
    sentence = f"rows refused: 1 of 480 in 1 of 12 FOVs (1: {reason}). Most: A/00 (1 of 40)"
    assert caplog.messages.count(sentence) == 2
    assert caplog.messages[-1] == sentence
    assert caplog.messages.index(sentence) < caplog.messages.index("trained")
    tables = next(tmp_path.rglob("tables-*"))
    note = "frame is a fraction in 3 of 40 rows, as the mean frame of a molecule is: rounded to the nearest frame."
    assert [text.startswith(note) for text in read_fov(tables, "A/00").notes] == [True]
    assert pl.read_parquet_metadata(tables / "clusters" / "A" / "00.parquet")["notes"].startswith(f'["{note}')
    assert read_fov(tables, "B/01").notes == ()
