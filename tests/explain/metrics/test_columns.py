"""The table of metrics."""

import pytest

from locgraph.explain.metrics import columns


def test_each_metric_has_one_name():
    parts = (columns.JUDGED, columns.REPEATED, columns.RANDOMISED, columns.GROUND_TRUTH)
    assert len(columns.METRICS) == sum(map(len, parts))
    named = {
        value for name, value in vars(columns).items() if name.isupper() and isinstance(value, str) and name[0] != "_"
    }
    assert named - {columns.HIGHER, columns.LOWER, columns.NEITHER} == set(columns.METRICS)


@pytest.mark.parametrize("metric", columns.METRICS.values(), ids=str)
def test_each_metric_says_what_it_is(metric):
    assert metric.low < metric.high
    assert metric.better in (columns.HIGHER, columns.LOWER, columns.NEITHER)
    assert metric.meaning
    assert "\n" not in metric.meaning
