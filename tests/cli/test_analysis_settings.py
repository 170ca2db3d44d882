"""Settings of an analysis are checked before anything is read."""

import pytest
from sklearn.svm import SVC

from locgraph.analysis.umap_projection import UmapSettings
from locgraph.cli import assemble
from locgraph.cli.analysis_settings import read_settings
from locgraph.errors import ConfigError


@pytest.fixture
def group(composed) -> dict:
    return assemble.plain(composed("analyse").analysis)


def test_the_configs_are_read(group):
    found = read_settings(group)

    assert list(found.classifiers) == [
        "logistic_regression",
        "decision_tree",
        "support_vector_machine",
        "nearest_neighbours",
        "random_forest",
        "gradient_boosting",
    ]
    assert isinstance(found.classifiers["support_vector_machine"].estimator, SVC)
    assert found.umap == UmapSettings(backend="cpu", seed=0)
    assert found.localisations.radius_nm == 50
    assert found.aggregation.prefixes == ["mean", "sd", "q10", "q50", "q90"]
    assert found.hand_made
    assert found.learned


def test_parts_can_be_left_out_and_the_seed_reaches_all_of_them(group):
    found = read_settings(group | {"umap": None, "localisations": None, "classifiers": None, "features": "learned"})
    assert (found.umap, found.localisations, found.classifiers, found.hand_made) == (None, None, {}, False)

    seeded = read_settings(group | {"seed": 5})
    assert (seeded.seed, seeded.umap.seed, seeded.localisations.seed) == (5, 5, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": "learnt"}, r"analysis\.features must be one of .*'learnt'; did you mean learned\?"),
        ({"folds": 3}, r"analysis\.folds must be one of same, all, found 3"),
        ({"n_folds": 1}, r"analysis\.n_folds must be a whole number of at least 2, found 1"),
        ({"controls": "yes"}, r"analysis\.controls must be true or false"),
        ({"k_means": [1]}, r"analysis\.k_means must be a whole number of at least 2"),
        ({"umap": {"n_neighbors": 1}}, r"^analysis\.umap\.n_neighbors must be a whole number of at least 2"),
        ({"umap": {"neighbours": 3}}, r"^analysis\.umap: .*unexpected keyword argument 'neighbours'; --cfg job shows"),
        ({"umap": 15}, r"analysis\.umap must be a group of settings, found 15"),
        ({"aggregation": {"quantiles": [2]}}, r"^analysis\.aggregation\.quantiles must be numbers from 0 to 1"),
        ({"localisations": {"radius_nm": -1}}, r"^analysis\.localisation_level\.radius_nm must be a length above 0"),
        ({"classifiers": {"a": {"_target_": "sklearn.svm.SVC"}}}, r"analysis\.classifiers\.a: expected _target_"),
        ({"classifiers": {"a": {"_target_": "sklearn.nothing.X"}}}, r"analysis\.classifiers\.a: "),
    ],
)
def test_what_cannot_work_is_told_with_its_setting(group, changes, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(group | changes)
