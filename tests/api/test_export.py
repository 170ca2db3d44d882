"""A model as a program of ``torch.export``: equal predictions, graphs of any size, nothing of locgraph."""

import dataclasses
import json
import subprocess
import sys
from importlib.util import find_spec

import polars as pl
import pytest
import torch

from locgraph import schema
from locgraph.api.models.model import Model
from locgraph.errors import ConfigError, MissingPackageError
from locgraph.learn import export
from locgraph.learn.onnx_program import onnx_function


@pytest.fixture(scope="module")
def model(small_checkpoint):
    return Model(small_checkpoint)


@pytest.fixture(scope="module")
def program(model, tmp_path_factory):
    """The file of the exported small model."""
    return model.export(tmp_path_factory.mktemp("export") / "model.pt2")


def inputs_of(graphs):
    nodes = [graph[schema.CLUSTER] for graph in graphs]
    counts = torch.tensor([len(node[schema.POS]) for node in nodes])
    edges = [
        graph[schema.CLUSTER_NEAR].edge_index + start
        for graph, start in zip(graphs, (counts.cumsum(0) - counts).tolist(), strict=True)
    ]
    return (
        torch.cat([node[schema.FEATURES] for node in nodes]),
        torch.cat([node[schema.POS] for node in nodes]),
        torch.cat(edges, dim=1),
        counts,
    )


def test_predictions_are_those_of_the_model(model, program, trained):
    loaded = torch.export.load(program).module()
    columns = [f"p_{name}" for name in model.class_names]
    with model.prepared(trained.folder / "outputs" / "simulated" / "demo") as prepared:
        table = model.predict_prepared(prepared)[0]["predictions.parquet"]
        load = model.data(prepared, list(prepared.labels)).load
        # other numbers of clusters, edges and views than the example
        found = {fov_id: loaded(*inputs_of(load(fov_id))).tolist() for fov_id in prepared.labels}
    expected = {row["fov_id"]: [row[name] for name in columns] for row in table.to_dicts()}

    assert len(expected) == 18
    for fov_id, probabilities in expected.items():
        assert found[fov_id] == pytest.approx(probabilities, abs=1e-5)
    assert not table.select(pl.col(columns).round(6)).equals(table.select(pl.col(columns).shift(1).round(6)))


@pytest.mark.skipif(find_spec("onnxscript") is None, reason="needs onnxscript")
@pytest.mark.slow
def test_onnx_predicts_the_same(model, program, tmp_path):
    import onnx

    path = model.export(tmp_path / "model.onnx")
    run, loaded = onnx_function(onnx.load(path)), torch.export.load(program).module()
    for n_views, n_clusters in ((1, 2), (2, 12), (4, 4)):
        inputs = export.make_inputs(model.checkpoint, n_views, n_clusters, seed=7)
        assert torch.allclose(run(*inputs), loaded(*inputs), atol=1e-5, rtol=0)
    (about,) = [each.value for each in onnx.load(path).metadata_props if each.key == "locgraph"]
    assert json.loads(about)["inputs"] == ["features", "positions", "edge_index", "clusters"]


def test_onnx_names_the_extra_where_it_is_absent(model, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'locgraph\[onnx\]'"):
        model.export(tmp_path / "model.onnx")


@pytest.mark.parametrize(("n_views", "n_clusters"), [(1, 2), (1, 60), (5, 3), (30, 12)])
def test_graphs_may_have_any_size(model, program, n_views, n_clusters):
    inputs = export.make_inputs(model.checkpoint, n_views, n_clusters, seed=9)
    probabilities = torch.export.load(program).module()(*inputs)

    assert probabilities.sum().item() == pytest.approx(1.0)
    assert torch.allclose(probabilities, export.FovProgram(model.checkpoint).eval()(*inputs), atol=1e-5, rtol=0)


def test_the_file_is_loaded_without_locgraph(model, program):
    about = {"about.json": ""}
    torch.export.load(program, extra_files=about)
    record = json.loads(about["about.json"])
    text = (
        "import sys, torch; run = torch.export.load(sys.argv[1]).module(); "
        "edges = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]); f, d = int(sys.argv[2]), int(sys.argv[3]); "
        "p = run(torch.ones(4, f), torch.randn(4, d), edges, torch.tensor([2, 2])); "
        "print(len(p), 'locgraph' in sys.modules, 'torch_geometric' in sys.modules)"
    )
    sizes = [str(len(record["features"])), str(record["dimensions"])]
    done = subprocess.run(
        [sys.executable, "-c", text, str(program), *sizes], capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stdout.split() == ["2", "False", "False"]
    assert record["class_names"] == list(model.class_names)
    assert record["features"][0].keys() == {"name", "unit"}


def changed(checkpoint, **entries):
    return Model(dataclasses.replace(checkpoint, record=checkpoint.record | entries))


def test_what_cannot_be_exported_is_refused(small_checkpoint, model, tmp_path):
    record = small_checkpoint.record
    each = changed(small_checkpoint, scaler=record["scaler"] | {"nm_per_unit": None})
    with pytest.raises(ConfigError, match=r"scaling\.positions: per_fov"):
        each.export(tmp_path / "a.pt2")
    with pytest.raises(ConfigError, match=r"path: expected a file that ends in \.pt2 or \.onnx"):
        model.export(tmp_path / "a.pth")
    described = Model(small_checkpoint)
    described.record["sizes"] = record["sizes"] | {"descriptors": 3}
    with pytest.raises(ConfigError, match="graph: expected graphs of clusters alone"):
        described.export(tmp_path / "a.pt2")
    described.record["sizes"] = record["sizes"] | {"descriptors": 0}
    assert not list(tmp_path.iterdir())


def test_a_program_that_predicts_something_else_is_not_written(model, tmp_path, monkeypatch):
    class Wrong(export.FovProgram):
        def forward(self, features, positions, edge_index, clusters):
            right = super().forward(features, positions, edge_index, clusters)
            return right + 1e-3 if torch.compiler.is_exporting() else right

    monkeypatch.setattr(export, "FovProgram", Wrong)
    with pytest.raises(ConfigError, match=r"differs from the network by 0\.001"):
        model.export(tmp_path / "a.pt2")
    assert not list(tmp_path.iterdir())


def test_a_network_of_fixed_size_is_refused(model, tmp_path, monkeypatch):
    class Fixed(export.FovProgram):
        def forward(self, features, positions, edge_index, clusters):
            return super().forward(features, positions, edge_index, clusters) * (len(features) / len(features))

    monkeypatch.setattr(export, "FovProgram", Fixed)
    with pytest.raises(ConfigError, match="cannot be exported for graphs of any size: Constraints violated"):
        model.export(tmp_path / "a.pt2")


def test_a_command_exports_one_network(run, fails, trained, swept, tmp_path):
    run(tmp_path, "model", "action=export", f"arguments=[{trained.run_dir},{tmp_path / 'm.pt2'}]")
    assert (tmp_path / "m.pt2").stat().st_size > 0
    message = fails(tmp_path, "model", "action=export", f"arguments=[{swept.run_dir},{tmp_path / 'n.pt2'}]")
    assert "arguments: " in message
    assert "holds 3 networks; export one" in message
