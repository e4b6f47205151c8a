"""Averages of weights that stand in for the last ones: exponential (EMA) and over the ends of epochs (SWA)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from oi_tasks.profile import Average


class Averaged:
    """An average of a model's weights, kept by torch's own AveragedModel.

    SWA: Izmailov et al. 2018, arXiv:1803.05407. The normalisation statistics of an SWA model are computed anew by the
    learner; those of an EMA model are averaged with the weights.
    """

    def __init__(self, kind: Average, model: nn.Module) -> None:
        self.kind = kind.kind
        rule = get_ema_multi_avg_fn(kind.decay) if self.kind == "ema" else None
        self._average = AveragedModel(model, multi_avg_fn=rule, use_buffers=self.kind == "ema")

    @property
    def empty(self) -> bool:
        """Whether nothing is averaged yet."""
        return int(self._average.n_averaged) == 0

    def after_step(self, model: nn.Module) -> None:
        """Take in the weights after a step."""
        if self.kind == "ema":
            self._average.update_parameters(model)

    def after_epoch(self, model: nn.Module) -> None:
        """Take in the weights at the end of an epoch whose ends are averaged."""
        if self.kind == "swa":
            self._average.update_parameters(model)

    @contextmanager
    def in_place_of(self, model: nn.Module) -> Iterator[None]:
        """While it is open, the model holds the average; then its own weights again."""
        own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.put_into(model)
        try:
            yield
        finally:
            model.load_state_dict(own)

    def put_into(self, model: nn.Module) -> None:
        """Replace the model's weights by the average."""
        model.load_state_dict(self._average.module.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """All that it holds."""
        state: dict[str, Any] = self._average.state_dict()
        return state

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self._average.load_state_dict(state)
