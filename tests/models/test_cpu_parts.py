"""A few photos at a time say what all at once say, in every mode of torch."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
import torch

from oi_tasks.models import cpu_parts
from oi_tasks.models.cpu_parts import in_parts


@pytest.fixture(autouse=True)
def two_threads_few_photos(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cpu_parts, "PIXELS", 2 * 32 * 32)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("mode", [torch.no_grad(), torch.inference_mode()])
@pytest.mark.parametrize("mixed", [False, True])
def test_parts_say_what_all_say(mode: AbstractContextManager[None], mixed: bool) -> None:
    layer, photos = torch.nn.Conv2d(3, 4, 3).eval(), torch.rand(7, 3, 32, 32)
    seen: list[tuple[int, bool, str]] = []

    def work(part: torch.Tensor) -> torch.Tensor:
        seen.append((len(part), torch.is_grad_enabled(), threading.current_thread().name))
        return layer(part)

    with mode, torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        parts = in_parts(work, photos, training=False)
        torch.testing.assert_close(torch.cat(parts), layer(photos), rtol=0.01 if mixed else 1e-5, atol=1e-5)
        assert [part.dtype for part in parts] == [torch.bfloat16 if mixed else torch.float32] * 4
        assert [part.is_inference() for part in parts] == [torch.is_inference_mode_enabled()] * 4
    assert sorted(size for size, _, _ in seen) == [1, 2, 2, 2]
    assert not any(learning for _, learning, _ in seen)
    assert threading.main_thread().name not in {name for _, _, name in seen}
    assert torch.get_num_threads() == 2


def test_what_may_learn_goes_through_at_once() -> None:
    photos = torch.rand(7, 3, 32, 32)
    assert [len(part) for part in in_parts(lambda part: part, photos, training=False)] == [7]
    with torch.no_grad():
        assert [len(part) for part in in_parts(lambda part: part, photos, training=True)] == [7]


def test_a_fault_in_a_part_is_the_callers() -> None:
    def broken(part: torch.Tensor) -> torch.Tensor:
        raise ValueError("no such layer")

    with torch.no_grad(), pytest.raises(ValueError, match="no such layer"):
        in_parts(broken, torch.rand(7, 3, 32, 32), training=False)
