"""FOVs as explainers see them."""

import polars as pl
import torch

from locgraph.cli.examples import Examples


def test_an_example_is_view_0_alone_in_numbers_of_order_one(small_checkpoint, fold):
    fov_id = small_checkpoint.record["split"]["test"][0]
    example = Examples(small_checkpoint.record, fold.prepared)(fov_id, 1)
    assert (example.fov_id, example.target) == (fov_id, 1)
    assert example.graph.num_graphs == 1
    row = fold.prepared.manifest.table.row(by_predicate=pl.col("fov_id") == fov_id, named=True)
    assert len(example.graph["cluster"].pos) == row["n_clusters"]
    assert example.graph["cluster"].pos.abs().max() < 5


def test_the_scale_takes_positions_back_to_nm(small_checkpoint, fold):
    examples, fov_id = Examples(small_checkpoint.record, fold.prepared), small_checkpoint.record["split"]["test"][0]
    raw = examples._load(fov_id)[0]["cluster"].pos
    scaled = examples(fov_id, 0).graph["cluster"].pos
    torch.testing.assert_close(scaled * examples.nm_per_unit(fov_id), raw)
    own = Examples(
        {**small_checkpoint.record, "scaler": {**small_checkpoint.record["scaler"], "nm_per_unit": None}}, fold.prepared
    )
    torch.testing.assert_close(own(fov_id, 0).graph["cluster"].pos * own.nm_per_unit(fov_id), raw)


def test_the_class_of_view_0_is_what_the_network_says(small_checkpoint, fold, plan):
    examples, fov_id = Examples(small_checkpoint.record, fold.prepared), small_checkpoint.record["split"]["test"][0]
    network = plan("explain=random").network
    with torch.no_grad():
        expected = int(network(examples(fov_id, 0).graph)[0].argmax())
    assert examples.predicted(network, fov_id) == expected
