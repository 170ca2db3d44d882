"""Losses against their formulas, and class weights."""

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from locgraph.errors import ConfigError
from locgraph.learn.losses import CrossEntropy, Focal, balanced_weights, class_weights

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


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal()])
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
        (lambda: CrossEntropy(label_smoothing=-0.1), "label_smoothing must be at least 0 and below 1, found -0.1"),
        (lambda: CrossEntropy(label_smoothing=1.0), "label_smoothing must be at least 0 and below 1, found 1.0"),
        (lambda: Focal(gamma=-1.0), r"training\.loss\.gamma must be at least 0, found -1.0"),
        (lambda: Focal(gamma=math.nan), r"training\.loss\.gamma must be at least 0, found nan"),
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
    message = r"class_weights must be balanced or none, found .*; or one number above 0 .* \['T', 'L'\], or by name"
    with pytest.raises(ConfigError, match=message):
        class_weights(choice, [0, 1], ("T", "L"))
