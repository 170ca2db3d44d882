"""The sets of features in configs/features, and how one more is added."""

from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from locgraph.build import build

CONFIGS = Path(__file__).parents[3] / "configs"
STANDARD = ["size", "pca", "hull"]
NEED_COLUMNS = {
    "photons",
    "precision",
    "deconvolved_size",
    "deconvolved_size_3d",
    "blinking",
    "merged_blinking",
    "channels",
    *("mask_shape", "mask_skeleton", "mask_intensity"),
}


@pytest.fixture(scope="module", autouse=True)
def _hydra():
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        yield


def chosen(*overrides):
    return OmegaConf.to_container(compose("prepare", list(overrides)).features, resolve=True)


def test_the_standard_set_stays_what_experiments_were_run_with():
    assert chosen() == {
        "_target_": "locgraph.preparation.features.table.FeatureSet",
        "features": {
            "size": {"_target_": "locgraph.preparation.features.shape.Size"},
            "pca": {"_target_": "locgraph.preparation.features.shape.PCA"},
            "hull": {"_target_": "locgraph.preparation.features.hull.Hull"},
        },
    }


def test_the_full_set_holds_all_that_positions_alone_give_and_that_may_be_turned():
    files = {path.stem: yaml.safe_load(path.read_text()) for path in (CONFIGS / "features").glob("*.yaml")}
    everything = {name for name, content in files.items() if "features" in content}
    assert set(chosen("features=full")["features"]) == everything - NEED_COLUMNS - {"orientation"}
    assert build(chosen("features=full")).needs == ()


def test_the_photophysical_set_needs_frames_photons_and_precision():
    features = build(chosen("features=photophysics"))
    assert list(features.features)[:3] == STANDARD
    assert set(features.needs) == {"frame", "photons", "precision"}


@pytest.mark.parametrize(
    ("overrides", "clusters", "localisations"),
    [
        (["+features=spacing"], [*STANDARD, "spacing"], []),
        (["+features=[spacing,ellipse]"], [*STANDARD, "spacing", "ellipse"], []),
        (["features=[size,spacing]"], ["size", "spacing"], []),
        (["~features.features.hull", "+features=channels"], ["size", "pca", "channels"], []),
        (["+features=local_density"], STANDARD, ["local_density"]),
        (
            ["+features=[centre_distance,nearest_distance]"],
            STANDARD,
            ["centre_distance", "nearest_distance"],
        ),
    ],
)
def test_one_more_or_one_less_on_the_command_line(overrides, clusters, localisations):
    features = build(chosen(*overrides))
    assert list(features.features) == clusters
    assert list(features.localisations) == localisations


def test_settings_of_a_feature_on_the_command_line():
    features = build(
        chosen(
            "+features=[neighbourhood,channels]",
            "features.features.neighbourhood.radii_nm=[50]",
            "+features.features.channels.channels={0: lamin, 1: actin, 2: tubulin}",
        )
    )
    assert features.features["neighbourhood"].radii_nm == (50.0,)
    assert features.features["channels"].channels == {0: "lamin", 1: "actin", 2: "tubulin"}
