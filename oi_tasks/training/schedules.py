"""Stages of training, each with its own optimiser and one-cycle rates."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Stage:
    """A stretch of training in which the same parts of the model learn."""

    name: str
    epochs: int
    rates: Mapping[str, float]
    """Highest learning rate of each part that learns; the others stay as they are."""


def transfer_stages(frozen: int, unfrozen: int, rate: float, encoder_rate: float) -> list[Stage]:
    """First the head alone, on the encoder as it is, then all layers. A stage of no epochs is left out."""
    stages = [
        Stage("frozen", frozen, {"head": rate}),
        Stage("unfrozen", unfrozen, {"head": rate, "encoder": encoder_rate}),
    ]
    return [stage for stage in stages if stage.epochs > 0]


def optimiser_of(model: nn.Module, stage: Stage) -> AdamW:
    """AdamW over the parts of the model that learn in a stage."""
    groups = [{"params": list(getattr(model, part).parameters()), "lr": rate} for part, rate in stage.rates.items()]
    return AdamW(groups, weight_decay=WEIGHT_DECAY)


def schedule_of(optimiser: Optimizer, stage: Stage, steps: int) -> LRScheduler:
    """One cycle (Smith and Topin 2017, arXiv:1708.07120) over all steps of a stage: up for a third, then down."""
    return OneCycleLR(optimiser, max_lr=list(stage.rates.values()), total_steps=steps)
