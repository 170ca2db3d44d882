"""The chapter on objects: counts, true against predicted numbers, pictures, and what is missing."""

import json

import pytest
from PIL import Image

from locgraph.show.report.objects import objects_sections


def of_class(name, n, true=None):
    return {"class": name, "n": n, "n_true": true, "n_labelled": None if true is None else n}


def fov(name, first, second):
    about = dict.fromkeys(("n_undecided", "n_left_out", "n_failed"), 1) | {"density_per_um2": 0.25}
    classes = [of_class("T", *first), of_class("L", *second)]
    return {"fov_id": name, "n_objects": 9, "classes": classes} | about


@pytest.fixture
def counted(sweep):
    """Writes counts into the first run: FOVs, failures."""

    def write(fovs, failed=None, pictures=()):
        folder = sweep.folder / "0"
        record = {"fovs": fovs, "failed_fovs": failed or {}, "intervals": "Intervals cover objects."}
        (folder / "counts.json").write_text(json.dumps(record))
        for name in pictures:
            path = folder / "pictures" / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 20), "white").save(path)
        return objects_sections(sweep.read())

    return write


def test_there_is_no_chapter_of_whole_fovs(sweep):
    assert objects_sections(sweep.read()) == ()


def test_counts_are_shown_against_the_truth(counted, parts, words):
    (section,) = counted([fov("wt/1", (4, 6), (5, 3)), fov("wt/2", (1, 1), (2, 2))], pictures=("wt/1", "wt/2"))
    (table,) = parts(section, "table")
    assert table.rows[0] == ("wt/1", "9", "4 (6)", "5 (3)", "1", "1", "1", "0.250")
    (plot,) = parts(section, "plot")
    assert (plot.data[0]["x"], plot.data[0]["y"]) == ([6, 1], [4, 1])
    assert "Off by 1.00 objects of a class in a FOV on average" in plot.caption
    (pictures,) = parts(section, "pictures")
    assert [picture.caption for picture in pictures.pictures] == ["wt/1", "wt/2"]
    assert words(section, "info") == ["Intervals cover objects."]


def test_without_labels_and_pictures(counted, parts, words):
    (section,) = counted([fov("1", (4,), (5,))], failed={"2": "no table"})
    assert parts(section, "table")[0].rows[0][2:4] == ("4", "5")
    assert parts(section, "plot") == []
    assert words(section, "missing") == ["No FOV with its objects was drawn.", "2 has no objects: no table"]
