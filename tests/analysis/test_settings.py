"""Settings of an analysis are checked before anything is read."""

import pytest
from sklearn.svm import SVC

from locgraph.analysis.projection import UmapSettings
from locgraph.analysis.settings import read_settings
from locgraph.api.config import plain
from locgraph.errors import ConfigError


@pytest.fixture
def group(composed) -> dict:
    return plain(composed("analyse", "folder=.").analysis)


def test_the_configs_are_read(group):
    settings = read_settings(group)

    assert list(settings.classifiers) == [
        "logistic_regression",
        "decision_tree",
        "support_vector_machine",
        "nearest_neighbours",
        "random_forest",
        "gradient_boosting",
    ]
    assert isinstance(settings.classifiers["support_vector_machine"].estimator, SVC)
    assert settings.umap == UmapSettings(backend="cpu", seed=0)
    assert settings.localisations.radius_nm == 50
    assert settings.aggregation.prefixes == ["mean", "sd", "q10", "q50", "q90"]
    assert settings.hand_made
    assert settings.learned
    assert settings.plain == group


def test_parts_can_be_left_out_and_the_seed_reaches_all_of_them(group):
    fewer = read_settings(group | {"umap": None, "localisations": None, "classifiers": None, "features": "learned"})
    assert (fewer.umap, fewer.localisations, fewer.classifiers, fewer.hand_made) == (None, None, {}, False)

    seeded = read_settings(group | {"seed": 5})
    assert (seeded.seed, seeded.umap.seed, seeded.localisations.seed) == (5, 5, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": "learnt"}, r"^features: expected one of .*'learnt'; did you mean learned\?"),
        ({"folds": 3}, "^folds: expected one of same, all, found 3"),
        ({"style": "dots"}, "^style: expected one of box, violin"),
        ({"n_folds": 1}, "^n_folds: expected a whole number of at least 2, found 1"),
        ({"controls": "yes"}, "^controls: expected true or false"),
        ({"k_means": [1]}, "^k_means: expected a whole number of at least 2"),
        ({"umap": {"n_neighbors": 1}}, r"^umap\.n_neighbors: expected a whole number of at least 2"),
        ({"umap": {"neighbours": 3}}, "^umap: .*unexpected keyword argument 'neighbours'"),
        ({"umap": 15}, "^umap: expected a group of settings, found 15"),
        ({"aggregation": {"quantiles": [2]}}, r"^aggregation\.quantiles: expected numbers from 0 to 1"),
        ({"localisations": {"radius_nm": -1}}, r"^localisations\.radius_nm: expected a length above 0"),
        ({"classifiers": {"a": {"_target_": "sklearn.svm.SVC"}}}, r"^classifiers\.a: expected _target_"),
        ({"classifiers": {"a": {"_target_": "sklearn.nothing.X"}}}, r"^classifiers\.a\._target_: "),
    ],
)
def test_wrong_settings_are_named(group, changes, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(group | changes)
