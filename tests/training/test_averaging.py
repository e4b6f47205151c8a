"""Averages of weights against their formulas, and normalisation statistics computed anew."""

from collections.abc import Callable

import pytest
import torch

from oi_tasks.profile import Average
from oi_tasks.training.averaging import Averaged
from oi_tasks.training.classifier import ClassifierLearner

Make = Callable[..., ClassifierLearner]


def moved(model: torch.nn.Module, step: int) -> dict[str, torch.Tensor]:
    """Change all weights, as a step of training would; returns them."""
    torch.manual_seed(step)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def test_ema_is_its_recurrence(learner: Make) -> None:
    model = learner().model
    average, expected = Averaged(Average(kind="ema", decay=0.8), model), None
    assert average.empty
    for step in range(4):
        seen = moved(model, step)
        average.after_step(model)
        average.after_epoch(model)  # not its business
        expected = seen if expected is None else {n: 0.8 * expected[n] + 0.2 * seen[n] for n in seen}
    average.put_into(model)
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, expected[name], atol=1e-6)


def test_swa_is_the_mean_of_the_ends_of_epochs(learner: Make) -> None:
    model = learner().model
    average, seen = Averaged(Average(kind="swa"), model), []
    for step in range(3):
        seen.append(moved(model, step))
        average.after_step(model)
        average.after_epoch(model)
    own = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    with average.in_place_of(model):
        for name, parameter in model.named_parameters():
            assert torch.allclose(parameter, sum(weights[name] for weights in seen) / 3, atol=1e-6)
    assert all(torch.equal(parameter, own[name]) for name, parameter in model.named_parameters())


def test_an_swa_models_statistics_are_those_of_its_own_activations(learner: Make) -> None:
    made = learner()
    average = Averaged(Average(kind="swa"), made.model)
    for step in range(2):
        moved(made.model, step)
        average.after_epoch(made.model)
    photos = [batch.photos for batch in made.reader.read(made.train, made.plan([0]))]
    average.put_into(made.model)
    momentum = made.model.encoder.backbone.conv1[1].momentum
    made.renew_statistics([0])
    assert made.model.encoder.backbone.conv1[1].momentum == momentum
    backbone = made.model.encoder.backbone
    first, norm = backbone.conv1[0], backbone.conv1[1]
    means, variances = [], []
    for batch in photos:
        maps = first((batch - made.model.encoder.mean) / made.model.encoder.std).detach().double()
        means.append(maps.mean((0, 2, 3)))
        variances.append(maps.transpose(0, 1).flatten(1).var(1))
    assert norm.running_mean.double() == pytest.approx(torch.stack(means).mean(0), abs=1e-4)
    assert norm.running_var.double() == pytest.approx(torch.stack(variances).mean(0), rel=1e-3)


def test_an_average_is_put_back_whole(learner: Make) -> None:
    model = learner().model
    first = Averaged(Average(kind="ema", decay=0.8), model)
    for step in range(3):
        moved(model, step)
        first.after_step(model)
    second = Averaged(Average(kind="ema", decay=0.8), model)
    second.load_state_dict(first.state_dict())
    moved(model, 3)
    for average in (first, second):
        average.after_step(model)
    one, two = first.state_dict(), second.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
