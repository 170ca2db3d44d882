"""Maps: which FOVs lie on them, and the words about each."""

import numpy as np
import plotly.graph_objects
import pytest

from locgraph.analysis.projection import Projection
from locgraph.show.report import maps
from locgraph.show.report.parts import Explorer


def section(source, **changes):
    settings = {"pictures": {}, "picture_note": "", "most_fovs": 3000, "umap": False, "seed": 0} | changes
    return maps.maps_section(source, **settings)


def explorer(source, **changes):
    (found,) = [part for part in section(source, **changes).parts if isinstance(part, Explorer)]
    return found


def points(view):
    return [name for trace in view.data for name in trace.get("text", [])]


def test_features_put_all_fovs_on_one_map_and_vectors_those_of_their_fold(source, words):
    chapter = section(source)
    found = chapter.parts[0]

    assert any(text.startswith("Fold 1 has no learned vectors") for text in words(chapter, "missing"))
    assert [view.label for view in found.views] == ["Features of clusters: PCA", "Learned vectors, fold 0: PCA"]
    assert sorted(points(found.views[0])) == sorted(source.manifest.table["fov_id"])
    assert sorted(points(found.views[1])) == sorted(["T_4", "L_5", "T_0", "L_1", "T_2", "L_3"])
    assert "5 features" not in found.views[0].note
    assert "3 features" in found.views[0].note  # count, radius of gyration, linearity


def test_traces_are_what_plotly_knows_and_rings_mark_wrong_fovs(source):
    view = explorer(source).views[0]

    for trace in view.data:
        plotly.graph_objects.Figure([dict(trace)])
    assert [trace["name"] for trace in view.data] == ["T", "L", "wrong prediction"]
    places = {
        name: (x, y)
        for trace in view.data[:2]
        for name, x, y in zip(trace["text"], trace["x"], trace["y"], strict=True)
    }
    rings = set(zip(view.data[2]["x"], view.data[2]["y"], strict=True))
    assert rings == {places[name] for name in ("T_0", "L_1", "L_5")}


def test_each_point_tells_its_own_prediction(source):
    found = explorer(source)

    for view in found.views:
        for trace in view.data[:2]:
            for name, place in zip(trace["text"], trace["customdata"], strict=True):
                record = found.records[place]
                assert record["name"] == name
                assert record["truth"] == trace["name"]
    # on the map of all folds, the prediction is that of the fold that tests it
    names = dict(zip(found.views[0].data[0]["text"], found.views[0].data[0]["customdata"], strict=True))
    assert found.records[names["T_0"]] == {
        "name": "T_0",
        "truth": "T",
        "prediction": "L",
        "probability": 0.9,
        "fold": 0,
        "split": "test",
    }


def test_vectors_from_another_folder(sweep, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (sweep.folder / "0" / "fov_vectors.parquet").rename(elsewhere / "fov_vectors.parquet")

    found = explorer(sweep.read(explanations=(elsewhere,)))

    assert found.views[-1].label == "Learned vectors, fold 0: PCA"


def test_of_many_fovs_a_choice_is_shown_and_counted(source, words):
    found = section(source, most_fovs=4)

    assert len(points(found.parts[0].views[0])) == 4
    assert any("4 of 12 FOVs, at random" in text for text in words(found))
    assert points(section(source, most_fovs=4).parts[0].views[0]) == points(found.parts[0].views[0])


def test_fovs_that_no_fold_tested_are_grey(sweep):
    sweep.edit(2, status="failed", reason="no")

    view = explorer(sweep.read()).views[0]

    assert view.data[2]["name"] == "without a class"
    assert view.data[2]["customdata"] == [-1] * 4


@pytest.mark.parametrize(("reason", "views"), [(None, ["PCA", "UMAP"]), ("too few FOVs", ["PCA"])])
def test_umap_has_maps_or_a_reason(source, words, monkeypatch, reason, views):
    # UMAP takes seconds to load, and has its own tests: here its points lie on a line
    def line(features, settings):
        places = {name: np.arange(features.table.height, dtype=float) for name in ("umap_1", "umap_2")}
        warning = f"n_neighbors lowered for seed {settings.seed}"
        return Projection(features.table.select("fov_id").with_columns(**places), {}, reason, (warning,))

    monkeypatch.setattr(maps, "umap_projection", line)

    found = section(source, umap=True)

    labels = [f"{of}: {view}" for of in ("Features of clusters", "Learned vectors, fold 0") for view in views]
    assert [view.label for view in found.parts[0].views] == labels
    assert f"Features of clusters: {reason or 'n_neighbors lowered for seed 0'}." in words(found)


@pytest.mark.parametrize("column", ["p_T", "p_L"])
def test_records_without_a_probability_take_the_largest_there_is(source, column):
    records, _ = maps.make_records(source.predictions.drop(column))

    assert all(0 <= record["probability"] <= 1 for record in records)
