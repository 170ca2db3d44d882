"""What the columns of a table of FOVs hold: type, unit and meaning."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema
from locgraph.viewer.opened import PROBLEM

_MEANINGS: Final = {
    schema.PREDICTION: "class that the network predicts, by a model that did not train on the FOV",
    schema.PROBABILITY: "calibrated probability of the predicted class",
    "correct": "whether the predicted class is the given one",
    schema.SPLIT: "side of the fold: test, val (chooses the best epoch) or train",
    schema.FOLD: "fold of the network whose prediction is shown",
    schema.PREDICTION_SET: "classes that conform: the true one is among them as often as the coverage says",
    schema.CREDIBILITY: "largest conformal p-value of a class; small where no class fits",
    schema.TYPICALITY: "about 0 for a FOV like most of the training, the lower the less like them, below -1 for few",
    schema.TYPICALITY_P: "probability that a FOV like those of the training is as unlike; small is untypical",
    schema.UNLIKE: "whether the FOV is unlike those of the training",
    schema.DECISION: "class that is returned; none where the network abstains",
    schema.DISAGREEMENT: "of several networks: mutual information of class and network, in nats",
    "explained": "whether there are explanations of the FOV",
    PROBLEM: "why the FOV cannot be shown",
}


def describe_columns(table: pl.DataFrame) -> list[dict[str, str]]:
    """Return ``name``, ``type`` (text, number or flag), ``unit`` and ``meaning`` of each column of a table of FOVs."""
    return [{"name": name, "type": _type(dtype), **_about(name)} for name, dtype in table.schema.items()]


def _about(name: str) -> dict[str, str]:
    known = schema.MANIFEST_COLUMNS.get(name)
    if known is not None:
        return {"unit": known.unit, "meaning": known.meaning}
    if name.startswith(schema.PROBABILITY_PREFIX):
        return {"unit": "1", "meaning": f"probability of the class {name.removeprefix(schema.PROBABILITY_PREFIX)}"}
    return {"unit": "1", "meaning": _MEANINGS.get(name, "")}


def _type(dtype: pl.DataType) -> str:
    return "flag" if dtype == pl.Boolean else "number" if dtype.is_numeric() else "text"
