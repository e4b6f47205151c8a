"""Losses, each with a mask: what is unknown of a photo does not count."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torchvision.ops import sigmoid_focal_loss


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of the values that count; 0 where none does."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def classifier_loss(kind: str, logits: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """`bce`, `focal` (Lin et al. 2017, gamma 2) or `softmax`; logits, target and mask are (B, classes).

    Softmax shares a photo among its classes evenly and knows no unknown; photos without a class do not count.
    """
    if kind == "softmax":
        known = target.sum(1) > 0
        shares = target[known] / target[known].sum(1, keepdim=True)
        return cross_entropy(logits[known], shares) if known.any() else logits.sum() * 0
    if kind == "focal":
        return masked_mean(sigmoid_focal_loss(logits, target), mask) * logits.shape[1]
    return masked_mean(binary_cross_entropy_with_logits(logits, target, reduction="none"), mask)


def mask_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Cross entropy plus soft Dice (Milletari et al. 2016) over the batch, per class; all are (B, classes, h, w)."""
    entropy = masked_mean(binary_cross_entropy_with_logits(logits, target, reduction="none"), known)
    guess, truth = torch.sigmoid(logits) * known, target * known
    both = (guess * truth).sum(dim=(0, 2, 3))
    dice = (2 * both + 1) / (guess.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3)) + 1)
    return entropy + (1 - dice).mean()
