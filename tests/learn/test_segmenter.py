"""The module that trains classes of localisations: its losses, what it evaluates, what it refuses."""

import pytest
import torch
from locgraph.learn.segmenter import Segmenter
from torch import nn
from torch.nn import functional
from torch_geometric.data import Batch, HeteroData

from locgraph.errors import ConfigError
from locgraph.learn.losses import CrossEntropy, Focal, ManifoldMixup
from locgraph.learn.optimisation import Constant

LABELS = [[0, 1, -1], [1, 1], [0], [-1, -1]]


class Fixed(nn.Module):
    """A network that gives the logits that are stored with nodes, and for FOVs what it is told."""

    def __init__(self, fovs=None):
        super().__init__()
        self.fovs, self.shift = fovs, nn.Parameter(torch.zeros(()))
        self.predicts = ("localisation",) if fovs is None else ("field_of_view", "localisation")

    def logits(self, batch):
        found = {"localisation": batch["localisation"].x + self.shift}
        return found if self.fovs is None else found | {"field_of_view": self.fovs + self.shift}


def make_batch(fov=(0, 1, 1, 2), labels=LABELS):
    """Graphs with random logits; graphs 1 and 2 are views of one FOV."""
    generator, graphs = torch.Generator().manual_seed(0), []
    for of_graph in labels:
        graph = HeteroData()
        graph["localisation"].x = torch.randn(len(of_graph), 2, generator=generator)
        graph["localisation"].loc_label = torch.tensor(of_graph)
        graphs.append(graph)
    batch = Batch.from_data_list(graphs)
    n = len(set(fov))
    batch["fov"], batch["y"], batch["fov_id"] = torch.tensor(fov), torch.arange(n) % 3, list("abcd"[:n])
    return batch


def segmenter(network, **settings):
    module = Segmenter(
        network, ("a", "b", "c"), torch.optim.AdamW, Constant(), localisation_classes=("bound", "free"), **settings
    )
    module.logged = {}
    module.log = lambda name, value, **settings: module.logged.update({name: value})
    module.log_dict = module.logged.update
    return module


def test_loss_is_over_localisations_that_have_a_class():
    batch = make_batch((0, 1, 2, 3))
    node = batch["localisation"]
    for loss in (CrossEntropy(torch.tensor([0.5, 2.0]), 0.1), Focal()):
        found = segmenter(Fixed(), localisation_loss=loss).training_step(batch, 0)
        known = node.loc_label >= 0
        assert found.item() == loss(node.x[known], node.loc_label[known]).item()
    found = segmenter(Fixed()).training_step(batch, 0)
    expected = functional.cross_entropy(node.x, node.loc_label, ignore_index=-1)
    assert found.item() == pytest.approx(expected.item())


def test_both_losses_are_weighed():
    batch, fovs = make_batch((0, 1, 2, 3)), torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    node = batch["localisation"]

    found = segmenter(Fixed(fovs), localisation_weight=0.25).training_step(batch, 0)

    of_localisations = functional.cross_entropy(node.x, node.loc_label, ignore_index=-1)
    assert found.item() == pytest.approx((functional.cross_entropy(fovs, batch["y"]) + 0.25 * of_localisations).item())


def test_a_batch_without_a_class_teaches_nothing():
    module = segmenter(Fixed())
    loss = module.training_step(make_batch((0, 1), [[-1, -1], [-1]]), 0)
    loss.backward()

    assert loss.item() == 0.0
    assert module.network.shift.grad.item() == 0.0


def test_view_0_alone_is_evaluated_and_fovs_are_the_mean_over_views():
    batch, fovs = make_batch(), torch.tensor([[4.0, 0, 0], [0, 2.0, 0], [1.0, 1, 1], [0, 0, 9.0]])
    logits = batch["localisation"].x

    said = segmenter(Fixed(fovs)).predict_step(batch, 0)

    assert said.fov_ids == ["a", "b", "c"]
    assert [labels.tolist() for labels, _ in said.localisations] == [LABELS[0], LABELS[1], LABELS[3]]
    expected = [functional.softmax(part, dim=1) for part in (logits[:3], logits[3:5], logits[6:])]
    for (_, found), wanted in zip(said.localisations, expected, strict=True):
        torch.testing.assert_close(found, wanted)
    each = fovs.softmax(dim=1)
    torch.testing.assert_close(said.probabilities, torch.stack([each[0], each[1:3].mean(dim=0), each[3]]))


@pytest.mark.parametrize("both", [False, True])
def test_the_loss_of_validation_does_not_depend_on_batches(both):
    fovs = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)) if both else None
    whole = segmenter(Fixed(fovs), localisation_weight=0.5, localisation_loss=CrossEntropy(torch.tensor([9.0, 1.0])))
    batch = make_batch((0, 1, 2, 3))
    whole.validation_step(batch, 0)
    whole.on_validation_epoch_end()

    node = batch["localisation"]
    expected = functional.cross_entropy(node.x, node.loc_label, ignore_index=-1)
    if both:
        expected = functional.cross_entropy(fovs, batch["y"]) + 0.5 * expected
    assert whole.logged["val/loss"].item() == pytest.approx(expected.item(), abs=1e-6)
    before = "localisation_" if both else ""
    assert {f"val/{before}{name}" for name in ("accuracy", "balanced_accuracy", "f1", "iou")} <= set(whole.logged)
    assert ("val/auroc" in whole.logged) == both
    assert whole.val_localisations.confusion.sum() == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mixup": ManifoldMixup()}, "training/mixup=manifold blends vectors of FOVs"),
        ({"localisation_weight": 0.0}, "training.localisation_weight must be above 0, found 0.0"),
        ({"localisation_weight": float("nan")}, "training.localisation_weight must be above 0, found nan"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(ConfigError, match=message):
        segmenter(Fixed(), **settings)
