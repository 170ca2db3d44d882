"""Objects counted by class: intervals, conditions, what has no class, corrected counts, space, and files."""

import json

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.objects.counts import count_errors
from locgraph.analysis.objects.results import CountSettings, count_objects
from locgraph.analysis.objects.table import Rule
from locgraph.io.manifest import Manifest
from locgraph.preparation.objects.extract import OBJECT_COLUMNS, FovObjects
from locgraph.preparation.prepare import manifest_table
from locgraph.stats.intervals import wilson_interval
from locgraph.stats.quantification import Confusion

CLASSES = ("ring", "line")


class Cells:
    """FOVs of objects with known places, predictions and labels; each object has ten localisations around it."""

    def __init__(self, dimensions=2):
        self.dimensions, self.records, self.units, self.predictions, self.points = dimensions, {}, [], [], {}
        self.failures = {}

    def add(self, fov_id, places, predicted, truth=None, counts=None, sure=0.9, rejected=()):
        """A FOV; an object whose prediction is None failed; ``rejected`` are names of those out of the limits."""
        rng, rows = np.random.default_rng(0), []
        self.points[fov_id] = (places[:, None] + rng.normal(0, 5, (len(places), 10, places.shape[1]))).reshape(
            -1, places.shape[1]
        )
        for index, (place, prediction) in enumerate(zip(places, predicted, strict=True)):
            name = f"{fov_id}/{index}"
            label = None if truth is None else truth[index]
            row = {"fov_id": name, "object": str(index), "label": label, "n_rows": 10, "failed": prediction is None}
            row |= dict(zip("xyz", place.tolist(), strict=False)) | {"rows": list(range(10 * index, 10 * index + 10))}
            if prediction is None:
                rows.append(row | {"reason": "expected at least 1 clusters, found 0"})
                self.failures[name] = "expected at least 1 clusters, found 0"
                continue
            rows.append(row)
            path = f"raw/{fov_id}.csv"
            self.units.append(row | {"path": path, "dimensions": self.dimensions, "parent_fov": fov_id})
            p = {f"p_{each}": sure if each == prediction else 1 - sure for each in CLASSES}
            self.predictions.append({"fov_id": name, "prediction": prediction, "truth": label} | p)
        rows += [
            {"fov_id": f"{fov_id}/{name}", "object": name, "reason": "fewer than 5 localisations", "failed": False}
            for name in rejected
        ]
        dtypes = {name: column.dtype for name, column in OBJECT_COLUMNS.items()}
        table = pl.DataFrame({name: [row.get(name) for row in rows] for name in dtypes}, schema=dtypes)
        self.records[fov_id] = FovObjects(table, {"localisations in no object": 0} | (counts or {}), (), "f")
        return self

    def count(self, tested="no test", conditions=None, predictions=None, **settings):
        rule = Rule(settings.pop("min_probability", 0.0), settings.pop("abstain", ()))
        manifest = Manifest(manifest_table(self.units), CLASSES, dict(self.failures))
        schema = {"fov_id": pl.String, "prediction": pl.String, "truth": pl.String, "p_ring": pl.Float64}
        table = pl.DataFrame(self.predictions, schema=schema | {"p_line": pl.Float64})
        table = table if predictions is None else predictions(table)
        settings = CountSettings(rule, **({"simulations": 0} | settings))
        read = self.points.__getitem__
        return count_objects(self.records, manifest, table, CLASSES, settings, read, tested, conditions)


def places(n, dimensions=2, side=1e4, seed=0):
    return np.random.default_rng(seed).uniform(0, side, (n, dimensions))


def rings(n, of):
    return ["ring"] * n + ["line"] * (of - n)


def test_counts_and_fractions_of_a_fov():
    counted = Cells().add("a", places(20), rings(15, 20)).count()
    ring, line = counted.counts.to_dicts()
    expected = wilson_interval(15, 20)
    assert (ring["n"], line["n"], ring["n_counted"]) == (15, 5, 20)
    assert (ring["fraction"], ring["low"], ring["high"]) == pytest.approx((0.75, expected.low, expected.high))
    assert ring["n_true"] is None
    fov = counted.fovs.row(0, named=True)
    assert ring["density_per_um2"] == pytest.approx(15 / fov["area_um2"])


def test_every_object_has_a_status_and_those_without_class_a_reason():
    cells = Cells().add("a", places(6), [*rings(2, 4), None, "line"], rejected=("x", "y"))
    cells.failures |= {"b": "not a table"}
    counted = cells.count(
        min_probability=0.95,
        predictions=lambda table: table.with_columns(p_ring=pl.when(fov_id="a/0").then(0.99).otherwise("p_ring")),
    )
    status = counted.objects.select("object", "status").rows()
    assert status == [
        *(("0", "counted"), ("1", "undecided"), ("2", "undecided"), ("3", "undecided"), ("4", "failed")),
        *(("5", "undecided"), ("x", "left_out"), ("y", "left_out")),
    ]
    reasons = counted.objects["reason"].to_list()
    assert reasons[:2] == [None, "its probability is below 0.95"]
    assert reasons[4].startswith("expected at least 1 clusters")
    numbers = counted.fovs.select("n_objects", "n_counted", "n_undecided", "n_left_out", "n_failed").row(0)
    assert numbers == (8, 1, 4, 2, 1)
    assert counted.failures == {"b": "not a table"}


def test_abstaining_is_that_of_eval():
    cells = Cells().add("a", places(4), rings(2, 4))

    def judged(table):
        sets = pl.Series([["ring"], ["ring", "line"], ["line"], []])
        return table.with_columns(prediction_set=sets, unlike=pl.Series([False, False, True, None]))

    kept = {
        abstain: cells.count(abstain=abstain, predictions=judged).objects["decision"].to_list()
        for abstain in ("unlike", "uncertain")
    }
    assert kept == {"unlike": ["ring", "ring", None, "line"], "uncertain": ["ring", None, "line", None]}


def test_fovs_are_the_unit_of_a_condition():
    cells = Cells()
    for index in range(6):  # FOVs of one class each: six observations, not sixty
        cells.add(f"a{index}", places(10), rings(10 * (index % 2), 10))
    cells.add("b0", places(10), rings(5, 10))
    counted = cells.count(conditions={f"a{index}": "a" for index in range(6)} | {"b0": "b"})
    ring, _, alone, _ = counted.conditions.to_dicts()
    assert (ring["condition"], ring["n_fovs"], ring["n"], ring["fraction"]) == ("a", 6, 30, 0.5)
    objects_alone = wilson_interval(30, 60)
    assert ring["high"] - ring["low"] > 2 * (objects_alone.high - objects_alone.low)
    assert alone["low"] is None
    assert alone["reason"].startswith("1 FOV, and objects of a FOV are not independent")


def results_of_test(confusion, **columns):
    rows = [
        {"truth": truth, "prediction": prediction, "p_ring": 0.9 if prediction == "ring" else 0.1}
        for truth, row in zip(CLASSES, confusion, strict=True)
        for prediction, n in zip(CLASSES, row, strict=True)
        for _ in range(n)
    ]
    table = pl.DataFrame(rows).with_columns(p_line=1 - pl.col("p_ring")).with_row_index("fov_id")
    return table.with_columns(pl.col("fov_id").cast(pl.String), **columns)


def test_counts_are_corrected_for_what_the_test_confused():
    cells = Cells().add("a", places(100), rings(45, 100))
    ring, line = cells.count(results_of_test([[90, 10], [20, 80]])).counts.to_dicts()
    expected = (0.45 - 0.2) / (0.9 - 0.2)
    assert ring["n"] == 45
    assert ring["adjusted_fraction"] == pytest.approx(expected)
    assert ring["adjusted_n"] + line["adjusted_n"] == pytest.approx(100)
    assert ring["adjusted_low"] < expected < ring["adjusted_high"]
    # all tests of two FOVs are two independent ones
    fewer = cells.count(results_of_test([[90, 10], [20, 80]], group=pl.lit("g"))).counts.row(0, named=True)
    assert fewer["adjusted_high"] - fewer["adjusted_low"] > ring["adjusted_high"] - ring["adjusted_low"]
    # the rule of the counts is that of the rates: no test object is as sure as this
    none = cells.count(results_of_test([[90, 10], [20, 80]]), min_probability=0.9)
    assert none.counts["adjusted_n"].null_count() == 0
    stated = Confusion(np.array([[90, 10], [20, 80]]), np.array([100.0, 100.0]))
    assert cells.count(stated).counts["adjusted_fraction"][0] == pytest.approx(expected)
    assert "confusion matrix alone is known" in cells.count(stated, min_probability=0.5).uncorrected
    few = cells.count(results_of_test([[9, 0], [0, 90]]))
    assert few.counts["adjusted_n"].null_count() == 2
    assert few.uncorrected == "fewer than 10 test objects of ring got a class"


def test_errors_of_counts_where_classes_are_known():
    truth = ["ring"] * 6 + ["line"] * 3 + [None]
    counted = Cells().add("a", places(10), rings(4, 10), truth).count()
    table = counted.counts.select("class", "n_true", "n_labelled").rows()
    assert table == [("ring", 6, 4), ("line", 3, 5)]
    errors = count_errors(counted.counts)
    assert errors["labelled_fovs"] == 1
    assert errors["mean_absolute_error_of_counts"] == 2
    assert errors["by_class"]["ring"] == {"mean_absolute_error": 2.0, "mean_error": -2.0}
    assert count_errors(Cells().add("a", places(3), rings(1, 3)).count().counts) == {}


def test_attraction_of_two_classes_is_told():
    own = places(30, side=1e5)
    both = np.concatenate([own, own + 200.0])
    counted = Cells().add("a", both, rings(30, 60)).add("b", places(40, side=1e5, seed=1), rings(20, 40))
    table = counted.count(simulations=99).neighbours
    found = {(row["fov_id"], row["null"], row["from"], row["to"]): row for row in table.to_dicts()}
    near = found["a", "random relabelling", "ring", "line"]
    assert near["mean_nm"] == pytest.approx(200 * 2**0.5, abs=20)
    assert (near["ratio"] < 0.7, near["p"], near["n_from"]) == (True, 0.02, 30)
    assert near["p"] <= near["q"] < 0.1
    assert found["b", "random relabelling", "ring", "line"]["p"] > 0.05
    assert found["b", "complete spatial randomness", None, None]["p"] > 0.05


def test_three_dimensions():
    counted = Cells(3).add("a", places(40, 3), rings(20, 40)).count(simulations=9)
    fov = counted.fovs.row(0, named=True)
    assert fov["area_of"] == "convex hull of 400 localisations, seen from above"
    assert fov["area_um2"] == pytest.approx(100, rel=0.3)
    row = counted.neighbours.filter(pl.col("from").is_null()).row(0, named=True)
    assert row["expected_nm"] == pytest.approx(0.554 * (1e12 / 40) ** (1 / 3), rel=0.4)
    flat = np.column_stack([places(10), np.zeros(10)])
    cells = Cells(3).add("a", flat, rings(5, 10))
    cells.points["a"][:, 2] = 0
    counted = cells.count(simulations=9)
    assert counted.fovs["area_um2"].null_count() == 0
    assert "span no volume" in counted.neighbours["reason"].drop_nulls().to_list()[0]


def test_a_box_is_larger_than_the_hull():
    cells = Cells().add("a", places(30), rings(10, 30))
    hull, box = (cells.count(area=kind).fovs.row(0, named=True) for kind in ("hull", "box"))
    span = np.ptp(cells.points["a"], axis=0)
    assert box["area_um2"] == pytest.approx(span.prod() / 1e6)
    assert hull["area_um2"] < box["area_um2"]
    assert box["area_of"] == "bounding box of 300 localisations"


def test_tiles_have_counts_and_no_neighbours():
    shared = {"localisations in several objects": 40}
    counted = Cells().add("a", places(20), rings(10, 20), counts=shared).count(simulations=9)
    assert counted.fovs["n_shared"].to_list() == [40]
    assert "share localisations" in counted.neighbours["reason"][0]
    assert counted.neighbours["p"].null_count() == 1


def test_one_object_none_predicted_and_one_class():
    one = Cells().add("a", places(1), ["ring"]).count(simulations=9)
    assert one.counts["n"].to_list() == [1, 0]
    assert one.neighbours["reason"].to_list() == ["expected at least 5 objects, found 1"]
    none = Cells().add("b", places(3), [None] * 3).add("a", places(6), rings(6, 6)).count(simulations=9)
    assert none.counts.filter(fov_id="b")["fraction"].null_count() == 2
    own = none.neighbours.filter(fov_id="a")
    assert own["from"].to_list() == [None, "ring"]
    assert own["null"].unique().to_list() == ["complete spatial randomness"]


def test_a_file_that_is_gone_costs_the_area_alone():
    cells = Cells().add("a", places(6), rings(3, 6))

    def gone(fov_id):
        raise OSError(f"{fov_id}.csv is gone")

    cells.points = type("", (), {"__getitem__": lambda _, name: gone(name)})()
    counted = cells.count()
    assert counted.counts["n"].to_list() == [3, 3]
    assert counted.fovs["area_of"].to_list() == ["its localisations cannot be read again: a.csv is gone"]


def test_files_hold_what_the_tables_hold(tmp_path):
    counted = Cells().add("a", places(8), rings(3, 8), rejected=("x",)).count(simulations=9)
    counted.write(tmp_path)
    record = json.loads((tmp_path / "counts.json").read_text())
    assert record["settings"] == {"min_probability": 0.0, "abstain": [], "area": "hull", "simulations": 9, "seed": 0}
    assert "not errors of the classifier" in record["intervals"]
    assert record["uncorrected"] == "no test"
    (fov,) = record["fovs"]
    assert [each["n"] for each in fov["classes"]] == [3, 5]
    assert fov["without_class"] == {"fewer than 5 localisations": 1}
    assert len(fov["neighbours"]) == counted.neighbours.height
    assert pl.read_parquet(tmp_path / "objects.parquet").equals(counted.objects)
    assert pl.read_csv(tmp_path / "counts.csv")["n"].to_list() == [3, 5]
