"""One step of training: a batch computed in one or more parts, its gradients summed over parts and ranks."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch

from oi_tasks.errors import OiError
from oi_tasks.training.batches import Batch
from oi_tasks.training.checkpoints import TrainingState
from oi_tasks.training.learner import Learner
from oi_tasks.training.ranks import ranks, sums


def learn(learner: Learner, batch: Batch, state: TrainingState, say: Callable[[str], None]) -> float:
    """Learn from one batch; returns its loss, over all ranks. Raises OiError when that is no number.

    When a GPU's memory runs out the batch is computed in twice as many parts, from there on, and `say` is told.
    """
    progress = state.progress
    while True:
        try:
            value = _gradients(learner, batch, state)
            break
        except torch.OutOfMemoryError:
            state.optimiser.zero_grad(set_to_none=True)
            if ranks() > 1 or progress.parts >= len(batch):
                fix = "set `accumulate` of the recipe higher in the profile, or `batch` lower"
                raise OiError("the GPU's memory does not hold a batch", fix=fix, code="memory") from None
        # Outside of the handler the failed attempt's tensors are free.
        progress.parts = min(2 * progress.parts, len(batch))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        say(f"memory ran out: a batch is computed in {progress.parts} parts from here on")
    state.scaler.step(state.optimiser)
    state.scaler.update()
    state.schedule.step()
    if state.average:
        state.average.after_step(learner.model)
    return value


def _gradients(learner: Learner, batch: Batch, state: TrainingState) -> float:
    """Leave the gradients of a batch's mean loss in the model. Returns the loss, over all ranks."""
    parts = batch.parts(state.progress.parts)
    weights = [learner.weight(part) for part in parts]
    (whole,) = sums([sum(weights)], learner.device)
    state.optimiser.zero_grad(set_to_none=True)
    own = 0.0
    for number, (part, weight) in enumerate(zip(parts, weights, strict=True)):
        with nullcontext() if number == len(parts) - 1 else learner.apart():
            loss = learner.loss(learner.logits(part), part) * (weight / whole if whole else 0.0)
            own += _finite(float(loss.detach()), part.ids)
            # The mean over ranks is taken of gradients; the loss is a sum over them.
            state.scaler.scale(loss * ranks()).backward()
    return sums([own], learner.device)[0]


def _finite(value: float, ids: Sequence[str]) -> float:
    if not math.isfinite(value):
        fix = "lower the learning rates, or look at these photos"
        raise OiError(f"the loss of a batch is {value}: photos {', '.join(ids)}", fix=fix, code="loss")
    return value
