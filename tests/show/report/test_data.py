"""Chapters on data set, model, folds, configuration and versions."""

import dataclasses

import polars as pl

from locgraph.show.report import data


def test_classes_with_their_sizes(source, parts):
    (table,) = parts(data.data_section(source), "table")

    assert table.rows == (
        ("T", "6", "–", "24", "24 – 24", "3", "3 – 3"),
        ("L", "6", "–", "24", "24 – 24", "3", "3 – 3"),
        ("all", "12", "–", "24", "24 – 24", "3", "3 – 3"),
    )


def test_median_range_groups_and_fovs_without_a_class():
    manifest = pl.DataFrame(
        {
            "fov_id": list("abcd"),
            "label": ["T", "T", "T", None],
            "group": ["p1", "p1", "p2", "p3"],
            "n_localisations": [10, 1500, 100, 7],
            "n_clusters": [1, 2, 4, 3],
        }
    )

    table = data.class_table(manifest, ("T", "L"))

    assert table.rows[0] == ("T", "3", "2", "100", "10 – 1\u202f500", "2", "1 – 4")
    assert [row[0] for row in table.rows] == ["T", "without a class", "all"]
    assert table.rows[2][1:3] == ("4", "3")


def test_parts_of_the_model_in_words(source, parts):
    data_facts, model = (dict(part.rows) for part in parts(data.data_section(source), "facts"))

    assert data_facts["data"] == "raw/demo"
    assert data_facts["clustering"] == "KMeans (n_clusters 3)"
    assert data_facts["features of clusters"] == "size, pca"
    assert model["readout"] == "Pooled (reduce mean/max)"
    assert model["optimiser"] == "AdamW (lr 0.003)"
    assert model["parameters"] == "1\u202f234"
    assert "fold.index=0" in model["given on the command line"]


def test_what_is_no_part():
    assert data.part_words(None) == "–"
    assert data.part_words({"_target_": "a.b.C", "_partial_": True, "x": None}) == "C"


def test_a_row_for_each_fold(source, parts):
    table, classes = parts(data.folds_section(source), "table")

    assert table.rows[0] == ("0", "completed", "6", "2", "4", "–", "2", "1.0", "0.500")
    assert [row[0] for row in table.rows] == ["0", "1", "2"]
    assert classes.rows[0] == ("0", "2", "2")


def test_a_missing_fold_stands_in_its_row_and_says_why(sweep, parts, words):
    sweep.edit(1, status="failed", reason="out of\nmemory")

    section = data.folds_section(sweep.read())

    table = parts(section, "table")[0]
    assert table.rows[1] == ("1", "missing", *["–"] * 7)
    assert table.marked == {1}
    (warning,) = words(section, "warning")
    assert warning.startswith("Fold 1 is missing: status 'failed': out of memory")


def test_a_fold_without_predictions_is_marked(sweep, parts):
    (sweep.folder / "2" / "predictions.parquet").unlink()

    assert parts(data.folds_section(sweep.read()), "table")[0].rows[2][1] == "without predictions"


def test_groups_of_the_test_side_are_counted(source, parts):
    groups = ["p1", "p2", "p1", "p1", *["p3"] * 8]
    order = dict(zip([f"{'TL'[i % 2]}_{i}" for i in range(12)], groups, strict=True))
    table = source.manifest.table
    source.manifest.table = table.with_columns(table["fov_id"].replace_strict(order).alias("group"))

    rows = parts(data.folds_section(source), "table")[0].rows

    assert [row[5] for row in rows] == ["2", "1", "1"]


def test_groups_with_full_names():
    config = {"name": "a", "data": {"x": None, "deep": {"y": True, "z": [1, 2]}}, "logger": {}}

    assert list(data.groups(config)) == [
        ("general", (("name", "a"),)),
        ("data", (("data.x", "null"), ("data.deep.y", "true"), ("data.deep.z", "[1, 2]"))),
        ("logger", (("logger", "none"),)),
    ]


def test_the_section_shows_every_setting(source, parts, words):
    section = data.configuration_section(source)

    (settings,) = parts(section, "settings")
    lines = dict(line for _, lines in settings.groups for line in lines)
    assert lines["training.optimizer.lr"] == "0.003"
    assert lines["features.features.size"] == "{}"
    assert words(section) == ["Of fold 0; the other folds differ in fold.index alone."]


def test_different_versions_are_told(source, parts, words):
    runs = list(source.runs)
    runs[1] = dataclasses.replace(runs[1], record={"versions": {"locgraph": "0.1", "torch": "2.7"}})
    changed = dataclasses.replace(source, runs=tuple(runs))

    section = data.versions_section(changed)

    assert data.differing_versions(changed.completed) == ["torch"]
    assert dict(parts(section, "facts")[0].rows)["torch"] == "2.6, 2.7"
    assert words(section, "warning") == ["Folds were made with different versions of torch."]


def test_objects_are_told_from_fovs(source, parts):
    table = source.manifest.table.with_columns(parent_fov=pl.Series(["a", "b"] * 6))
    first, *others = source.runs
    config = {**first.config, "objects": {"_target_": "locgraph.preparation.objects.picks.Picks"}}
    manifest = dataclasses.replace(source.manifest, table=table)
    runs = (dataclasses.replace(first, config=config), *others)
    divided = dataclasses.replace(source, runs=runs, manifest=manifest)

    def rows(report):
        return dict(parts(data.data_section(report), "facts")[0].rows)

    assert rows(divided)["objects"].startswith("Picks: 12 objects in 2 FOVs; each counts as a FOV here")
    assert "objects" not in rows(source)
