"""CROWDLAB: consensus of annotators and of the predictions of a sweep."""

import logging

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError, MissingPackageError
from locgraph.io.annotations import consensus
from locgraph.io.annotations.consensus import Consensus, read_test_predictions
from locgraph.io.annotations.labels import AnnotationLabels
from locgraph.io.annotations.table import append_annotations
from locgraph.io.header import RawFile

CLASSES = ("a", "b")


@pytest.fixture
def sweep(tmp_path):
    """Writes runs: FOV -> probability of the second class, on test sides."""

    def write(*runs, split="test", classes=CLASSES):
        for index, probabilities in enumerate(runs):
            folder = tmp_path / "sweep" / str(index)
            folder.mkdir(parents=True)
            (folder / "run.json").write_text("{}")
            p = np.array(list(probabilities.values()))
            columns = dict(zip([f"p_{name}" for name in classes], (1 - p, p), strict=True))
            table = {"fov_id": list(probabilities), "split": [split] * len(p)} | columns
            pl.DataFrame(table).write_parquet(folder / "predictions.parquet")
        return tmp_path / "sweep"

    return write


def test_probabilities_are_the_means_of_test_sides(sweep):
    predicted = read_test_predictions(sweep({"x": 0.2, "y": 0.9}, {"x": 0.4}), ("b", "a"))
    assert {name: values.tolist() for name, values in predicted.items()} == {
        "x": pytest.approx([0.3, 0.7]),
        "y": pytest.approx([0.9, 0.1]),
    }


def test_other_sides_do_not_count_and_other_classes_are_refused(sweep, tmp_path):
    assert read_test_predictions(sweep({"x": 0.2}, split="train"), CLASSES) == {}
    with pytest.raises(DataError, match=r"^predictions: .*classes that are stated, a, c; found a, b$"):
        read_test_predictions(tmp_path / "sweep", ("a", "c"))
    with pytest.raises(
        DataError, match=r"^predictions: .*none: expected a sweep with predictions of test FOVs; found n"
    ):
        read_test_predictions(tmp_path / "none", CLASSES)


def test_without_the_package_its_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(consensus, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"^rule: .*pip install 'locgraph\[crowdlab\]'"):
        Consensus(tmp_path)
    with pytest.raises(ConfigError, match=r"^predictions: rule=crowdlab needs the folder of a sweep"):
        AnnotationLabels("table", rule="crowdlab")
    with pytest.raises(ConfigError, match=r"^rule: crowdlab joins labels of FOVs or objects; choose majority"):
        AnnotationLabels("table", rule="crowdlab", target="localisation", predictions="sweep")


def test_what_is_joined_and_what_becomes_of_it(sweep, monkeypatch):
    """With a stand-in for cleanlab: annotators in alphabetical order, NaN where nothing is stated."""
    seen = {}

    def join(given, probabilities):
        seen.update(given=given, probabilities=probabilities)
        return [1, 0], [0.9, 0.2]

    monkeypatch.setattr(consensus, "find_spec", lambda name: True)
    monkeypatch.setattr(consensus, "_join", join)
    stated = {"x": {"Bob": "b", "Ada": "a"}, "y": {"Bob": "a"}, "z": {"Ada": "a"}}
    derived = Consensus(sweep({"x": 0.75, "y": 0.25})).derive_labels(stated, CLASSES)

    np.testing.assert_array_equal(seen["given"], [[0.0, 1.0], [np.nan, 0.0]])
    assert seen["probabilities"].tolist() == [[0.25, 0.75], [0.75, 0.25]]
    assert derived.labels == {"x": "b", "y": "a"}
    assert derived.reasons == {"no prediction": ["z"]}


@pytest.fixture
def crowd():
    """Three good annotators and one who guesses, of 60 FOVs with known classes: FOV -> annotator -> class."""
    pytest.importorskip("cleanlab", reason="needs the extra crowdlab")
    rng = np.random.default_rng(0)
    truth = {f"fov{index}": CLASSES[index % 2] for index in range(60)}
    stated = {}
    for fov_id, label in truth.items():
        own = {name: label for name in ("Ada", "Bob", "Cy") if rng.random() < 0.7}
        stated[fov_id] = own | {"Zoe": CLASSES[int(rng.integers(2))]}
    return truth, stated


def _predictions(truth):
    return {fov_id: 0.9 if label == "b" else 0.1 for fov_id, label in truth.items()}


def test_consensus_weighs_annotators_by_how_well_they_agree(sweep, crowd, caplog):
    caplog.set_level(logging.INFO)
    truth, stated = crowd
    stated["alone"] = {"Zoe": "a"}
    stated["fov0"] = {"Ada": "a", "Zoe": "b"}  # a tie for a majority
    derived = Consensus(sweep(_predictions(truth))).derive_labels(stated, CLASSES)

    assert derived.labels == truth
    assert derived.reasons == {"no prediction": ["alone"]}
    assert derived.shares["fov0"] == {"a": 0.5, "b": 0.5}
    logged = [record.args for record in caplog.records if "quality of the statements" in record.msg]
    assert logged[0][0] == "Zoe"  # the worst one first
    assert logged[0][1] < 0.8 < logged[1][1]


def test_labels_of_the_source_follow_the_consensus(sweep, crowd, tmp_path, caplog):
    truth, stated = crowd
    stated["fov1"] = {"Zoe": "a"}
    rows = [
        {"fov_id": fov_id, "target": "fov", "label": label, "annotator": name, "tool": "key"}
        for fov_id, own in stated.items()
        for name, label in own.items()
    ]
    append_annotations(tmp_path / "annotations.parquet", rows)
    files = [RawFile(fov_id, tmp_path / f"{fov_id}.csv", ("x",), {}) for fov_id in (*truth, "bare")]
    folder = sweep(_predictions(truth))
    source = AnnotationLabels(tmp_path / "annotations.parquet", rule="crowdlab", predictions=folder, min_annotators=2)
    labelling = source.labels(files)

    few = sorted(fov_id for fov_id, own in stated.items() if len(own) < 2)
    assert "fov1" in few
    assert labelling.by_fov == truth | {"bare": None} | dict.fromkeys(few)
    assert f"{len(few)} with fewer annotators than min_annotators ({few[0]}" in caplog.text


def test_annotators_who_share_no_fov_cannot_be_compared(sweep, crowd):
    with pytest.raises(DataError, match=r"^rule: crowdlab expected FOVs of .* with statements of several annotators"):
        Consensus(sweep({"x": 0.2, "y": 0.9})).derive_labels({"x": {"Ada": "a"}, "y": {"Bob": "b"}}, CLASSES)
