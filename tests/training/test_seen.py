"""A frozen encoder does not look at a photo twice, from one training to the next."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from oi_tasks.training.classifier import ClassifierLearner
from oi_tasks.training.schedules import Stage
from oi_tasks.training.seen import SeenPhotos, encoder_key

Make = Callable[..., ClassifierLearner]
FROZEN = Stage("frozen", 1, {"head": 1e-2})


def looked_at(made: ClassifierLearner) -> int:
    """How many photos go through the encoder while the frozen stage gets ready."""
    photos = []
    made.enter(FROZEN, photos.append)
    return sum(photos)


def features(made: ClassifierLearner, split: str) -> torch.Tensor:
    reader = made.train if split == "train" else made.tune
    return made._kept[split].get(np.arange(len(reader)))[0]


def test_the_second_training_looks_at_new_photos_alone(learner: Make, tmp_path: Path) -> None:
    seen = SeenPhotos(tmp_path)
    first, second, fresh = learner(seen=seen), learner(seen=seen), learner()
    everything = len(first.train) + len(first.tune)
    assert looked_at(first) == everything
    assert looked_at(second) == 0
    assert looked_at(fresh) == everything
    for split in ("train", "tune"):
        assert torch.equal(features(first, split), features(second, split))
        torch.testing.assert_close(features(first, split), features(fresh, split))
    (few,) = (learner(seen=SeenPhotos(tmp_path / "few")),)
    few.train = few.train.select(np.arange(10, 30))
    assert looked_at(few) == 20 + len(few.tune)
    more = learner(seen=few.seen)
    assert looked_at(more) == len(more.train) - 20
    torch.testing.assert_close(features(more, "train"), features(fresh, "train"))


def test_another_encoder_or_precision_has_seen_nothing(learner: Make, tmp_path: Path) -> None:
    seen = SeenPhotos(tmp_path)
    looked_at(learner(seen=seen))
    changed = learner(seen=seen)
    with torch.no_grad():
        next(changed.model.encoder.parameters()).mul_(1.5)
    assert looked_at(changed) == len(changed.train) + len(changed.tune)
    mirrored = learner(seen=seen)
    mirrored.model.mirror = True
    assert looked_at(mirrored) == len(mirrored.train) + len(mirrored.tune)


def test_a_head_that_does_not_average_takes_no_averages(learner: Make, tmp_path: Path) -> None:
    seen = SeenPhotos(tmp_path)
    looked_at(learner(seen=seen))
    strips = learner(seen=seen, head="strip_conv")
    assert looked_at(strips) == len(strips.train) + len(strips.tune)
    assert strips._kept["train"].get(np.array([0]))[0].shape[2:] != (1, 1)


def test_a_damaged_file_is_passed_over_and_the_oldest_go(tmp_path: Path) -> None:
    seen = SeenPhotos(tmp_path, limit=3000)
    photos, values = np.array(["b", "a", "c"], dtype="S64"), np.arange(300, dtype=np.float32).reshape(3, 100)
    seen.keep("one", photos, values)
    known, found = seen.recall("one", np.array(["c", "x", "b"], dtype="S64"))
    assert known.tolist() == [True, False, True]
    np.testing.assert_array_equal(found[known], values[[2, 0]])
    assert not seen.recall("two", photos)[0].any()
    (file,) = tmp_path.glob("one/*.npz")
    os.utime(file, (1, 1))
    seen.keep("two", photos[:2], values[:2])
    assert [path.parent.name for path in tmp_path.glob("*/*.npz")] == ["two"]
    (file,) = tmp_path.glob("two/*.npz")
    file.write_bytes(file.read_bytes()[:700])
    assert not seen.recall("two", photos)[0].any()
    seen.keep("three", photos, np.zeros((3, 10_000), dtype=np.float32))  # more than there is room for
    assert not list(tmp_path.glob("three/*"))


def test_a_file_that_another_process_removes_meanwhile_is_no_failure(tmp_path: Path) -> None:
    seen, photos = SeenPhotos(tmp_path, limit=3000), np.array(["a"], dtype="S64")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "gone.npz").symlink_to(tmp_path / "nowhere")  # listed, and not there when it is looked at
    seen.keep("one", photos, np.ones((1, 4), dtype=np.float32))
    assert seen.recall("one", photos)[0].tolist() == [True]


def test_the_key_is_of_layers_and_weights() -> None:
    torch.manual_seed(0)
    one, same, other = (torch.nn.Linear(2, 2) for _ in range(3))
    same.load_state_dict(one.state_dict())
    assert encoder_key(one) == encoder_key(same) != encoder_key(other)
    assert encoder_key(one) != encoder_key(one, mirror=True)


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one(count: int, tmp_path: Path) -> None:
    photos = np.array(["a"] * count, dtype="S64")
    seen = SeenPhotos(tmp_path)
    seen.keep("one", photos, np.ones((count, 4), dtype=np.float32))
    assert seen.recall("one", photos)[0].tolist() == [True] * count
