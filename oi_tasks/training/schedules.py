"""Stages of training, each with its own optimiser, and how their rates move."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    LRScheduler,
    OneCycleLR,
)

from oi_tasks.models.backbones import Encoder
from oi_tasks.profile import Average, Recipe, Schedule

WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Stage:
    """A stretch of training in which the same parts of the model learn."""

    name: str
    epochs: int
    rates: Mapping[str, float]
    """Highest learning rate of each part that learns; the others stay as they are."""
    depth: int | None = None
    """How many stages of the encoder learn, from the top; None: all."""
    decay: float = 1.0
    """The rate of each stage of the encoder, as a share of the one above it."""
    schedule: Schedule = field(default_factory=Schedule)
    averaged: bool = False
    """Whether the ends of its epochs are averaged (SWA)."""


def transfer_stages(
    frozen: int,
    unfrozen: int,
    rate: float,
    encoder_rate: float,
    *,
    each_stage: int = 0,
    encoder_stages: int = 0,
    decay: float = 1.0,
    schedule: Schedule | None = None,
    average: Average | None = None,
) -> list[Stage]:
    """First the head alone, on the encoder as it is, then with more and more of the encoder's stages, then all layers.

    Gradual unfreezing and rates that are lower further down: Howard and Ruder 2018, arXiv:1801.06146. SWA adds epochs
    at a constant rate (Izmailov et al. 2018, arXiv:1803.05407). A stage of no epochs is left out.
    """
    schedule = schedule or Schedule()
    rates = {"head": rate, "encoder": encoder_rate}
    stages = [Stage("frozen", frozen, {"head": rate}, schedule=schedule)]
    stages += [
        Stage(f"top {depth} unfrozen", each_stage, rates, depth, decay, schedule) for depth in range(1, encoder_stages)
    ]
    stages.append(Stage("unfrozen", unfrozen, rates, None, decay, schedule))
    stages = [stage for stage in stages if stage.epochs > 0]
    if stages and average is not None and average.kind == "swa":
        last = stages[-1]
        low = {part: average.rate * value for part, value in last.rates.items()}
        constant = Schedule(kind="constant")
        stages.append(Stage("averaged", average.epochs, low, last.depth, last.decay, constant, averaged=True))
    return stages


def stages_of(recipe: Recipe, encoder: Encoder) -> list[Stage]:
    """The stages that a recipe asks for."""
    epochs = recipe.epochs
    return transfer_stages(
        epochs.frozen,
        epochs.unfrozen,
        recipe.rate,
        recipe.encoder_rate,
        each_stage=epochs.each_stage,
        encoder_stages=len(encoder.stages()),
        decay=recipe.stage_decay,
        schedule=recipe.schedule,
        average=recipe.average,
    )


def learning(encoder: Encoder, stage: Stage) -> list[list[nn.Parameter]]:
    """The parameters of the encoder that learn in a stage, by the encoder's stages, the top one first."""
    if "encoder" not in stage.rates:
        return []
    return encoder.stages()[::-1][: stage.depth]


def optimiser_of(model: nn.Module, stage: Stage) -> AdamW:
    """AdamW over the parts of the model that learn in a stage; stages of the encoder have a group each if they differ.

    `lr` of each group is its highest rate.
    """
    groups = [{"params": list(model.head.parameters()), "lr": stage.rates["head"]}]
    if "encoder" in stage.rates:
        rate = stage.rates["encoder"]
        if stage.depth is None and stage.decay == 1.0:
            groups.append({"params": list(model.encoder.parameters()), "lr": rate})
        else:
            parts = learning(model.encoder, stage)
            groups += [{"params": part, "lr": rate * stage.decay**below} for below, part in enumerate(parts)]
    return AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True)  # one pass over the weights, half the time of several


def schedule_of(optimiser: Optimizer, stage: Stage, steps: int) -> LRScheduler:
    """How the rates of a stage move over all of its `steps`.

    One cycle: up for a third, then down (Smith and Topin 2017, arXiv:1708.07120). Cosine with restarts: Loshchilov and
    Hutter 2016, arXiv:1608.03983. Triangular and exponential range: Smith 2015, arXiv:1506.01186.
    """
    highest = [group["lr"] for group in optimiser.param_groups]
    schedule, epoch = stage.schedule, max(steps // stage.epochs, 1)
    cycle = max(round(schedule.cycle * epoch), 2)
    if schedule.kind == "one_cycle":
        return OneCycleLR(optimiser, max_lr=highest, total_steps=max(steps, 2))
    if schedule.kind == "cosine_restarts":
        return CosineAnnealingWarmRestarts(optimiser, T_0=cycle, T_mult=schedule.growth)
    if schedule.kind == "constant":
        return ConstantLR(optimiser, factor=1.0)
    return CyclicLR(
        optimiser,
        base_lr=[rate * schedule.floor for rate in highest],
        max_lr=highest,
        step_size_up=cycle // 2,
        step_size_down=cycle - cycle // 2,
        mode="triangular" if schedule.kind == "triangular" else "exp_range",
        gamma=1.0 if schedule.kind == "triangular" else schedule.decay ** (1 / epoch),
        cycle_momentum=False,  # AdamW's momentum stays as it is
    )
