"""The models that ship with locgraph."""

import io
import re

import polars as pl
import pytest

import locgraph
from locgraph.api.packs.cache import list_models, locate, shipped_folder
from locgraph.api.packs.check import check_pack
from locgraph.api.packs.packed import read_pack
from locgraph.build import build
from locgraph.simulate.dataset import PlannedFov

NAMES = ("origami:1.0", "rings:1.0")
every_model = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def empty_cache(cache):
    """Nothing but what ships."""


def test_two_models_ship():
    assert [(str(each.reference), each.shipped) for each in list_models()] == [(name, True) for name in NAMES]
    assert locate("rings") == shipped_folder() / "rings-1.0.lgm"


@every_model
def test_their_examples_are_predicted_as_expected(name):
    path = locate(name)
    assert check_pack(path).difference <= 1e-5
    assert path.stat().st_size < 1_000_000
    assert path.stem == f"{name.partition(':')[0]}-1.0"


@every_model
def test_their_cards_state_cross_validated_scores_beside_controls(name):
    pack = read_pack(locate(name))
    metrics = pack.metrics
    rows = {row["source"]: row for row in metrics["table"] if row["metric"] == "accuracy"}
    model, best = rows["model"], rows[metrics["best_control"]["source"]]

    assert (metrics["kind"], metrics["n_folds"]) == ("cross-validation", 5)
    assert {"pair_distances_and_count", "count_alone", "shuffled_positions", "equal_counts"} < rows.keys()
    assert model["mean"] > best["mean"] > 1.5 * rows["majority_class"]["mean"]
    for row in (model, best):
        assert f"{row['mean']:.3f} | {row['interval_low']:.3f} to {row['interval_high']:.3f} |" in pack.card
    # the number of localisations does not tell the class
    assert rows["count_alone"]["interval_low"] <= rows["majority_class"]["mean"] <= rows["count_alone"]["interval_high"]
    assert pack.manifest["git"] == {"commit": pack.manifest["git"]["commit"], "dirty": False}
    assert re.fullmatch("[0-9a-f]{40}", pack.manifest["git"]["commit"])
    assert b"MIT License" in pack.archive.members["LICENSE"]


@pytest.mark.parametrize(("name", "least"), [("origami", 0.85), ("rings", 0.7)])
def test_they_classify_what_they_were_made_for(name, least, tmp_path):
    """FOVs of another seed; the bounds are three standard errors below the cross-validated accuracy."""
    from locgraph.api.config import compose

    settings = compose("simulate", f"simulation={name}")["simulation"][name]
    sample, tables = build(settings, "simulation"), []
    for index, label in enumerate(sample.class_names):
        for number in range(6):
            table = sample.simulate_fov(label, PlannedFov(tmp_path, index, number).generator(seed=77))
            tables.append(table.with_columns(pl.lit(f"{label}_{number}").alias("fov_id")))

    predicted = locgraph.load(name).predict(pl.concat(tables, how="diagonal"))

    right = predicted["fov_id"].str.replace(r"_\d+$", "") == predicted["prediction"]
    assert len(right) == 6 * len(sample.class_names)
    assert right.mean() > least


@every_model
def test_they_hold_no_path(name):
    members = read_pack(locate(name)).archive.members
    tables = {path for path in members if path.endswith(".parquet")}
    texts = b"".join(content for path, content in members.items() if path not in tables)
    assert not re.search(rb"/(work|home|tmp|root|Users)/", texts)
    assert all(not pl.read_parquet_metadata(io.BytesIO(members[path])).keys() - {"ARROW:schema"} for path in tables)
