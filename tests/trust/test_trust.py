"""What a run knows of its predictions: fitted, kept as plain values, and added to tables."""

import json

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError
from locgraph.trust.measures import Measures
from locgraph.trust.ranges import Range, Ranges
from locgraph.trust.trust import Trust, TrustSettings, check_abstain
from locgraph.trust.unlike import UnlikeFovs

CLASSES = ("T", "L")
UNLIKE = UnlikeFovs(Ranges({"extent": Range(90.0, 110.0, 0.25)}, {}, {"extent": "nm"}), None)


def fitted(n: int = 60, settings: TrustSettings | None = None) -> Trust:
    """Fitted to FOVs of which one in ten is predicted wrongly."""
    targets = np.arange(n) % 2
    right = np.where(np.arange(n) % 10 == 0, 0.3, 0.9)
    probabilities = np.where(np.eye(2)[targets] > 0, right[:, None], 1.0 - right[:, None])
    return Trust.fit(settings or TrustSettings(coverage=0.8), CLASSES, probabilities, targets, UNLIKE)


def predictions(*first: float) -> pl.DataFrame:
    """Predictions with these probabilities of the first class."""
    names = [CLASSES[0] if value >= 0.5 else CLASSES[1] for value in first]
    ids = [f"fov_{index}" for index in range(len(first))]
    other = [1.0 - value for value in first]
    return pl.DataFrame({"fov_id": ids, "prediction": names, "p_T": first, "p_L": other})


def judge(trust: Trust, table: pl.DataFrame, extents: tuple[float, ...] = (), **settings) -> pl.DataFrame:
    """The table that is judged; FOVs are 100 nm large unless extents are given."""
    extent = pl.Series("extent", extents or [100.0] * table.height)
    measures = Measures(table.select("fov_id", extent), pl.DataFrame(schema={"fov_id": pl.String}))
    return trust.judge(table, measures, None, **settings)[0]


def test_a_sure_prediction_has_a_set_of_one_class_and_a_decision():
    table = judge(fitted(), predictions(0.99, 0.5), abstain=["uncertain"])

    assert table["prediction_set"].to_list()[0] == ["T"]
    assert table["decision"].to_list() == ["T", None]
    assert table["credibility"][0] == 1.0
    assert 0.0 < table["credibility"][1] < 1.0


def test_without_a_reason_to_abstain_every_fov_has_a_decision():
    table = judge(fitted(), predictions(0.95, 0.5, 0.2))

    assert table["decision"].to_list() == table["prediction"].to_list() == ["T", "T", "L"]


def test_unlike_fovs_are_marked_named_and_get_no_class_on_request():
    table, extents = predictions(0.99, 0.98), (100.0, 10_000.0)
    unlike = judge(fitted(), table, extents, abstain=["unlike"])

    assert unlike["unlike"].to_list() == [False, True]
    assert unlike["unlike_reasons"].to_list() == [[], ["extent 10,000 nm; training 90 to 110 nm: other units?"]]
    assert unlike["decision"].to_list() == ["T", None]
    assert judge(fitted(), table, extents, abstain=["uncertain"])["decision"].to_list() == ["T", "T"]


def test_plain_values_are_json_and_make_it_again():
    trust = fitted()
    again = Trust.from_plain(json.loads(json.dumps(trust.to_plain())))
    table = predictions(0.95, 0.6, 0.2)

    assert judge(again, table).equals(judge(trust, table))
    assert again.settings == trust.settings


def test_limits_are_stated():
    few = fitted(8, TrustSettings(coverage=0.95))

    assert few.limits() == (
        "probabilities are not calibrated: it takes 10 FOVs that were not trained on, found 8",
        "prediction sets at a coverage of 0.95 always hold every class: there are 8 FOVs to compare with, it takes 19; "
        "lower trust.coverage, or take more FOVs",
    )
    by_class = fitted(60, TrustSettings(coverage=0.98, by_class=True))
    assert "always hold this class: there are 30 FOVs of class L to compare with, it takes 49" in by_class.limits()[1]
    assert fitted().limits() == ()


def test_no_validation_fov_with_a_class():
    trust = Trust.fit(TrustSettings(), CLASSES, np.empty((0, 2)), np.empty(0, dtype=np.int64), UNLIKE)

    assert "prediction_set" not in judge(trust, predictions(0.9)).columns
    assert trust.limits()[1] == "there are no prediction sets: no FOV to compare with has a class"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"calibration": "platt"}, "calibration: expected one of temperature, vector, none, found 'platt'"),
        ({"coverage": 1.0}, "coverage: expected a number above 0 and below 1, found 1"),
        ({"false_alarms": 0}, "false_alarms: expected a number above 0"),
        ({"by_class": "yes"}, "by_class"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        TrustSettings(**settings)


def test_reasons_to_abstain():
    assert check_abstain(None) == check_abstain([]) == ()
    assert check_abstain("unlike") == ("unlike",)
    with pytest.raises(ConfigError, match=r"predict.abstain: expected some of unlike, uncertain, found \['unsure'\]"):
        check_abstain(["unsure"], "predict.abstain")
