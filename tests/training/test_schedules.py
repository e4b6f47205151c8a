"""Rates step by step against the formulas of their papers, and which parts learn at which rate."""

import math

import pytest
import torch

from oi_tasks.models.classifier import Classifier
from oi_tasks.profile import Average, Schedule
from oi_tasks.training.schedules import Stage, learning, optimiser_of, schedule_of, transfer_stages

EPOCHS, STEPS = 4, 10  # steps of an epoch
HIGHEST = (0.4, 0.1)


def rates(schedule: Schedule) -> list[list[float]]:
    """The rates of two groups at each step."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in HIGHEST]
    optimiser = torch.optim.AdamW(groups)
    stage = Stage("s", EPOCHS, {}, schedule=schedule)
    made = schedule_of(optimiser, stage, EPOCHS * STEPS)
    seen = []
    for _ in range(EPOCHS * STEPS):
        seen.append([group["lr"] for group in optimiser.param_groups])
        optimiser.step()
        made.step()
    return seen


def cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def test_one_cycle_rises_for_three_tenths_and_falls_to_nothing() -> None:
    top = 0.3 * EPOCHS * STEPS - 1
    last = EPOCHS * STEPS - 1
    for step, found in enumerate(rates(Schedule(kind="one_cycle"))):
        for rate, highest in zip(found, HIGHEST, strict=True):
            up, down = step / top, (step - top) / (last - top)
            expected = cosine(highest / 25, highest, up) if step <= top else cosine(highest, highest / 25e4, down)
            assert rate == pytest.approx(expected, rel=1e-6)


def test_cosine_restarts_with_longer_and_longer_cycles() -> None:
    expected = (
        [(step, 10) for step in range(10)] + [(step, 20) for step in range(20)] + [(step, 40) for step in range(10)]
    )
    found = rates(Schedule(kind="cosine_restarts", cycle=1, growth=2))
    for seen, (step, length) in zip(found, expected, strict=True):
        for rate, highest in zip(seen, HIGHEST, strict=True):
            assert rate == pytest.approx(highest * (1 + math.cos(math.pi * step / length)) / 2)


@pytest.mark.parametrize("kind", ["triangular", "exp_range"])
def test_cyclic_rates_are_smiths(kind: str) -> None:
    """Smith 2015: cycle = floor(1 + n / 2s), x = |n / s - 2 cycle + 1|, rate = low + (high - low) max(0, 1 - x) γⁿ."""
    found = rates(Schedule(kind=kind, cycle=2, floor=0.1, decay=0.5))
    half, gamma = STEPS, 1.0 if kind == "triangular" else 0.5 ** (1 / STEPS)
    for step, seen in enumerate(found):
        cycle = math.floor(1 + step / (2 * half))
        rise = max(0.0, 1 - abs(step / half - 2 * cycle + 1))
        for rate, highest in zip(seen, HIGHEST, strict=True):
            low = 0.1 * highest
            assert rate == pytest.approx(low + (highest - low) * rise * gamma**step)


def test_constant_is_constant() -> None:
    assert rates(Schedule(kind="constant")) == [list(HIGHEST)] * (EPOCHS * STEPS)


def test_stages_unfreeze_from_the_top_then_all_then_average() -> None:
    stages = transfer_stages(
        2, 5, 1e-2, 1e-3, each_stage=1, encoder_stages=4, decay=0.5, average=Average(kind="swa", epochs=3, rate=0.1)
    )
    assert [(stage.name, stage.epochs, stage.depth) for stage in stages] == [
        ("frozen", 2, None),
        ("top 1 unfrozen", 1, 1),
        ("top 2 unfrozen", 1, 2),
        ("top 3 unfrozen", 1, 3),
        ("unfrozen", 5, None),
        ("averaged", 3, None),
    ]
    assert "encoder" not in stages[0].rates
    assert stages[-1].rates == {"head": pytest.approx(1e-3), "encoder": pytest.approx(1e-4)}
    assert [stage.name for stage in transfer_stages(2, 0, 1e-2, 1e-3)] == ["frozen"]


def test_lower_stages_learn_at_lower_rates_and_the_lowest_not_yet() -> None:
    model = Classifier("test_resnet", 3)
    stage = Stage("s", 1, {"head": 0.5, "encoder": 0.1}, depth=3, decay=0.5)
    groups = optimiser_of(model, stage).param_groups
    assert [group["lr"] for group in groups] == pytest.approx([0.5, 0.1, 0.05, 0.025])
    names = {id(parameter): name for name, parameter in model.encoder.backbone.named_parameters()}
    parts = [{names[id(parameter)].split(".")[0] for parameter in group["params"]} for group in groups[1:]]
    assert parts == [{"layer4"}, {"layer3"}, {"layer2"}]
    assert [len(part) for part in learning(model.encoder, stage)] == [len(group["params"]) for group in groups[1:]]
    whole = optimiser_of(model, Stage("s", 1, {"head": 0.5, "encoder": 0.1}, decay=0.5)).param_groups
    assert sum(len(group["params"]) for group in whole) == len(list(model.parameters()))
