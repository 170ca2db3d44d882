"""The sources of a viewer, from the settings of the command: what is wrong is named as the user knows it."""

import polars as pl
import pytest

pytest.importorskip("starlette", reason="needs the extra viewer")

from locgraph.api.config import compose
from locgraph.api.viewing import make_session
from locgraph.errors import ConfigError, LocgraphError


def session_of(tmp_path, *sources, **settings):
    overrides = [f"{name}={value}" for name, value in settings.items()]
    chosen = compose("view", "sources=[]", f"cache={tmp_path / 'cache'}", *overrides)
    return make_session(chosen | {"sources": list(map(str, sources))})


def test_several_sources_side_by_side(tmp_path):
    for name in ("a", "b"):
        pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]}).write_parquet(tmp_path / f"{name}.parquet")
    session = session_of(tmp_path, tmp_path / "a.parquet", tmp_path / "b.parquet", columns="nm")
    assert [source.title for source in session.sources] == ["a.parquet", "b.parquet"]
    assert session.scene(1, 0).fov_id == "b"


def test_the_setting_to_change_is_named(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "a.csv").write_text("1 2\n3 4\n5 6\n")
    rows = pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, None]})
    rows.write_parquet(tmp_path / "half.parquet")
    with pytest.raises(ConfigError, match=r"^sources: expected a file, a folder, a run or a sweep"):
        session_of(tmp_path)
    with pytest.raises(LocgraphError, match=r"^sources: expected files of localisations, of any suffix, below"):
        session_of(tmp_path, folder)
    with pytest.raises(LocgraphError, match=r"^columns\.names: .*expected a header line"):
        session_of(tmp_path, tmp_path / "a.csv")
    session = session_of(tmp_path, tmp_path / "half.parquet", columns="nm")
    with pytest.raises(LocgraphError, match=r"^limits\.max_refused_fraction: .*expected at most 5\.00%"):
        session.scene(0, 0)
