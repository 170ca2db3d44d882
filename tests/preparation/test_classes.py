"""Classes that lose FOVs are refused, counted and named; so are classes of very unequal size."""

import polars as pl
import pytest

from locgraph.errors import DataError, TooManyFailuresError
from locgraph.io.catalogue import scan
from locgraph.io.columns import ColumnMap
from locgraph.io.groups import NoGroups
from locgraph.io.labels import FolderLabels, MetadataLabels
from locgraph.io.manifest import Manifest
from locgraph.preparation.classes import (
    check_class_failures,
    check_classes_left,
    describe_failures,
    describe_imbalance,
)
from locgraph.preparation.executors import Serial
from locgraph.preparation.prepare import manifest_of_catalogue, manifest_table, prepare


def manifest(good, failed):
    """Class -> number of good FOVs, class -> number of failed ones; None is no known class."""
    rows = [{"fov_id": f"{name}{index}", "label": name} for name, n in good.items() for index in range(n)]
    failures = {f"{name} bad {index}": f"reason {index}" for name, n in failed.items() for index in range(n)}
    labels = {fov_id: fov_id.split()[0] for fov_id in failures if not fov_id.startswith("None")}
    return Manifest(manifest_table(rows), tuple(sorted(good)), failures, failed_labels=labels)


def test_failures_are_counted_by_class():
    text = describe_failures(manifest({"a": 5, "b": 12}, {"b": 1, "a": 5, None: 2}))
    assert text == "failed FOVs by class: 5 of 10 a, 1 of 13 b, 2 of unknown class"
    assert describe_failures(manifest({"a": 5}, {})) == ""
    assert describe_failures(manifest({"a": 5}, {None: 2})) == ""


def test_a_class_of_which_nothing_is_left_is_refused_with_reasons():
    with pytest.raises(DataError, match=r"(?s)none left of c.*c, c bad 0: reason 0.*c, c bad 2.*c: and 2 more$"):
        check_classes_left(manifest({"a": 50, "b": 50}, {"c": 5, "a": 1}))
    check_classes_left(manifest({"a": 1, "b": 50}, {"a": 30, None: 4}))


def test_a_class_that_lost_too_many_is_refused_even_where_these_are_few_of_all():
    with pytest.raises(TooManyFailuresError, match=r"(?s)at most 10\.00% of the FOVs of each class.*found 2 of 8 a\."):
        check_class_failures(manifest({"a": 6, "b": 100}, {"a": 2, "b": 1}), 0.1)
    check_class_failures(manifest({"a": 6, "b": 100}, {"a": 2}), 0.25)
    check_class_failures(manifest({"a": 4, "b": 100}, {"a": 1}), 0.1)  # a single FOV stops nothing


def test_classes_of_unequal_size_are_named_with_what_to_do():
    (text,) = describe_imbalance(manifest({"rare": 5, "common": 100}, {}))
    assert text.startswith("classes are of very unequal size: 100 FOVs of common, 5 of rare (1 : 20).")
    for advice in ("balanced_accuracy", "training/sampler=balanced", "training.class_weights"):
        assert advice in text
    assert describe_imbalance(manifest({"rare": 6, "common": 100}, {})) == ()
    assert describe_imbalance(manifest({}, {})) == ()


def test_what_failed_is_kept_with_its_class(tmp_path):
    before = manifest({"a": 2}, {"a": 1, None: 1})
    before.write(tmp_path / "manifest.parquet")
    assert Manifest.read(tmp_path / "manifest.parquet").failed_labels == {"a bad 0": "a"}


def test_a_class_whose_files_cannot_be_read_is_known_by_its_folder(make_raw, tmp_path):
    raw = make_raw(6)
    (raw / "C").mkdir()
    for index in range(3):
        (raw / "C" / f"{index}.parquet").write_bytes(b"damaged")

    catalogue = scan(raw, ColumnMap({"x": "x", "y": "y"}, unit="nm"), FolderLabels(), NoGroups())

    assert catalogue.class_names == ("A", "B")
    assert catalogue.failed_labels == {"C/0": "C", "C/1": "C", "C/2": "C"}
    with pytest.raises(DataError, match=r"(?s)none left of C.*C, C/0: .*0\.parquet"):
        check_classes_left(manifest_of_catalogue(catalogue))


def test_a_class_that_only_an_unreadable_file_names_is_not_known(make_raw):
    raw = make_raw(2)
    (raw / "bad.parquet").write_bytes(b"damaged")
    good = pl.DataFrame({"x": [1.0], "y": [2.0]})
    good.write_parquet(raw / "good.parquet", metadata={"gt_label": "0", "gt_label_map": '{"0": "a"}'})

    catalogue = scan(raw, ColumnMap({"x": "x", "y": "y"}, unit="nm"), MetadataLabels(), NoGroups())

    assert "bad" in catalogue.failures
    assert catalogue.failed_labels == {}


def test_fovs_that_fail_while_they_are_prepared_count_for_their_class(make_raw, make_recipe, catalogue_of, tmp_path):
    raw = make_raw(8)
    for index in (1, 3):
        (raw / "B" / f"{index}.csv").write_text("x,y\n1,2\n")  # no cluster

    with pytest.raises(TooManyFailuresError, match=r"(?s)found 2 of 4 B.*B, B/1: .*expected at least 1 clusters"):
        prepare(catalogue_of(raw), make_recipe(), tmp_path / "tables", Serial(), 0.3)
    kept = prepare(catalogue_of(raw), make_recipe(), tmp_path / "tables", Serial(), 0.5)
    assert describe_failures(kept) == "failed FOVs by class: 2 of 4 B"


def test_a_class_of_skipped_files_or_an_empty_folder_is_named(make_raw, caplog):
    raw = make_raw(4)
    (raw / "C").mkdir()
    for index in range(2):
        (raw / "C" / f"{index}.lif").write_bytes(b"an image")
    (raw / "D").mkdir()
    (raw / "A" / "notes.md").write_text("of a class that is there")

    catalogue = scan(raw, ColumnMap({"x": "x", "y": "y"}, unit="nm"), FolderLabels(), NoGroups())

    assert catalogue.class_names == ("A", "B")
    named = [message for message in caplog.messages if message.startswith("no FOV is of the class")]
    assert [message.split(" would be of")[0] for message in named] == [
        f"no FOV is of the class C, which {raw / 'C' / '0.lif'} and 1 more",
        f"no FOV is of the class D, which {raw / 'D'}",
    ]
