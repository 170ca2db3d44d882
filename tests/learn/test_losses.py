"""Losses against their formulas, and class weights."""

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.nn import functional

from locgraph.errors import ConfigError
from locgraph.learn.losses import (
    CrossEntropy,
    Focal,
    ManifoldMixup,
    SoftCrossEntropy,
    balanced_weights,
    class_weights,
    total_weight,
)
from locgraph.nn.network import Encoded

LOGITS = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0], [2.0, 2.0, 2.0]])
TARGET = torch.tensor([1, 2, 0])
WEIGHTS = torch.tensor([0.5, 2.0, 1.0])

each_weighting = pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@each_weighting
def test_cross_entropy(smoothing, weights):
    found = CrossEntropy(weights, smoothing)(LOGITS, TARGET)

    weight = torch.ones(3) if weights is None else weights
    logs = LOGITS.log_softmax(dim=1)
    each = [
        -(1 - smoothing) * weight[k] * logs[i, k] - smoothing / 3 * (weight * logs[i]).sum()
        for i, k in enumerate(TARGET)
    ]
    assert found.item() == pytest.approx((sum(each) / weight[TARGET].sum()).item(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@each_weighting
def test_focal(gamma, weights):
    found = Focal(weights, gamma)(LOGITS, TARGET)

    weight = [1.0, 1.0, 1.0] if weights is None else weights.tolist()
    p = [math.exp(row[k]) / sum(map(math.exp, row)) for row, k in zip(LOGITS.tolist(), TARGET.tolist(), strict=True)]
    total = sum(-weight[k] * (1 - q) ** gamma * math.log(q) for q, k in zip(p, TARGET.tolist(), strict=True))
    assert found.item() == pytest.approx(total / sum(weight[k] for k in TARGET.tolist()), rel=1e-5)


@each_weighting
def test_focal_without_focus_is_cross_entropy(weights):
    torch.manual_seed(0)
    target = torch.randint(3, (50,))
    gradients = []
    for loss in (Focal(weights, 0.0), CrossEntropy(weights)):
        logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(1)).mul(4).requires_grad_()
        loss(logits, target).backward()
        gradients.append(logits.grad)

    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_of_a_sure_fov_has_a_finite_gradient(gamma):
    logits = torch.tensor([[200.0, 0.0], [-200.0, 0.0]], requires_grad=True)

    loss = Focal(gamma=gamma)(logits, torch.tensor([0, 0]))
    loss.backward()

    assert loss.item() == pytest.approx(100.0)
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1, 0].item() < 0


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal(), SoftCrossEntropy()])
def test_32_bits_under_autocast(loss):
    logits = torch.tensor([[1.001, 0.0, 0.0]])

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(logits, TARGET[2:])
        low = loss(logits.bfloat16(), TARGET[2:])

    assert found.dtype == low.dtype == torch.float32
    assert found.item() == pytest.approx(loss(logits, TARGET[2:]).item(), rel=1e-6)
    assert CrossEntropy()(logits, TARGET[2:]).item() == functional.cross_entropy(logits, TARGET[2:]).item()


@pytest.mark.parametrize("loss", [CrossEntropy(WEIGHTS), Focal(WEIGHTS)])
def test_class_weights_are_not_in_the_checkpoint(loss):
    assert loss.state_dict() == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(label_smoothing=-0.1), r"label_smoothing: expected a number in \[0, 1\), found -0.1"),
        (lambda: CrossEntropy(label_smoothing=1.0), r"label_smoothing: expected a number in \[0, 1\), found 1.0"),
        (lambda: Focal(gamma=-1.0), r"gamma: expected a finite number of at least 0, found -1.0"),
        (lambda: Focal(gamma=math.nan), r"gamma: expected a finite number of at least 0, found nan"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_balanced_weights_give_each_class_the_same_say():
    targets = [0] * 6 + [1] * 3 + [2]

    found = balanced_weights(targets, 3)

    assert found.tolist() == pytest.approx([10 / 18, 10 / 9, 10 / 3])
    assert found.tolist() == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=targets).tolist())
    assert balanced_weights([0, 0, 2], 3).tolist() == [0.5, 0.0, 1.0]


def test_balanced_weights_of_shares_that_are_together_less_than_a_fov():
    shares = torch.tensor([[1.0, 0.0, 0.0], [0.75, 0.25, 0.0]])
    assert balanced_weights(shares, 3).tolist() == pytest.approx([2 / (3 * 1.75), 2 / (3 * 0.25), 0.0])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("none", None),
        ("balanced", [4 / 6, 4 / 2]),
        ([1, 2.5], [1.0, 2.5]),
        ({"L": 3.0, "T": 0.5}, [0.5, 3.0]),
    ],
)
def test_class_weights(choice, expected):
    found = class_weights(choice, [0, 0, 0, 1], ("T", "L"))

    assert found is None if expected is None else found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    "choice", ["heavy", 0.5, [1.0], [1.0, 0.0], [1.0, True], [1.0, math.inf], {"T": 1.0}, {"T": 1.0, "O": 1.0}]
)
def test_class_weights_that_are_none(choice):
    message = r"class_weights: expected balanced, none, or one number above 0 .* \['T', 'L'\] or by name; found "
    with pytest.raises(ConfigError, match=message):
        class_weights(choice, [0, 1], ("T", "L"))


class Parts(nn.Module):
    """A network whose FOV vectors are the batch itself; keeps what its head is given."""

    def encode(self, batch):
        return Encoded(None, [], None, batch)

    def classify(self, encoded):
        self.given = encoded.fovs
        return {"field_of_view": encoded.fovs}


def test_vectors_and_losses_are_blended_alike():
    vectors, target = torch.eye(4) * 3, torch.tensor([0, 1, 2, 3])
    network, loss = Parts(), CrossEntropy()
    torch.manual_seed(3)

    found = ManifoldMixup(1.0)(network, vectors, target, loss)

    torch.manual_seed(3)
    share = torch.distributions.Beta(1.0, 1.0).sample()
    other = torch.randperm(4)
    blended = share * vectors + (1 - share) * vectors[other]
    torch.testing.assert_close(network.given, blended)
    expected = share * loss(blended, target) + (1 - share) * loss(blended, target[other])
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert 0.05 < share < 0.95
    assert other.tolist() != [0, 1, 2, 3]


def test_almost_nothing_is_blended_at_a_small_alpha():
    vectors, target, network = torch.eye(4), torch.arange(4), Parts()
    blends = 0
    for seed in range(50):
        torch.manual_seed(seed)
        ManifoldMixup(0.01)(network, vectors, target, CrossEntropy())
        largest = network.given.max(dim=1).values
        blends += int((largest < 0.99).any())

    assert blends <= 5


def test_one_fov_is_blended_with_itself():
    torch.manual_seed(0)
    vectors, target = torch.randn(1, 3), torch.tensor([1])

    found = ManifoldMixup(1.0)(Parts(), vectors, target, CrossEntropy())

    assert found.item() == pytest.approx(CrossEntropy()(vectors, target).item(), rel=1e-6)


def test_trains_a_network_with_it(make_module, make_data, make_trainer):
    module, data = make_module(lr=5e-2, dropout=0.0, mixup=ManifoldMixup(0.2)), make_data()
    trainer = make_trainer(max_epochs=12)
    trainer.fit(module, data)

    (scores,) = trainer.test(module, data, verbose=False)

    assert scores["test/accuracy"] == 1.0


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("inf"), float("nan")])
def test_alpha_out_of_range(alpha):
    with pytest.raises(ConfigError, match=rf"alpha: expected a number above 0, found {alpha}"):
        ManifoldMixup(alpha)


SHARES = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0], [0.5, 0.25, 0.25]])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@each_weighting
def test_soft_cross_entropy_by_hand(smoothing, weights):
    found = SoftCrossEntropy(weights, smoothing)(LOGITS, SHARES)

    weight = [1.0, 1.0, 1.0] if weights is None else weights.tolist()
    above = below = 0.0
    for row, shares in zip(LOGITS.tolist(), SHARES.tolist(), strict=True):
        total = math.log(sum(map(math.exp, row)))
        for k in range(3):
            target = (1 - smoothing) * shares[k] + smoothing / 3
            above += weight[k] * target * (total - row[k])
            below += weight[k] * shares[k]
    assert found.item() == pytest.approx(above / below, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@each_weighting
def test_soft_is_hard_where_annotators_agree(smoothing, weights):
    soft, hard = SoftCrossEntropy(weights, smoothing), CrossEntropy(weights, smoothing)
    one_hot = functional.one_hot(TARGET, 3).float()
    assert soft(LOGITS, one_hot).item() == pytest.approx(hard(LOGITS, TARGET).item(), rel=1e-6)
    assert soft(LOGITS, TARGET).item() == pytest.approx(hard(LOGITS, TARGET).item(), rel=1e-6)


def test_weights_of_shares():
    shares = torch.tensor([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [0.5, 0.5]])
    weights = class_weights("balanced", shares, ["a", "b"])
    assert weights.tolist() == pytest.approx([4 / (2 * 3), 4 / (2 * 1)])
    # both classes count the same
    assert (shares * weights).sum(dim=0).tolist() == pytest.approx([2.0, 2.0])
    assert total_weight(shares, weights).item() == pytest.approx(4.0)
    assert total_weight(shares, None).item() == 4.0
