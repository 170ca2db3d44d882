"""Refused rows over all FOVs: totals, reasons, the FOVs that lost most."""

from locgraph.io.refused import RefusedRows, count_refused

COUNTS = {
    "a": {"kept": 10, "rows_refused": 0},
    "b": {"kept": 5, "rows_refused": 5, "rows_refused: x is missing": 4, "rows_refused: photons is negative": 1},
    "c": {"kept": 999, "rows_refused": 1, "rows_refused: photons is negative": 1},
}


def test_totals():
    refused = count_refused(COUNTS, "kept")

    assert (refused.n_fovs, refused.n_rows, refused.total) == (3, 1020, 6)
    assert refused.reasons == {"x is missing": 4, "photons is negative": 2}
    assert refused.by_fov == {"b": (5, 10), "c": (1, 1000)}


def test_in_words():
    assert count_refused(COUNTS, "kept").describe() == (
        "rows refused: 6 of 1,020 in 2 of 3 FOVs (4: x is missing; 2: photons is negative). "
        "Most: b (5 of 10), c (1 of 1,000)"
    )


def test_only_the_worst_are_named():
    refused = count_refused({f"fov{number}": {"kept": number, "rows_refused": 1} for number in range(7)}, "kept")

    assert refused.worst() == ("fov0 (1 of 1), fov1 (1 of 2), fov2 (1 of 3), fov3 (1 of 4), fov4 (1 of 5) and 2 more")


def test_nothing_was_refused():
    assert RefusedRows().describe() == ""
    assert count_refused({"a": {"kept": 3}}, "kept").describe() == ""


def test_as_text_and_back():
    refused = count_refused(COUNTS, "kept")

    assert RefusedRows.from_json(refused.to_json()) == refused
