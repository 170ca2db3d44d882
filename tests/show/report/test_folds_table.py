"""Folds with their sizes; missing ones stand in their row."""

from locgraph.show.report import folds_table


def test_a_row_for_each_fold(source, parts):
    table, classes = parts(folds_table.section(source), "table")

    assert table.rows[0] == ("0", "completed", "6", "2", "4", "–", "2", "1.0", "0.500")
    assert [row[0] for row in table.rows] == ["0", "1", "2"]
    assert classes.rows[0] == ("0", "2", "2")


def test_a_missing_fold_stands_in_its_row_and_says_why(sweep, parts, words):
    sweep.edit(1, status="failed", reason="out of\nmemory")

    section = folds_table.section(sweep.read())

    table = parts(section, "table")[0]
    assert table.rows[1] == ("1", "missing", *["–"] * 7)
    assert table.marked == {1}
    (warning,) = words(section, "warning")
    assert warning.startswith("Fold 1 is missing: status 'failed': out of memory")


def test_a_fold_without_predictions_is_marked(sweep, parts):
    (sweep.folder / "2" / "predictions.parquet").unlink()

    assert parts(folds_table.section(sweep.read()), "table")[0].rows[2][1] == "without predictions"


def test_without_tables_classes_are_left_out(without_tables, parts):
    (table,) = parts(folds_table.section(without_tables), "table")

    assert len(table.rows) == 3


def test_groups_of_the_test_side_are_counted(source, parts):
    groups = ["p1", "p2", "p1", "p1", *["p3"] * 8]
    order = dict(zip([f"{'TL'[i % 2]}_{i}" for i in range(12)], groups, strict=True))
    table = source.manifest.table
    source.manifest.table = table.with_columns(table["fov_id"].replace_strict(order).alias("group"))

    rows = parts(folds_table.section(source), "table")[0].rows

    assert [row[5] for row in rows] == ["2", "1", "1"]
