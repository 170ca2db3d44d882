"""The metric that training returns to a sweeper."""

import pytest
import torch

from locgraph import schema
from locgraph.api.training.objective import check_objective, read_objective
from locgraph.errors import ConfigError, DataError
from locgraph.learn.scores import FOV_SCORES, LOCALISATION_SCORES, FovScores, LocalisationScores
from locgraph.learn.tasks.fov import FovPrediction

FOV, LOC = schema.FIELD_OF_VIEW, schema.LOCALISATION


def test_names_of_scores_are_those_that_are_computed():
    fovs, localisations = FovScores(), LocalisationScores(2)
    probabilities, target = torch.tensor([[0.9, 0.1], [0.4, 0.6]]), torch.tensor([0, 1])
    fovs.update(FovPrediction(["a", "b"], target, probabilities))
    localisations.update(probabilities, target)
    assert set(fovs.compute()) == set(FOV_SCORES)
    assert set(localisations.compute()) == set(LOCALISATION_SCORES)


@pytest.mark.parametrize(
    ("name", "predicts", "allowed"),
    [
        ("val/loss", [FOV], True),
        ("val/auroc", [FOV], True),
        ("val/iou", [LOC], True),
        ("val/localisation_iou", [FOV, LOC], True),
        ("val/auroc", [LOC], False),
        ("val/localisation_iou", [FOV], False),
        ("test/loss", [FOV], False),
        ("loss", [FOV], False),
        (None, [FOV], False),
    ],
)
def test_validation_metrics_of_the_network_alone_are_allowed(name, predicts, allowed):
    if allowed:
        check_objective(name, predicts)
    else:
        with pytest.raises(ConfigError, match="optimized_metric: expected a validation metric"):
            check_objective(name, predicts)


def test_the_metric_is_that_of_validation():
    metrics = {"val": {"loss": 0.5}, "test": {"loss": 0.1}, "localisations": {"val": {"iou": 0.7}}}
    assert read_objective(metrics, "val/loss") == 0.5
    assert read_objective(metrics, "val/localisation_iou") == 0.7


def test_a_metric_that_could_not_be_computed_is_an_error_and_no_nan():
    with pytest.raises(DataError, match=r"val/auroc could not be computed from the 4 validation FOVs.*it has loss"):
        read_objective({"val": {"loss": 0.5}, "fovs": {"val": 4}}, "val/auroc")
