from locgraph.analysis.summary_text import summary_markdown

CONTENT = {
    "experiment": "digits",
    "expected_folds": [0, 1, 2],
    "missing": [2],
    "reasons": {"2": "out of\nmemory"},
    "table": [
        {
            "source": source,
            "metric": metric,
            "n_folds": 2,
            "mean": mean,
            "standard_deviation": 0.1,
            "interval_low": low,
            "interval_high": high,
            "fold_0": mean,
            "fold_1": None,
        }
        for source, metric, mean, low, high in (
            ("model", "accuracy", 0.9, 0.85, 0.95),
            ("model", "loss", 0.4, None, None),
            ("count_alone", "accuracy", 0.5, 0.4, 0.6),
        )
    ],
    "class_names": ["one", "two"],
    "confusion_matrix": [[9, 1], [0, 10]],
    "pooled_accuracy": {"accuracy": 0.95, "low": 0.76, "high": 0.99},
}


def test_the_text_of_an_incomplete_sweep():
    assert (
        summary_markdown(CONTENT)
        == """\
# digits

**Incomplete: 2 of 3 folds.** The numbers below leave these out:

- fold 2: out of memory

## Accuracy

|  | mean | s.d. | 95 % interval of the mean | folds | fold 0 | fold 1 |
| :-- | --: | --: | --: | --: | --: | --: |
| model | 0.900 | 0.100 | 0.850 to 0.950 | 2 of 3 | 0.900 | – |
| count_alone | 0.500 | 0.100 | 0.400 to 0.600 | 2 of 3 | 0.500 | – |

## Other metrics of the model

|  | mean | s.d. | 95 % interval of the mean | folds | fold 0 | fold 1 |
| :-- | --: | --: | --: | --: | --: | --: |
| loss | 0.400 | 0.100 | – | 2 of 3 | 0.400 | – |

## Test FOVs of all folds

Accuracy over 20 FOVs: 0.950, 95 % interval 0.760 to 0.990 (Wilson).

| truth / prediction | one | two |
| :-- | --: | --: |
| one | 9 | 1 |
| two | 0 | 10 |

## The controls

- `count_alone`: forest on the number of localisations.
"""
    )


def test_a_complete_sweep_says_so():
    assert "Complete: 3 of 3 folds." in summary_markdown(CONTENT | {"missing": []})


def test_a_sweep_without_results_has_no_tables():
    text = summary_markdown(
        CONTENT | {"experiment": "", "table": [], "missing": [0, 1, 2], "reasons": dict.fromkeys("012", "?")}
    )
    assert text.startswith("# Sweep\n\n**Incomplete: 0 of 3 folds.**")
    assert "|" not in text
