"""Agreement of partitions."""

import numpy as np
import pytest

from locgraph.stats.partitions import compare_partitions


def test_names_do_not_matter():
    same = compare_partitions(np.array(["a", "a", "b", "c"]), np.array(["2", "2", "0", "1"]))
    assert (same.n, same.matched_accuracy, same.adjusted_rand, same.nmi) == (4, 1.0, 1.0, pytest.approx(1.0))
    assert same.matches == {"2": "a", "0": "b", "1": "c"}


def test_parts_are_matched_one_to_one():
    truth = np.array(["a"] * 4 + ["b"] * 4)
    found = np.array(["0", "0", "1", "1", "2", "2", "2", "0"])
    result = compare_partitions(truth, found)
    # 0 and 1 cannot both be a: 2 + 3 of 8
    assert result.matched_accuracy == 5 / 8
    assert len(result.matches) == 2


def test_cases_of_a_part_without_match_are_wrong():
    truth, found = np.array(["a"] * 5 + ["b"] * 2), np.array(["-1"] * 4 + ["0"] * 3)
    assert compare_partitions(truth, found).matched_accuracy == 6 / 7
    kept_apart = compare_partitions(truth, found, unmatched="-1")
    assert kept_apart.matched_accuracy == 2 / 7
    assert kept_apart.matches == {"0": "b"}
