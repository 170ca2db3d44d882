"""Checkpoints are plain values and tensors, and say what is wrong with them."""

import copy
import pickle
from pathlib import Path

import pytest
import torch

from locgraph.data.scaling import Scaler
from locgraph.errors import CheckpointError
from locgraph.learn.checkpoint import FORMAT, Checkpoint, check_continues, load_weights, read_checkpoint


class Code:
    """Pickled by reference: loading it would import and call this module."""

    def __reduce__(self):
        return (print, ("code was run",))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, make_trainer, make_module, make_data):
    """A checkpoint as training writes it, after one epoch."""
    trainer = make_trainer(max_epochs=1)
    trainer.fit(make_module(), make_data())
    path = tmp_path_factory.mktemp("run") / "best.ckpt"
    trainer.save_checkpoint(path)
    return path.read_bytes()


@pytest.fixture
def path(trained, tmp_path):
    """The same, to be spoiled."""
    path = tmp_path / "best.ckpt"
    path.write_bytes(trained)
    return path


def changed(path, **changes):
    content = torch.load(path, weights_only=True)
    record = content["locgraph"] | changes.pop("record", {})
    torch.save({**content, "locgraph": record} | changes, path)


def test_holds_weights_record_and_epoch(path, make_module):
    checkpoint = read_checkpoint(path)

    module = make_module()
    module.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    assert set(checkpoint.weights) == set(module.network.state_dict())
    assert checkpoint.record == module.record
    assert checkpoint.record["format"] == FORMAT
    assert checkpoint.epoch in (0, 1)
    assert checkpoint.path == path


def test_weights_into_a_network(path, make_module):
    network = make_module().network
    before = copy.deepcopy(network.state_dict())
    checkpoint = read_checkpoint(path)

    load_weights(network, checkpoint)

    assert any(not torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(torch.equal(checkpoint.weights[name], value) for name, value in network.state_dict().items())


def test_network_of_another_shape(path):
    with pytest.raises(
        CheckpointError, match=r"(?s)best.ckpt: its weights do not fit the model it describes: .*Missing key"
    ):
        load_weights(torch.nn.Linear(2, 2), read_checkpoint(path))


def test_absent(tmp_path):
    with pytest.raises(CheckpointError, match=r"ckpt_path=.*no.ckpt: no such file; expected RUN/checkpoints/best.ckpt"):
        read_checkpoint(tmp_path / "no.ckpt")


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_truncated(part, path):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])

    with pytest.raises(CheckpointError, match="cannot be read: it is truncated, or no checkpoint at all"):
        read_checkpoint(path)


def test_damaged(path):
    content = bytearray(path.read_bytes())
    start = content.index(b"data.pkl") + 100
    content[start : start + 200] = b"\0" * 200
    path.write_bytes(bytes(content))

    with pytest.raises(CheckpointError, match=r"best.ckpt"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"x,y\n1,2\n", pickle.dumps({"a": Code()})], ids=["text", "pickle"])
def test_no_checkpoint_at_all(content, tmp_path, capsys):
    (tmp_path / "a.ckpt").write_bytes(content)

    with pytest.raises(CheckpointError, match="no checkpoint at all"):
        read_checkpoint(tmp_path / "a.ckpt")
    assert capsys.readouterr().out == ""


def test_pickled_code_is_refused_and_not_run(path, capsys):
    changed(path, callbacks=Code())

    with pytest.raises(
        CheckpointError, match="refused: it holds more than plain values and tensors, which could run co"
    ):
        read_checkpoint(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"state_dict": {}, "locgraph": {}}, [1.0], {"locgraph": 3}])
def test_of_another_program(content, tmp_path):
    torch.save(content, tmp_path / "a.ckpt")

    with pytest.raises(CheckpointError, match=r"not a locgraph checkpoint; expected one that training wrote"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_of_another_format(path):
    changed(path, record={"format": FORMAT + 1, "versions": {"locgraph": "9.8.7"}})

    with pytest.raises(
        CheckpointError, match=rf"format {FORMAT + 1} by locgraph 9.8.7, this version reads the formats 3, 4, {FORMAT};"
    ):
        read_checkpoint(path)


def test_of_the_format_without_scales(path):
    limits = {"cluster": torch.tensor([[0.0], [2.0]])}
    scaler, settings = {"nm_per_unit": 7.0, "limits": limits}, {"limits": {"min_clusters": 3}}
    changed(path, record={"format": 3, "scaler": scaler, "settings": settings})

    record = read_checkpoint(path).record

    assert record["settings"]["limits"] == {"min_clusters": 3, "max_localisations": None}
    assert Scaler.from_plain(record["scaler"]) == Scaler(7.0, record["scaler"]["limits"], {}, {})


def test_without_an_epoch(path):
    content = torch.load(path, weights_only=True)
    del content["epoch"]
    torch.save(content, path)

    with pytest.raises(CheckpointError, match="not a locgraph checkpoint"):
        read_checkpoint(path)


def test_the_setting_that_named_it_is_told(tmp_path):
    with pytest.raises(CheckpointError, match=r"^init_from=.*no\.ckpt: no such file"):
        read_checkpoint(tmp_path / "no.ckpt", "init_from")


NOW = {
    "class_names": ["a", "b"],
    "units": {"count": "1", "area_hull": "nm^2"},
    "sizes": {"dimensions": 2, "n_classes": 2},
    "split": {"train": ["f1"], "val": ["f2"], "test": ["f3"]},
}


def test_a_run_goes_on_with_the_same_data(tmp_path):
    check_continues(Checkpoint(tmp_path, {}, {**copy.deepcopy(NOW), "format": 1}, 3), NOW)


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ({"class_names": ["b", "a"]}, r"`class_names` was \['b', 'a'\], is \['a', 'b'\]"),
        (
            {"units": {"area_hull": "nm^2", "count": "1"}},
            r"`units` was .*'area_hull'.*'count'.*, is .*'count'.*'area_h",
        ),
        ({"sizes": {"dimensions": 3, "n_classes": 2}}, r"`sizes` was .*3.*, is .*2"),
        ({"split": NOW["split"] | {"train": ["f1", "f9"]}}, r"`split` was .*f9"),
    ],
)
def test_a_run_does_not_go_on_with_other_data(before, message):
    checkpoint = Checkpoint(Path("last.ckpt"), {}, NOW | before, 3)

    with pytest.raises(CheckpointError, match=r"last\.ckpt: this run cannot go on, .*" + message):
        check_continues(checkpoint, NOW)
