"""The graph store: what goes in comes out, damage is reported, and nothing is built twice or kept too long."""

import shutil

import polars as pl
import pytest
import torch

from locgraph import schema
from locgraph.errors import DataError
from locgraph.graphs.build import build_graph
from locgraph.graphs.store import GraphStore, GraphTask, build_fov, build_store
from locgraph.graphs.superclusters import Linked
from locgraph.io.featextracted import CLUSTERS, fov_path, read_fov
from locgraph.preparation.executors import Serial


@pytest.fixture
def graphs(make_recipe, make_tables):
    """Two views with every kind of attribute."""
    tables = [make_tables(seed=seed) for seed in (0, 1)]
    tables = [(locs.with_columns(precision=pl.lit(4.0), loc_label=pl.lit(2)), clusters) for locs, clusters in tables]
    superclusters = Linked([100.0, 300.0])
    recipe = make_recipe(localisation_features=("photons",), ratios=(0.5, 0.5), superclusters=superclusters)
    return [build_graph(locs, clusters, 2, recipe, "fov") for locs, clusters in tables]


def stamps(store, fov_ids):
    """What changes when a file is written anew."""
    result = [store.path(fov_id).stat() for fov_id in fov_ids]
    return [(stat.st_mtime_ns, stat.st_ino) for stat in result]


def assert_equal_graphs(first, second):
    assert first.node_types == second.node_types
    assert first.edge_types == second.edge_types
    torch.testing.assert_close(first.to_dict(), second.to_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("views", [1, 2])
def test_round_trip(tmp_path, graphs, views):
    store = GraphStore(tmp_path / "graphs")
    graphs = graphs[:views]

    store.save("patient 1/ä.b", graphs, "mark")

    result = store.load("patient 1/ä.b")
    assert len(result) == views
    for before, after in zip(graphs, result, strict=True):
        assert_equal_graphs(before, after)
        after.validate(raise_on_error=True)
    assert store.fingerprint("patient 1/ä.b") == "mark"
    assert [path.name for path in (tmp_path / "graphs" / "patient 1").iterdir()] == ["ä.b.safetensors"]


@pytest.mark.parametrize("views", [1, 2])
def test_what_is_loaded_can_be_sent_alone(tmp_path, graphs, views):
    """No tensor takes the memory of others along into another process, or into another file."""
    store = GraphStore(tmp_path)
    large = torch.arange(10_000.0)
    graphs[0]["cluster"].pos = large[:6].reshape(3, 2)

    store.save("a", graphs[:views], "mark")

    for graph in store.load("a"):
        for place in graph.stores:
            assert all(value.untyped_storage().nbytes() == value.nbytes for value in place.values())
    assert store.path("a").stat().st_size < 30_000


def test_equal_graphs_are_equal_bytes(tmp_path, graphs):
    store = GraphStore(tmp_path)

    store.save("a", graphs, "mark")
    store.save("b", graphs, "mark")

    assert store.path("a").read_bytes() == store.path("b").read_bytes()


def test_an_absent_file(tmp_path):
    store = GraphStore(tmp_path)

    assert store.fingerprint("a") is None
    with pytest.raises(DataError, match=r"a\.safetensors: expected the graphs of FOV a"):
        store.load("a")


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file(tmp_path, graphs, kept):
    store = GraphStore(tmp_path)
    store.save("a", graphs, "mark")
    whole = store.path("a").read_bytes()

    store.path("a").write_bytes(whole[: int(kept * len(whole))])

    assert store.fingerprint("a") is None
    with pytest.raises(DataError, match=r"a\.safetensors: expected the graphs of FOV a.*run again"):
        store.load("a")


@pytest.mark.parametrize("position", [100, 200, 300, 400])
def test_a_file_with_a_damaged_head(tmp_path, graphs, position):
    """Torch raises many kinds of error here; ours says which FOV, and what to do."""
    store = GraphStore(tmp_path)
    store.save("a", graphs, "mark")
    content = bytearray(store.path("a").read_bytes())
    content[position : position + 60] = b"\x86" * 60
    store.path("a").write_bytes(content)

    assert store.fingerprint("a") is None
    with pytest.raises(DataError, match=r"a\.safetensors: expected the graphs of FOV a.*run again"):
        store.load("a")


@pytest.mark.parametrize("content", [{"views": 3, "other": 1}, [1, 2], {"model": torch.zeros(2)}])
def test_another_kind_of_file(tmp_path, content):
    torch.save(content, tmp_path / "a.safetensors")

    assert GraphStore(tmp_path).fingerprint("a") is None
    with pytest.raises(DataError, match="expected the graphs of FOV a"):
        GraphStore(tmp_path).load("a")


def test_code_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('trapped')",))

    torch.save({"views": [], "fingerprint": Trap()}, tmp_path / "a.safetensors")

    assert GraphStore(tmp_path).fingerprint("a") is None


def test_a_failed_write_leaves_the_old_file(tmp_path, graphs):
    store = GraphStore(tmp_path)
    store.save("a", graphs, "old")

    with pytest.raises(AttributeError):
        store.save("a", [*graphs, None], "new")
    with pytest.raises(TypeError, match="not JSON serializable"):
        store.save("a", graphs, lambda: None)

    assert store.fingerprint("a") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_one_fov_with_its_views(tmp_path, make_folder, make_recipe):
    tables, recipe = make_folder("a", views=3), make_recipe()

    assert build_fov(GraphTask("a", tables, tmp_path / "graphs", recipe, "mark")) == 3

    result = GraphStore(tmp_path / "graphs").load("a")
    fov = read_fov(tables, "a")
    for view, graph in enumerate(result):
        parts = [table.filter(view=view) for table in (fov.locs, fov.clusters)]
        assert_equal_graphs(graph, build_graph(*parts, 2, recipe, "a"))


def test_the_store_is_built_once(tmp_path, make_folder, make_recipe):
    tables, recipe, fov_ids = make_folder("a", "b/c"), make_recipe(), ["a", "b/c"]
    store = GraphStore(tmp_path / "graphs")

    assert build_store(fov_ids, tables, recipe, store.folder, Serial()) == {}
    before = stamps(store, fov_ids)
    assert build_store(fov_ids, tables, recipe, store.folder, Serial()) == {}

    assert stamps(store, fov_ids) == before


def test_a_changed_fov_alone_is_rebuilt(tmp_path, make_folder, make_recipe):
    tables, recipe, fov_ids = make_folder("a", "b"), make_recipe(), ["a", "b"]
    store = GraphStore(tmp_path / "graphs")
    build_store(fov_ids, tables, recipe, store.folder, Serial())
    before = stamps(store, fov_ids)

    make_folder("b", seed=1, folder=tables)
    build_store(fov_ids, tables, recipe, store.folder, Serial())

    after = stamps(store, fov_ids)
    assert after[0] == before[0]
    assert after[1] != before[1]
    fov = read_fov(tables, "b")
    expected = build_graph(fov.locs, fov.clusters, 2, recipe, "b")
    assert_equal_graphs(store.load("b")[0], expected)


def test_changed_settings_rebuild_all_and_changed_back_as_well(tmp_path, make_folder, make_recipe):
    tables, fov_ids = make_folder("a", "b"), ["a", "b"]
    store = GraphStore(tmp_path / "graphs")
    build_store(fov_ids, tables, make_recipe(localisation_k=3), store.folder, Serial())
    first = stamps(store, fov_ids)

    build_store(fov_ids, tables, make_recipe(localisation_k=2), store.folder, Serial())
    second = stamps(store, fov_ids)
    assert not set(first) & set(second)
    assert store.load("a")[0][schema.level_near(0)].edge_index.shape[1] == 2 * 16

    build_store(fov_ids, tables, make_recipe(localisation_k=3), store.folder, Serial())
    assert store.load("a")[0][schema.level_near(0)].edge_index.shape[1] == 3 * 16


def test_what_is_missing_or_damaged_is_built(tmp_path, make_folder, make_recipe):
    tables, recipe, fov_ids = make_folder("a", "b", "c"), make_recipe(), ["a", "b", "c"]
    store = GraphStore(tmp_path / "graphs")
    build_store(fov_ids, tables, recipe, store.folder, Serial())
    contents = [store.path(fov_id).read_bytes() for fov_id in fov_ids]
    before = stamps(store, fov_ids)

    store.path("b").unlink()
    store.path("c").write_bytes(contents[2][:-100])
    build_store(fov_ids, tables, recipe, store.folder, Serial())

    assert [store.path(fov_id).read_bytes() for fov_id in fov_ids] == contents
    assert stamps(store, ["a"]) == before[:1]


def test_one_bad_fov_does_not_stop_the_others(tmp_path, make_folder, make_recipe):
    tables = make_folder("a", "b", "c")
    path = fov_path(tables, CLUSTERS, "b")
    path.write_bytes(path.read_bytes()[:-50])

    failures = build_store(["a", "b", "c", "d"], tables, make_recipe(), tmp_path / "graphs", Serial())

    assert set(failures) == {"b", "d"}
    assert "truncated or damaged" in failures["b"]
    assert "found no file" in failures["d"]
    assert sorted(path.name for path in (tmp_path / "graphs").iterdir()) == ["a.safetensors", "c.safetensors"]


def test_a_fov_without_clusters_fails(tmp_path, make_folder, make_recipe, make_tables):
    tables = make_folder("a", "b")
    shutil.copytree(tables, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("a.parquet"):
        fov = read_fov(tables, "a")
        table = fov.locs if path.parent.name == "locs" else fov.clusters
        metadata = pl.read_parquet_metadata(path)
        metadata.pop("ARROW:schema", None)
        table.clear().write_parquet(path, metadata=metadata)

    failures = build_store(["a", "b"], tmp_path / "copy", make_recipe(), tmp_path / "graphs", Serial())

    assert failures == {"a": "a: expected at least one cluster, found none; extract the features of this FOV again"}
