"""What the head names, held against what the data have."""

import polars as pl
import pytest

from locgraph import schema
from locgraph.cli import task
from locgraph.errors import ConfigError
from locgraph.io.manifest import Manifest

FOVS, LOCALISATIONS = "field_of_view", "localisation"


def manifest(label, *class_names):
    row = dict.fromkeys(schema.MANIFEST_COLUMNS) | {"fov_id": "f", "label": label}
    types = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    return Manifest(pl.DataFrame([row], schema=types), class_names)


OF_FOVS, OF_LOCALISATIONS = manifest("a", "a", "b"), manifest(None, "bound", "free")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("clusternet", (FOVS,)),
        ("locclusternet model/head=segment", (LOCALISATIONS,)),
        ("locclusternet model/head=both", (FOVS, LOCALISATIONS)),
    ],
)
def test_what_heads_predict(composed, model, expected):
    cfg = composed("train", "data.raw_dir=raw", *f"model={model}".split())
    assert task.predicted(cfg) == expected
    cfg.model.head._target_ = "locgraph.nowhere.Head"
    with pytest.raises(ConfigError, match=r"model\.head\._target_=locgraph\.nowhere\.Head is not there"):
        task.predicted(cfg)


@pytest.mark.parametrize(
    ("model", "found", "given", "expected"),
    [
        ("clusternet", OF_FOVS, "null", ()),
        ("clusternet", OF_LOCALISATIONS, "null", ()),
        ("locclusternet model/head=segment", OF_LOCALISATIONS, "null", ("bound", "free")),
        ("locclusternet model/head=segment", OF_FOVS, "null", ()),
        ("locclusternet model/head=segment", OF_FOVS, "[7,x]", ("7", "x")),
        ("locclusternet model/head=both", OF_FOVS, "[x,y]", ("x", "y")),
        ("locclusternet model/head=segment", manifest(None), "null", ()),
    ],
)
def test_classes_of_localisations(composed, model, found, given, expected):
    cfg = composed("train", "data.raw_dir=raw", *f"model={model}".split(), f"data.localisation_classes={given}")
    assert task.localisation_classes(cfg, found) == expected


@pytest.mark.parametrize("given", ["[]", "[a,a]", "[a,null]", "bound"])
def test_names_that_are_none(composed, given):
    cfg = composed(
        "train", "data.raw_dir=raw", "model=locclusternet", "model/head=both", f"data.localisation_classes={given}"
    )
    with pytest.raises(ConfigError, match=r"data\.localisation_classes: expected different names"):
        task.check_task(cfg, OF_FOVS)


def test_labels_that_name_nothing_are_left_to_the_folds(composed):
    task.check_task(composed("train", "data.raw_dir=raw", "model=clusternet"), manifest(None))
