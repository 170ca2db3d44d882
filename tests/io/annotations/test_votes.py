"""From what several annotators state to one label."""

import numpy as np
import pytest

from locgraph.io.annotations.votes import (
    DISAGREEMENT,
    MAJORITY,
    TIE,
    TOO_FEW,
    UNANIMOUS,
    decide,
    decide_rows,
    describe,
    shares,
)


@pytest.mark.parametrize(
    ("stated", "rule", "least", "label", "reason"),
    [
        (["a"], MAJORITY, 1, "a", None),
        (["a", "b", "a"], MAJORITY, 1, "a", None),
        (["a", "b"], MAJORITY, 1, None, TIE),
        (["b", "a", "c", "b", "a"], MAJORITY, 1, None, TIE),
        (["a", "b", "a"], UNANIMOUS, 1, None, DISAGREEMENT),
        (["a", "a"], UNANIMOUS, 2, "a", None),
        (["a"], UNANIMOUS, 2, None, TOO_FEW),
        (["a", "b"], MAJORITY, 3, None, TOO_FEW),
    ],
)
def test_rules(stated, rule, least, label, reason):
    assert decide(stated, rule, least) == (label, reason)


@pytest.mark.parametrize("rule", [MAJORITY, UNANIMOUS])
@pytest.mark.parametrize("least", [1, 2, 3])
def test_localisations_are_decided_one_by_one_as_fovs_are(rule, least):
    names = ["a", "b", "c"]
    stated = np.random.default_rng(0).integers(-1, 3, (4, 500))
    stated[:, :20] = -1  # nobody states anything

    labels, reasons = decide_rows(stated, 3, rule, least)

    each = [[names[index] for index in column if index >= 0] for column in stated.T]
    expected = [decide(own, rule, least) if own else (None, None) for own in each]
    assert [None if index < 0 else names[index] for index in labels] == [label for label, _ in expected]
    counts = [reason for _, reason in expected if reason is not None]
    assert reasons == {reason: counts.count(reason) for reason in set(counts)}
    assert (labels[:20] == -1).all()


def test_nothing_stated_is_no_label_and_no_reason():
    labels, reasons = decide_rows(np.empty((0, 3), int), 0, MAJORITY)
    assert labels.tolist() == [-1, -1, -1]
    assert reasons == {}


def test_shares_are_those_of_annotators():
    assert shares(["b", "a", "b", "b"]) == {"a": 0.25, "b": 0.75}
    assert shares([]) == {}


def test_reasons_are_counted_and_some_fovs_named():
    text = describe({TIE: ["b", "a"], TOO_FEW: [str(index) for index in range(7)]})
    assert text == "2 with tie (a, b); 7 with fewer annotators than min_annotators (0, 1, 2, 3, 4, ...)"
