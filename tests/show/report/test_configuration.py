"""Settings under their full names, and versions."""

import dataclasses

from locgraph.show.report import configuration


def test_groups_with_full_names():
    config = {"name": "a", "data": {"x": None, "deep": {"y": True, "z": [1, 2]}}, "logger": {}}

    assert list(configuration.groups(config)) == [
        ("general", (("name", "a"),)),
        ("data", (("data.x", "null"), ("data.deep.y", "true"), ("data.deep.z", "[1, 2]"))),
        ("logger", (("logger", "none"),)),
    ]


def test_the_section_shows_every_setting(source, parts, words):
    section = configuration.section(source)

    (settings,) = parts(section, "settings")
    lines = dict(line for _, lines in settings.groups for line in lines)
    assert lines["training.optimizer.lr"] == "0.003"
    assert lines["features.features.size"] == "{}"
    assert words(section) == ["Of fold 0; the other folds differ in fold.index alone."]


def test_no_configuration_is_told(sweep, words):
    (sweep.folder / "0" / "config.yaml").write_text(": {")

    section = configuration.section(sweep.read())

    assert words(section, "missing")[0].startswith("There is no config.yaml in ")


def test_versions_of_all_folds(source, parts, words):
    section = configuration.versions_section(source)

    assert parts(section, "facts")[0].rows == (("locgraph", "0.1"), ("torch", "2.6"))
    assert [row[0] for row in parts(section, "table")[0].rows] == ["0", "1", "2"]
    assert words(section) == []


def test_different_versions_are_told(source, parts, words):
    runs = list(source.runs)
    runs[1] = dataclasses.replace(runs[1], about={"versions": {"locgraph": "0.1", "torch": "2.7"}})
    changed = dataclasses.replace(source, runs=tuple(runs))

    section = configuration.versions_section(changed)

    assert configuration.differing(changed.completed) == ["torch"]
    assert dict(parts(section, "facts")[0].rows)["torch"] == "2.6, 2.7"
    assert words(section, "warning") == ["Folds were made with different versions of torch."]


def test_no_versions_are_told(source, words):
    runs = tuple(dataclasses.replace(run, about={}) for run in source.runs)

    section = configuration.versions_section(dataclasses.replace(source, runs=runs))

    assert words(section, "missing") == ["No run says with which versions it was made."]
