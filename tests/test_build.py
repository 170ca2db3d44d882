"""From the configuration to objects, and what constructors refuse."""

from types import SimpleNamespace

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from locgraph.cli import assemble
from locgraph.data.augment import Jitter, Rotation, Scale, Shear, Thinning
from locgraph.data.datamodule import LoaderSettings
from locgraph.errors import ConfigError, FoldError
from locgraph.graphs.edges import AllPairs, Nearest
from locgraph.graphs.superclusters import Linked
from locgraph.nn.sizes import DataSizes
from locgraph.preparation.clustering.kmeans import KMeans
from locgraph.preparation.filters.merge_blinks import MergeBlinks
from locgraph.provenance import fingerprint

SPACE = "types.SimpleNamespace"
SIZES = DataSizes(dimensions=2, n_classes=3, cluster_features=5, localisation_features=0, levels=0)


def leaf(target, **arguments):
    return OmegaConf.create({"_target_": target, **arguments})


def test_plain_values_are_resolved():
    cfg = OmegaConf.create({"a": {"b": "${c}", "d": [1, "${c}"]}, "c": 2.5})

    found = assemble.plain(cfg.a)

    assert found == {"b": 2.5, "d": [1, 2.5]}
    assert type(found) is dict
    assert type(found["d"]) is list
    assert assemble.plain("text") == "text"
    assert assemble.plain(None) is None


def test_lists_and_mappings_arrive_as_plain_ones():
    made = assemble.build(leaf(SPACE, channels=[16, 24], names={"x": "X", "more": [1]}))

    assert made == SimpleNamespace(channels=[16, 24], names={"x": "X", "more": [1]})
    assert type(made.channels) is list
    assert type(made.names) is dict
    assert type(made.names["more"]) is list


def test_a_plain_dict_will_do():
    made = assemble.build({"_target_": "locgraph.preparation.clustering.kmeans.KMeans", "n_clusters": 3})

    assert isinstance(made, KMeans)


def test_parts_within_parts_are_made_too():
    made = assemble.build(leaf(SPACE, edges={"_target_": "locgraph.graphs.edges.Nearest", "k": 2}))

    assert isinstance(made.edges, Nearest)


def test_numbers_from_data_keep_their_type():
    weights, names = torch.ones(2), ("a", "b")

    made = assemble.build(leaf(SPACE, hidden=[1]), sizes=SIZES, weights=weights, names=names, mapping={"a": SIZES})

    assert made.sizes is SIZES
    assert made.weights is weights
    assert made.names is names
    assert made.mapping["a"] is SIZES
    assert made.hidden == [1]
    assert type(made.hidden) is list


def test_a_partial_leaf_waits_for_its_arguments():
    make = assemble.build(leaf("torch.optim.SGD", _partial_=True, lr=0.5))

    assert make([torch.nn.Parameter(torch.zeros(1))]).defaults["lr"] == 0.5


def test_errors_of_constructors_come_through_as_they_are(tmp_path):
    with pytest.raises(ConfigError, match=r"^clustering\.n_clusters must be .*at least 1, found 0"):
        assemble.build(leaf("locgraph.preparation.clustering.kmeans.KMeans", n_clusters=0))
    with pytest.raises(FoldError, match=r"nowhere\.json"):
        assemble.build(leaf("locgraph.data.folds.FromFile", path=str(tmp_path / "nowhere.json")))


def test_errors_of_parts_within_parts_come_through_as_they_are():
    edges = {"_target_": "locgraph.graphs.edges.Nearest", "k": 0}

    with pytest.raises(ConfigError, match=r"^graph\.cluster_edges\.k must be at least 1, found 0"):
        assemble.build(leaf(SPACE, edges=edges))


def test_errors_of_constructors_that_get_numbers_come_through_as_they_are():
    with pytest.raises(FoldError, match=r"nowhere\.json"):
        assemble.build(leaf("locgraph.data.folds.FromFile"), path="nowhere.json")


@pytest.mark.parametrize("make", [leaf, lambda target, **arguments: {"_target_": target, **arguments}])
@pytest.mark.parametrize("numbers", [{}, {"n_init": 1}])
def test_an_unknown_argument_names_the_class(make, numbers):
    with pytest.raises(ConfigError, match=r"(?s)locgraph\.clustering\.kmeans\.KMeans.*unexpected keyword.*'clusters'"):
        assemble.build(make("locgraph.preparation.clustering.kmeans.KMeans", clusters=3), **numbers)


def test_an_unknown_argument_of_a_part_of_the_network_names_the_part(composed):
    cfg = composed("train", "model=clusternet", "+model.readout.window=3")

    expected = (
        r"models\.network\.Network: Pooled.*unexpected keyword argument 'window'.*leave it out with ~GROUP\.window"
    )
    with pytest.raises(ConfigError, match=expected):
        assemble.network(cfg.model, SIZES)


@pytest.mark.parametrize("numbers", [{}, {"n_clusters": 1}])
@pytest.mark.parametrize(
    "target", ["locgraph.preparation.clustering.kmeans.Kmeans", "locgraph.nothing.KMeans", "nopackage.KMeans"]
)
def test_a_class_that_does_not_exist_is_named(target, numbers):
    with pytest.raises(ConfigError, match=target.replace(".", r"\.")):
        assemble.build(leaf(target), **numbers)


@pytest.mark.parametrize("numbers", [{}, {"capturable": False}])
def test_values_that_a_foreign_class_refuses_name_the_class(numbers):
    node = leaf("torch.optim.AdamW", lr=-1.0)

    with pytest.raises(ConfigError, match=r"(?s)AdamW.*Invalid learning rate: -1\.0"):
        assemble.build(node, **numbers, params=[torch.nn.Parameter(torch.zeros(1))])


def test_settings_of_the_tables(composed):
    overrides = ["clustering=kmeans", "clustering.n_clusters=7", "views=thinned", "limits.min_clusters=4"]

    found = assemble.extract_settings(composed("train", *overrides))

    data = {"min_localisations": 3, "min_clusters": 4, "max_refused_fraction": 0.05, "keep_unclustered": False}
    assert found["data"] == data
    assert found["preprocess"] == []
    assert found["clustering"]["n_clusters"] == 7
    assert found["views"] == {"_target_": "locgraph.preparation.views.Views", "count": 16, "keep": 0.8, "seed": 0}
    assert set(found) == {"data", "columns", "preprocess", "clustering", "features", "views"}
    assert not any(isinstance(part, DictConfig) for part in found.values())


def test_recipe_of_the_tables(composed):
    settings = assemble.extract_settings(
        composed("train", "columns=nm", "clustering=kmeans", "limits.min_localisations=6")
    )

    recipe = assemble.extract_recipe(settings)

    assert isinstance(recipe.clusterer, KMeans)
    assert recipe.views.count == 1
    assert recipe.columns.unit == "nm"
    assert recipe.min_localisations == 6
    assert recipe.preprocess == {}
    assert not recipe.keep_unclustered
    assert recipe.settings is settings


def test_localisations_are_stored_where_the_head_reads_them(composed):
    settings = assemble.graph_settings(composed("train", "model=clusternet", "model/head=segment"), [])

    assert settings["localisations"] is True


def test_descriptors_of_the_recipe(composed):
    settings = assemble.graph_settings(composed("train"), ["count"])
    assert assemble.graph_recipe(settings).descriptors == {}
    del settings["descriptors"]  # as in checkpoints of earlier versions
    assert assemble.graph_recipe(settings).descriptors == {}

    cfg = composed("train", "graph/descriptors=standard", "graph.descriptors.pair_distances.n_bins=7")
    descriptors = assemble.graph_recipe(assemble.graph_settings(cfg, ["count"])).descriptors
    assert set(descriptors) == {"pair_distances", "ripley", "covariance"}
    assert descriptors["pair_distances"].n_bins == 7


def test_filters_keep_the_order_they_are_written_in(composed):
    for names in (["merge_blinks", "frames", "precision"], ["precision", "merge_blinks", "frames"]):
        cfg = composed("train", f"preprocess=[{','.join(names)}]", "preprocess.frames.last=7")

        recipe = assemble.extract_recipe(assemble.extract_settings(cfg))

        assert list(recipe.preprocess) == names
        assert isinstance(recipe.preprocess["merge_blinks"], MergeBlinks)
        assert recipe.preprocess["frames"].last == 7


def test_the_order_of_filters_counts(composed):
    names = (["photons", "frames"], ["frames", "photons"])
    cfgs = (composed("train", f"preprocess=[{','.join(n)}]", "preprocess.photons.least=1") for n in names)

    assert len({fingerprint(assemble.extract_settings(cfg)) for cfg in cfgs}) == 2


def test_unclustered_localisations_are_kept_where_the_settings_say_so(composed):
    settings = assemble.extract_settings(composed("train", "limits.keep_unclustered=true"))

    assert assemble.extract_recipe(settings).keep_unclustered


def test_a_filter_that_cannot_work_is_named(composed):
    settings = assemble.extract_settings(composed("train", "preprocess=photons", "preprocess.photons.least=null"))

    with pytest.raises(
        ConfigError, match=r"preprocess\.photons: expected least or most, or both, as limits of photons"
    ):
        assemble.extract_recipe(settings)


def test_settings_of_earlier_versions_know_no_filters(composed):
    cfg = composed("train", "data.raw_dir=raw")
    settings = assemble.extract_settings(cfg)
    recorded = {name: assemble.plain(cfg[name]) for name in ("data", "columns", "clustering", "features", "views")}
    del recorded["data"]["keep_unclustered"]

    assert assemble.extract_settings(OmegaConf.create(recorded)) == settings


def test_superclusters_of_the_recipe(composed):
    settings = assemble.graph_settings(composed("train"), ["count"])
    assert assemble.graph_recipe(settings).superclusters is None
    del settings["superclusters"]  # as in checkpoints of earlier versions
    assert assemble.graph_recipe(settings).superclusters is None

    cfg = composed("train", "graph/superclusters=linked", "graph.superclusters.scales_nm=[50,70.5]")
    superclusters = assemble.graph_recipe(assemble.graph_settings(cfg, ["count"])).superclusters
    assert isinstance(superclusters, Linked)
    assert superclusters.scales_nm == (50, 70.5)


@pytest.mark.parametrize(
    ("model", "expected"),
    [("invariantnet", False), ("clusternet", False), ("locclusternet", True), ("hgt", True), ("clustermlp", False)],
)
def test_localisations_are_stored_where_the_model_reads_them(composed, model, expected):
    settings = assemble.graph_settings(composed("train", f"model={model}"), ["count", "area_hull"])

    assert settings["localisations"] is expected


@pytest.mark.parametrize("wanted", [True, False])
def test_localisations_may_be_chosen(composed, wanted):
    cfg = composed("train", "model=locclusternet", f"graph.localisations={wanted}")

    assert assemble.graph_settings(cfg, [])["localisations"] is wanted


def test_features_left_open_are_those_of_the_tables(composed):
    tables = ["count", "area_hull"]

    assert assemble.graph_settings(composed("train"), tables)["cluster_features"] == tables
    chosen = composed("train", "graph.cluster_features=[count]")
    assert assemble.graph_settings(chosen, tables)["cluster_features"] == ["count"]
    none = composed("train", "graph.cluster_features=[]")
    assert assemble.graph_settings(none, tables)["cluster_features"] == []


@pytest.mark.parametrize("target", ["locgraph.nothing.Encoder", "locgraph.nn.mlp.mlp", "builtins.dict"])
def test_an_encoder_that_is_none_is_told(composed, target):
    cfg = composed("train", f"model.loc_encoder._target_={target}")

    with pytest.raises(ConfigError, match=rf"model\.loc_encoder\._target_={target}: expected a class"):
        assemble.graph_settings(cfg, [])


def test_recipe_of_the_graphs(composed):
    cfg = composed("train", "graph/cluster_edges=all_pairs", "graph.localisation_features=[photons]")
    settings = assemble.graph_settings(cfg, ["count"])

    recipe = assemble.graph_recipe(settings)

    assert recipe.cluster_features == ("count",)
    assert recipe.localisation_features == ("photons",)
    assert isinstance(recipe.cluster_edges, AllPairs)
    assert (recipe.localisations, recipe.localisation_k, recipe.ratios) == (True, 5, (0.5, 0.5))
    assert recipe.settings is settings


def test_augmentation_in_the_order_of_the_config(composed):
    settings = {"cluster_features": [], "localisation_features": []}

    made = assemble.augmentation(composed("train", "augment=strong").augment, {}, settings)

    assert [type(transform) for transform in made] == [Rotation, Jitter, Scale, Shear, Thinning]
    assert assemble.augmentation(composed("train", "augment=none").augment, {}, settings) == []
    assert assemble.augmentation(None, {}, settings) == []


def test_scale_knows_the_power_of_length_of_each_feature(composed):
    units = {"count": "1", "area_hull": "nm^2", "density_hull": "1/nm^2", "precision": "nm", "photons": "photons"}
    settings = {
        "cluster_features": ["density_hull", "count", "area_hull"],
        "localisation_features": ["photons", "precision", "unheard_of"],
    }

    made = assemble.augmentation(composed("train", "augment=strong").augment, units, settings)

    powers = next(transform for transform in made if isinstance(transform, Scale)).length_powers
    assert {node: values.tolist() for node, values in powers.items()} == {
        "cluster": [-2, 0, 2],
        "localisation": [0, 1, 0],
    }


def test_an_augmentation_that_cannot_work_is_named(composed):
    settings = {"cluster_features": [], "localisation_features": []}
    cfg = composed("train", "augment=strong", "augment.thinning.high=2")

    with pytest.raises(ConfigError, match=r"^augment\.thinning: .*high < 1, found low=0\.0, high=2"):
        assemble.augmentation(cfg.augment, {}, settings)


@pytest.mark.parametrize("data", ["raw", "featextracted"])
def test_how_fovs_are_fed(composed, data):
    cfg = composed("train", f"data={data}", "loader.batch_size=7", "loader.num_workers=2", "loader.in_memory=false")

    assert assemble.loader_settings(cfg) == LoaderSettings(batch_size=7, num_workers=2, in_memory=False)
