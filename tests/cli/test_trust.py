"""``locgraph trust``: the checks of a finished run in one command, and in the report."""

import shutil

import pytest

from locgraph.api.studies.studies import study
from locgraph.api.studies.study_checks import TRUST_CHECKS
from locgraph.errors import ConfigError


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    """A copy of the finished run, with its tables where they were."""
    copy = tmp_path_factory.mktemp("trust") / "run"
    shutil.copytree(trained.run_dir, copy)
    return copy


def test_every_check_that_can_be_made_is_printed_and_kept(folder, run, capsys):
    run(folder.parent, "trust", f"folder={folder}", "skip=[matched]")

    printed = " ".join(capsys.readouterr().out.split())
    assert "the expected calibration error is" in printed
    assert "(200 permutations, p = " in printed
    assert "The number of localisations alone names the class" in printed
    assert "trust: " in printed
    for name in ("calibration", "chance", "learning_curve", "confounders"):
        assert (folder / "trust" / f"{name}.parquet").is_file()
        assert (folder / "trust" / f"{name}.png").stat().st_size > 5000


def test_a_check_that_cannot_be_made_is_named_and_the_others_are_made(folder, run, capsys, tmp_path):
    run(folder.parent, "trust", f"folder={folder}", "skip=[matched,chance]", f"tables={tmp_path / 'none'}")

    printed = " ".join(capsys.readouterr().out.split())
    assert "the expected calibration error is" in printed
    assert "confounders ! " in printed


def test_an_unknown_check_is_refused(folder):
    with pytest.raises(ConfigError, match=r"skip: expected some of calibration, chance, .*, found \['luck'\]"):
        study(folder).trust(skip=["luck"])
    with pytest.raises(ConfigError, match="skip: leaves no check to make; name fewer"):
        study(folder).trust(skip=TRUST_CHECKS)


def test_no_folder(fails, tmp_path):
    assert "Call it as: locgraph trust FOLDER" in fails(tmp_path, "trust")
