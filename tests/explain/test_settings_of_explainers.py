"""Settings of explainers and metrics: a value out of range is refused by the name of its argument."""

import pytest

from locgraph.errors import ConfigError
from locgraph.explain.baselines import Displacement
from locgraph.explain.gnn_explainer import GNNExplainer
from locgraph.explain.gradients import ExpectedGradients, IntegratedGradients
from locgraph.explain.metrics.fidelity import Characterisation
from locgraph.explain.metrics.judge import JudgeSettings
from locgraph.explain.metrics.selection import Selection
from locgraph.explain.metrics.stability import Stability
from locgraph.explain.pg_explainer import PGExplainer
from locgraph.explain.shapley import Shapley
from locgraph.explain.subgraphx import SubgraphX


@pytest.mark.parametrize(
    ("component", "setting", "value", "expected"),
    [
        (Displacement, "places", -1, "at least 0"),
        (ExpectedGradients, "references", 0, "at least 1"),
        (ExpectedGradients, "steps", 0, "at least 1"),
        (IntegratedGradients, "steps", 0, "at least 1"),
        (IntegratedGradients, "baseline", "median", "mean or zero"),
        (GNNExplainer, "steps", 0, "at least 1"),
        (GNNExplainer, "learning_rate", 0, "above 0"),
        (GNNExplainer, "cluster_size", -1, "at least 0"),
        (GNNExplainer, "edge_size", -1, "at least 0"),
        (GNNExplainer, "feature_size", -1, "at least 0"),
        (GNNExplainer, "entropy", -1, "at least 0"),
        (PGExplainer, "epochs", 0, "at least 1"),
        (PGExplainer, "learning_rate", 0, "above 0"),
        (PGExplainer, "hidden", 0, "at least 1"),
        (PGExplainer, "edge_size", -1, "at least 0"),
        (PGExplainer, "entropy", -1, "at least 0"),
        (PGExplainer, "last_temperature", 0, "above 0"),
        (PGExplainer, "first_temperature", 1.0, "at least 2"),
        (PGExplainer, "reduce", "sum", "max or mean"),
        (Shapley, "pairs", 0, "at least 1"),
        (Shapley, "pairs", True, "at least 1"),
        (SubgraphX, "max_clusters", 0, "at least 1"),
        (SubgraphX, "rollouts", 0, "at least 1"),
        (SubgraphX, "expand", 1.5, "at least 1"),
        (SubgraphX, "order", "high", "low_to_high or high_to_low"),
        (SubgraphX, "exploration", -1, "at least 0"),
        (SubgraphX, "samples", 0, "at least 1"),
        (SubgraphX, "hops", -1, "at least 0"),
        (SubgraphX, "neighbours", 0, "at least 1"),
        (SubgraphX, "start_clusters", 2.5, "at least 1"),
        (Characterisation, "plus", 0, "above 0"),
        (Characterisation, "minus", None, "above 0"),
        (JudgeSettings, "curve_points", 1, "at least 2"),
        (Stability, "repeats", 0, "at least 1"),
        (Stability, "jitter", -1, "at least 0"),
        (Stability, "jitter", 0, "above 0"),
        (Stability, "feature_jitter", "x", "at least 0"),
        (Stability, "in_nm", 1, "true or false"),
        (Selection, "by", "best", "one of count, fraction, threshold and subgraph"),
    ],
)
def test_a_value_out_of_range_is_refused(component, setting, value, expected):
    with pytest.raises(ConfigError, match=expected) as refused:
        component(**{setting: value})
    assert refused.value.setting == setting
    assert f"found {value!r}" in str(refused.value)


@pytest.mark.parametrize(
    ("by", "amount"),
    [("count", 0), ("count", 0.5), ("fraction", 0), ("fraction", 3), ("subgraph", 3), ("threshold", "x")],
)
def test_the_amount_of_a_selection_depends_on_its_rule(by, amount):
    with pytest.raises(ConfigError, match=f"amount: .*found {amount!r}"):
        Selection(by, amount)
