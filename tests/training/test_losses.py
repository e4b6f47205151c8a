"""Losses against torch's own on what is known, and against their formulas written out."""

import pytest
import torch
from torch.nn import functional

from oi_tasks.training.losses import ALPHA, FOCUS_ABSENT, FOCUS_PRESENT, GAMMA, LOSSES, MARGIN, MASK_LOSSES


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    logits = torch.randn(6, 4, requires_grad=True)
    return logits, (torch.rand(6, 4) < 0.4).float(), torch.rand(6, 4) < 0.6


def test_bce_is_torchs_over_what_is_known(batch) -> None:
    logits, targets, known = batch
    expected = functional.binary_cross_entropy_with_logits(logits[known], targets[known])
    assert LOSSES["bce"](logits, targets, known).item() == pytest.approx(expected.item())


def test_focal_is_its_formula_over_what_is_known(batch) -> None:
    logits, targets, known = batch
    right = torch.where(targets > 0, logits.sigmoid(), 1 - logits.sigmoid())
    weight = torch.where(targets > 0, ALPHA, 1 - ALPHA)
    expected = (-weight * (1 - right) ** GAMMA * right.log())[known].mean()
    assert LOSSES["focal"](logits, targets, known).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", ["bce", "focal"])
def test_what_is_unknown_moves_nothing(batch, name: str) -> None:
    logits, targets, known = batch
    LOSSES[name](logits, targets, known).backward()
    assert (logits.grad[~known] == 0).all()
    assert (logits.grad[known] != 0).all()


def test_softmax_is_torchs_cross_entropy_for_photos_of_one_class() -> None:
    torch.manual_seed(1)
    logits, wanted = torch.randn(5, 7), torch.tensor([0, 3, 6, 3, 1])
    targets = functional.one_hot(wanted, 7).float()
    expected = functional.cross_entropy(logits, wanted)
    assert LOSSES["softmax"](logits, targets, torch.ones(5, 7, dtype=torch.bool)) == pytest.approx(expected.item())
    targets[4] = 0  # a photo without a class does not count
    expected = functional.cross_entropy(logits[:4], wanted[:4])
    assert LOSSES["softmax"](logits, targets, torch.ones(5, 7, dtype=torch.bool)) == pytest.approx(expected.item())


def test_dice_is_its_formula_for_the_classes_of_the_batch() -> None:
    torch.manual_seed(2)
    logits, targets = torch.randn(3, 2, 4, 4), (torch.rand(3, 2, 4, 4) < 0.3).float()
    targets[:, 1] = 0  # not in the batch: it has no Dice loss
    known = torch.tensor([[True, True], [True, False], [False, True]])[:, :, None, None]
    rows = known[:, 0, 0, 0]
    said, true = logits.sigmoid()[rows, 0], targets[rows, 0]
    dice = 1 - 2 * (said * true).sum() / (said.sum() + true.sum())
    cells = known.expand_as(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits[cells], targets[cells])
    assert MASK_LOSSES["bce+dice"](logits, targets, known) == pytest.approx((entropy + dice).item(), rel=1e-5)
    hard = LOSSES["focal"](logits, targets, known)
    assert MASK_LOSSES["focal+dice"](logits, targets, known) == pytest.approx((hard + dice).item(), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_known_is_no_loss(name: str) -> None:
    nothing = torch.zeros(2, 3)
    assert LOSSES[name](torch.randn(2, 3), nothing, nothing > 0) == 0


def test_asymmetric_is_its_formula_over_what_is_known(batch) -> None:
    """Ridnik et al. 2021: present (1 - p)^γ₊ log p, absent pₘ^γ₋ log(1 - pₘ) with pₘ = max(p - margin, 0)."""
    logits, targets, known = batch
    p = logits.sigmoid()
    shifted = (p - MARGIN).clamp(min=0)
    present = (1 - p) ** FOCUS_PRESENT * p.log()
    absent = shifted**FOCUS_ABSENT * (1 - shifted).log()
    expected = -torch.where(targets > 0, present, absent)[known].mean()
    assert LOSSES["asymmetric"](logits, targets, known).item() == pytest.approx(expected.item(), rel=1e-4)
    LOSSES["asymmetric"](logits, targets, known).backward()
    assert (logits.grad[~known] == 0).all()
