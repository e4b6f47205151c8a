"""What a cluster's model is taught of a photo: masks of its boxes, and where they are known."""

from typing import Any

import numpy as np
import pytest
import torch

from oi_tasks.io.outputs import Output
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.store import Store
from oi_tasks.jobs.train_semseg import TrainSemseg
from oi_tasks.models.semseg import Semseg
from oi_tasks.profile import Semseg as Recipe
from oi_tasks.settings import Settings
from oi_tasks.training.losses import MASK_LOSSES
from oi_tasks.training.semseg import ClusterPhotos, SemsegLearner
from oi_tasks.training.transforms import View
from tests.training.boxed_photos import SIDE, boxed_dataset

CELLS = 8
DRAWING, OBJECT = [0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5]


@pytest.fixture(scope="module")
def dataset(store: Store, minio_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Two photos a split: one with an object and a drawing of it, one with a drawing alone; class 1 is unknown."""
    drawing = {"class": 0, "box": DRAWING, "depiction": 1}
    held = [[{"class": 0, "box": OBJECT}, drawing], [drawing]]
    return boxed_dataset(tmp_path_factory.mktemp("depicted"), store, minio_settings.cache, held, 2)


def learner(dataset: Output, model: Semseg | None = None, **how: Any) -> SemsegLearner:
    torch.manual_seed(5)
    train, tune = (ClusterPhotos(ShardReader(dataset, split), [0, 1], 0.0) for split in ("train", "tune"))
    model = model or Semseg("test_resnet", 2)
    return SemsegLearner(model, train, tune, 2, torch.device("cpu"), [0, 1], SIDE // CELLS, **how)


def cells(*boxes: list[float]) -> np.ndarray:
    """(CELLS, CELLS) the cells of boxes whose edges are edges of cells."""
    mask = np.zeros((CELLS, CELLS), dtype=bool)
    for left, top, right, bottom in boxes:
        mask[round(top * CELLS) : round(bottom * CELLS), round(left * CELLS) : round(right * CELLS)] = True
    return mask


def test_a_drawing_is_an_object_or_unknown_or_background(dataset: Output) -> None:
    shown = {
        "keep": ([OBJECT, DRAWING], [DRAWING], []),
        "ignore": ([OBJECT], [], [DRAWING]),
        "drop": ([OBJECT], [], []),
    }
    for depictions, (first, second, unknown) in shown.items():
        one = learner(dataset, depictions=depictions)
        for row, boxes in enumerate((first, second)):
            masks, known = one.targets(one.train, row, None)
            assert (masks[0] == cells(*boxes)).all(), depictions
            assert (np.broadcast_to(known[0], masks[0].shape) == ~cells(*unknown)).all(), depictions
            assert not masks[1].any()
            assert not known[1].any()  # verified for no photo


def test_the_unknown_region_goes_with_the_view(dataset: Output) -> None:
    one = learner(dataset, depictions="ignore")
    masks, known = one.targets(one.train, 0, View(0.0, 0.0, 1.0, mirrored=True))
    assert (masks[0] == cells([0.5, 0.0, 1.0, 0.5])).all()
    assert (~known[0] == cells([0.0, 0.0, 0.5, 1.0])).all()


@pytest.mark.parametrize("loss", MASK_LOSSES)
def test_what_a_model_says_of_an_ignored_drawing_moves_neither_loss_nor_scores(dataset: Output, loss: str) -> None:
    moved = {}
    for depictions in ("keep", "ignore", "drop"):
        one = learner(dataset, loss=loss, depictions=depictions)
        (batch,) = one.tune_batches()
        logits = torch.zeros(2, 2, CELLS, CELLS, requires_grad=True)
        one.loss(logits, batch).backward()
        assert logits.grad is not None
        moved[depictions] = logits.grad[:, 0, :, CELLS // 2 :].sign().unique().tolist()
        assert one.weight(batch) == 2 * CELLS * CELLS / (2 if depictions == "ignore" else 1)
    assert moved == {"keep": [-1.0], "ignore": [0.0], "drop": [1.0]}  # towards the class, nowhere, away from it


def test_scores_look_at_known_cells_alone(dataset: Output) -> None:
    """A model that finds the object and the drawings is faultless, unless drawings are background."""

    class FindsBoth(Semseg):
        def decode(self, features: tuple[torch.Tensor, ...]) -> torch.Tensor:
            said = torch.full((2, 2, CELLS, CELLS), -4.0)
            said[:, 0, :, CELLS // 2 :] = 4.0
            said[0, 0, : CELLS // 2, : CELLS // 2] = 4.0
            return said

    found = {}
    for depictions in ("keep", "ignore", "drop"):
        one = learner(dataset, FindsBoth("test_resnet", 2), depictions=depictions)
        found[depictions] = one.scores().metrics["iou/class 0"]
    quarter, half = CELLS * CELLS / 4, CELLS * CELLS / 2
    assert found == {"keep": 1.0, "ignore": 1.0, "drop": quarter / (quarter + 2 * half)}


def test_masks_that_were_trained_before_there_was_a_choice_keep_their_key() -> None:
    plain, other = (
        TrainSemseg(dataset="0" * 20, cluster="a", recipe=Recipe(depictions=how)) for how in ("keep", "drop")
    )
    assert "depictions" not in plain.model_dump(mode="json")["recipe"]
    assert other.model_dump(mode="json")["recipe"]["depictions"] == "drop"
    assert TrainSemseg.model_validate(plain.model_dump(mode="json")) == plain
