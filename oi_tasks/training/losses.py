"""Losses that do not see what is unknown. `known` is True where a target was verified, and broadcasts to it."""

from collections.abc import Callable

import torch
from timm.loss import AsymmetricLossMultiLabel
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torchvision.ops import sigmoid_focal_loss

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
ALPHA, GAMMA = 0.25, 2.0  # of the focal loss, as in its paper
FOCUS_PRESENT, FOCUS_ABSENT, MARGIN = 1.0, 4.0, 0.05  # of the asymmetric loss: exponents, and a shift of probability
_ASYMMETRIC = AsymmetricLossMultiLabel(FOCUS_ABSENT, FOCUS_PRESENT, MARGIN, reduction="none")


def bce(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Mean binary cross entropy over what is known. Logits and targets (B, C, …)."""
    return _known_mean(binary_cross_entropy_with_logits(logits, targets, reduction="none"), known)


def focal(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Mean focal loss over what is known (Lin et al. 2017, arXiv:1708.02002). Logits and targets (B, C)."""
    return _known_mean(sigmoid_focal_loss(logits, targets, alpha=ALPHA, gamma=GAMMA, reduction="none"), known)


def asymmetric(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Mean asymmetric loss over what is known (Ridnik et al. 2021, arXiv:2009.14119). Logits and targets (B, C).

    Absent classes are focused on more strongly than present ones, and easy absent ones not at all.
    """
    return _known_mean(_ASYMMETRIC(logits, targets), known)


def softmax(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Cross entropy, for photos that show one class; a photo with several asks for equal shares of each.

    Logits and targets (B, C). Classes compete, so `known` does not matter; photos without a class do not count.
    """
    shown = targets.sum(1, keepdim=True)
    losses = cross_entropy(logits, targets / shown.clamp(min=1), reduction="none")
    return _known_mean(losses, shown.squeeze(1) > 0)


def soft_dice(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Soft Dice loss, the mean over classes that are in the batch; sums go over the batch.

    Logits and targets (B, K, h, w), known the same or (B, K, 1, 1). Source: Milletari et al. 2016, arXiv:1606.04797.
    """
    probabilities, over = torch.sigmoid(logits) * known, (0, 2, 3)
    shared = (probabilities * targets).sum(over)
    sizes = probabilities.sum(over) + (targets * known).sum(over)
    shown = (targets * known).sum(over) > 0
    return _known_mean(1 - 2 * shared / sizes.clamp(min=1e-6), shown)


def bce_and_dice(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Mean binary cross entropy and soft Dice, for masks."""
    return bce(logits, targets, known) + soft_dice(logits, targets, known)


def focal_and_dice(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Mean focal loss and soft Dice, for masks: cells that are sure already weigh less."""
    return focal(logits, targets, known) + soft_dice(logits, targets, known)


def _known_mean(values: Tensor, known: Tensor) -> Tensor:
    """The mean over what is known; 0 when nothing is."""
    weights = known.expand_as(values).to(values.dtype)
    return (values * weights).sum() / weights.sum().clamp(min=1)


LOSSES: dict[str, Loss] = {"bce": bce, "focal": focal, "asymmetric": asymmetric, "softmax": softmax}
MASK_LOSSES: dict[str, Loss] = {"bce+dice": bce_and_dice, "focal+dice": focal_and_dice}
