"""Labels of FOVs and localisations from annotations of several people."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.annotations.labels import AnnotationLabels
from locgraph.io.annotations.statements import Annotated
from locgraph.io.annotations.table import append_annotations, undo
from locgraph.io.header import RawFile

FILES = [RawFile(fov_id, Path(f"raw/{fov_id}.csv"), ("x", "y"), {}) for fov_id in ("a", "b", "c", "d", "e")]


def fov(fov_id, annotator, label, **values):
    return {"fov_id": fov_id, "target": "fov", "label": label, "annotator": annotator, "tool": "key"} | values


def square(annotator, label, low, high, **values):
    corners = {"x": [low, high, high, low], "y": [low, low, high, high]}
    return fov("a", annotator, label) | {"target": "region", "tool": "lasso"} | corners | values


@pytest.fixture
def path(tmp_path):
    return tmp_path / "annotations.parquet"


@pytest.fixture
def several(path):
    """Two agree on a; a tie on b; Ada alone on c, after a change of mind; Bob took d back by erasing; e is bare."""
    append_annotations(
        path, [fov("a", "Ada", "wt"), fov("a", "Bob", "wt"), fov("b", "Ada", "wt"), fov("b", "Bob", "ko")]
    )
    append_annotations(
        path, [fov("c", "Ada", "wt"), fov("c", "Ada", "ko"), fov("d", "Bob", "ko"), fov("d", "Bob", None)]
    )
    return path


def test_majority_with_what_has_no_label_counted_and_named(several, caplog):
    caplog.set_level(logging.INFO)
    source = AnnotationLabels(several)
    labelling = source.labels(FILES)

    assert source.tables == (several,)
    assert labelling.class_names == ("ko", "wt")
    assert labelling.by_fov == {"a": "wt", "b": None, "c": "ko", "d": None, "e": None}
    assert labelling.failures == {}
    assert not labelling.by_localisation
    assert "2 of 5 FOVs have a label by the rule majority, 2 are not annotated" in caplog.text
    assert "annotated FOVs without a label: 1 with tie (b)" in caplog.text


def test_soft_labels_are_shares_of_annotators(several):
    annotated = AnnotationLabels(several).labels(FILES).annotated

    assert {name: dict(own.shares) for name, own in annotated.items()} == {
        "a": {"wt": 1.0},
        "b": {"ko": 0.5, "wt": 0.5},
        "c": {"ko": 1.0},
    }
    assert annotated["b"].shares_text() == '{"ko": 0.5, "wt": 0.5}'
    assert Annotated().shares_text() is None


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"rule": "unanimous"}, {"a": "wt", "b": None, "c": "ko"}),
        ({"annotators": ["Bob"]}, {"a": "wt", "b": "ko", "c": None}),
        ({"min_annotators": 2}, {"a": "wt", "b": None, "c": None}),
        ({"class_names": ["wt", "ko"]}, {"a": "wt", "b": None, "c": "ko"}),
    ],
)
def test_settings(several, settings, labels):
    labelling = AnnotationLabels(several, **settings).labels(FILES)
    assert {name: labelling.by_fov[name] for name in "abc"} == labels
    assert labelling.class_names == tuple(settings.get("class_names", ("ko", "wt")))


def test_later_statements_override_by_time_also_when_they_were_imported(path):
    now = datetime.now(UTC)
    append_annotations(path, [fov("a", "Ada", "new", time=now)])
    append_annotations(path, [fov("a", "Ada", "old", time=now - timedelta(days=1), tool="import")])
    assert AnnotationLabels(path).labels(FILES).by_fov["a"] == "new"


def test_what_was_taken_back_does_not_count(path):
    (row,) = append_annotations(path, [fov("a", "Ada", "wt")]).to_dicts()
    append_annotations(path, [undo(row)])
    labelling = AnnotationLabels(path).labels(FILES)
    assert labelling.by_fov["a"] is None
    assert labelling.annotated == {}


def test_names_of_fovs_are_matched_as_in_other_tables_and_strangers_are_named(path, caplog):
    append_annotations(path, [fov("a.csv", "Ada", "wt"), fov("gone", "Ada", "wt")])
    assert AnnotationLabels(path).labels(FILES).by_fov["a"] == "wt"
    assert "1 annotated FOVs have no file that can be read, such as 'gone'" in caplog.text


def test_classes_without_a_fov_are_named(path, caplog):
    append_annotations(path, [fov("a", name, label) for name, label in (("Ada", "wt"), ("Bob", "wt"), ("Cy", "typo"))])
    assert AnnotationLabels(path).labels(FILES).class_names == ("typo", "wt")
    assert "classes without a label by the rule majority: typo" in caplog.text


def test_localisations_are_labelled_from_regions_and_points(path):
    append_annotations(
        path, [square("Ada", "in", 0.0, 5.0), square("Ada", "core", 2.0, 4.0), square("Ada", None, 3.0, 4.0)]
    )
    append_annotations(path, [square("Bob", "in", 2.0, 3.0)])
    append_annotations(path, [fov("a", "Ada", "spot", target="point", tool="point", x=[9.1], y=[9.0], radius=0.5)])
    append_annotations(path, [fov("b", "Ada", "whole FOVs do not count")])
    labelling = AnnotationLabels(path, target="localisation").labels(FILES)

    assert labelling.class_names == ("core", "in", "spot")
    assert labelling.by_localisation
    assert set(labelling.by_fov.values()) == {None}
    points = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    table = pl.DataFrame(points, schema=["x", "y"])
    labelled, counts = labelling.annotated["a"].parts.label(table, labelling.class_names, None, "a")
    # later statements of Ada lie on earlier ones; where Bob disagrees there is a tie
    expected = np.full((10, 10), -1)
    expected[:5, :5] = 1
    expected[2:4, 2:4] = 0
    expected[3, 3] = -1
    expected[2, 2] = -1
    expected[9, 9] = 2
    assert labelled["loc_label"].to_numpy().reshape(10, 10).tolist() == expected.tolist()
    assert counts == {"localisations_without_label: tie": 1}
    empty, counts = labelling.annotated["c"].parts.label(table, labelling.class_names, None, "c")
    assert empty["loc_label"].unique().to_list() == [-1]
    assert counts == {}


def cluster(annotator, label, number, x, **values):
    return fov("a", annotator, label, target="cluster", cluster_id=number, tool="click", x=[x], y=[0.0], **values)


def test_clusters_are_those_whose_centre_was_annotated(path):
    append_annotations(
        path, [cluster("Ada", "big", 0, 1.0), cluster("Ada", "small", 1, 10.0), cluster("Ada", "big", 1, 10.0)]
    )
    labelling = AnnotationLabels(path, target="localisation").labels(FILES)
    table = pl.DataFrame({"x": [0.0, 2.0, 9.5, 10.5, 50.0], "y": [0.0] * 5})
    parts, names = labelling.annotated["a"].parts, labelling.class_names

    labels, _ = parts.label(table, names, np.array([0, 0, 1, 1, -1]), "a")
    assert labels["loc_label"].to_list() == [0, 0, 0, 0, -1]
    # numbers may change where clusters do not
    labels, _ = parts.label(table, names, np.array([2, 2, 0, 0, -1]), "a")
    assert labels["loc_label"].to_list() == [0, 0, 0, 0, -1]
    with pytest.raises(DataError, match=r"^a: Ada annotated a cluster at \(1.0, 0.0\) nm, and there is none now: prep"):
        parts.label(table, names, np.array([0, 0, 0, 0, -1]), "a")
    with pytest.raises(
        DataError, match=r"^a: Ada annotated a cluster at .*no clusters of whole FOVs here; annotate reg"
    ):
        parts.label(table, names, None, "a")


def test_objects_are_annotated_under_the_names_that_prepared_data_give_them(path, caplog):
    caplog.set_level(logging.INFO)
    append_annotations(path, [fov("a/1", "Ada", "T"), fov("a/1", "Bob", "T"), fov("a.csv/2", "Ada", "L")])
    append_annotations(
        path, [fov("b/1", "Ada", "T", data_fingerprint="old"), fov("b/1", "Bob", "L"), fov("x/1", "Ada", "L")]
    )
    labelling = AnnotationLabels(path, target="object").labels(FILES)

    assert labelling.class_names == ("L", "T")
    assert set(labelling.by_fov.values()) == {None}
    assert labelling.by_object == {"a": {"1": "T", "2": "L"}, "b": {}, "c": {}, "d": {}, "e": {}}
    assert dict(labelling.annotated["b"].of_object("1").shares) == {"L": 0.5, "T": 0.5}
    assert not labelling.annotated["b"].of_object("2").shares
    assert labelling.annotated["b"].digests == ("old",)
    assert "2 of 3 annotated objects have a label by the rule majority" in caplog.text
    assert "annotated objects without a label: 1 with tie (b/1)" in caplog.text
    assert "1 annotated FOVs have no file that can be read, such as 'x/1'" in caplog.text


def test_a_file_that_was_looked_at_again_is_the_one_that_counts(path):
    append_annotations(
        path, [fov("a", "Ada", "wt", data_fingerprint="old"), fov("a", "Bob", "wt", data_fingerprint="old")]
    )
    append_annotations(path, [fov("a", "Ada", "wt", data_fingerprint="new")])
    assert AnnotationLabels(path).labels(FILES).annotated["a"].digests == ("new", "old")
    append_annotations(path, [fov("a", "Bob", "ko", data_fingerprint="new")])
    assert AnnotationLabels(path).labels(FILES).annotated["a"].digests == ("new",)


def test_data_that_have_changed_are_refused_with_what_to_do(path):
    append_annotations(path, [fov("a", "Ada", "wt", data_fingerprint="old"), fov("a", "Bob", "wt")])
    annotated = AnnotationLabels(path).labels(FILES).annotated["a"]
    annotated.check_data("old", "a")
    with pytest.raises(DataError, match=r"^a: its raw file has changed since it was annotated \(it was old, now new\)"):
        annotated.check_data("new", "a")
    AnnotationLabels(path, check_data=False).labels(FILES).annotated["a"].check_data("new", "a")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"annotators": ["Ada", "Zoe"]}, r"^annotators: expected some of Ada, Bob, or null for all; found Zoe"),
        ({"class_names": ["wt"]}, r"^class_names: .*expected annotations of the classes wt; found ko"),
    ],
)
def test_annotators_and_classes_that_are_not_there(several, settings, message):
    with pytest.raises((ConfigError, DataError), match=message):
        AnnotationLabels(several, **settings).labels(FILES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "cell"}, r"^target: expected one of fov, localisation, object, found 'cell'"),
        ({"rule": "mean"}, r"^rule: expected one of majority, unanimous, crowdlab, found 'mean'"),
        ({"annotators": []}, r"^annotators: expected different names, .*found \[\]"),
        ({"class_names": "wt"}, r"^class_names: expected different names, .*found 'wt'"),
        ({"min_annotators": 0}, r"^min_annotators: expected a whole number of at least 1, found 0"),
        ({"check_data": "yes"}, r"^check_data: .*found 'yes'"),
        ({"predictions": "sweep"}, r"^predictions: has no effect with rule=majority"),
    ],
)
def test_settings_that_cannot_work(path, settings, message):
    with pytest.raises(ConfigError, match=message):
        AnnotationLabels(path, **settings)


def test_an_absent_table_names_its_setting(path):
    with pytest.raises(DataError, match=r"^path: .*annotations.parquet: .*found no file"):
        AnnotationLabels(path).labels(FILES)
