"""Statements as numbers: localisations with equal values are one unit."""

import numpy as np

from builders.annotators import GRID, outline, write_statements
from locgraph.analysis.annotators.values import Annotators, outlined_localisations
from locgraph.io.annotations.table import read_annotations


def test_each_pattern_of_classes_is_counted_once(tmp_path):
    rng = np.random.default_rng(3)
    rows = [
        outline(name, "f", str(rng.choice(["a", "b", None])), (x, y), (x + 60, y + 40))
        for name in ("Ann", "Bo", "Di")
        for x, y in rng.uniform(-20, 50, (3, 2))
    ]
    rows = [row | {"label": None if row["label"] == "None" else row["label"]} for row in rows]
    about = Annotators(("Ann", "Bo", "Cy", "Di"), ("a", "b"), {})
    table = read_annotations(write_statements(tmp_path / "annotations.parquet", rows))
    units = outlined_localisations(table, GRID, about, "f")
    assert units.repeats.sum() == len(GRID)
    assert len({tuple(column) for column in units.codes.T.tolist()}) == units.codes.shape[1]
    assert (units.codes[2] == -1).all()  # Cy drew nothing
    for number, name in ((0, "Ann"), (1, "Bo"), (3, "Di")):
        inside = np.full(len(GRID), 2)
        for row in rows:
            if row["annotator"] == name:
                low, high = (row["x"][0], row["y"][0]), (row["x"][1], row["y"][2])
                within = ((low <= GRID) & (high > GRID)).all(axis=1)
                inside[within] = {"a": 0, "b": 1, None: 2}[row["label"]]
        for code in range(3):
            assert units.repeats[units.codes[number] == code].sum() == (inside == code).sum()
