"""The single-stage detector: anchors, losses and boxes against torchvision's own RetinaNet with the same weights."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from oi_tasks.models.detector import LEVELS, SHAPES, SIDE, STEPS, Detector, anchors
from oi_tasks.models.single_stage import CANDIDATES, MOST, OVERLAP, boxes_of, found_boxes
from oi_tasks.training.detector import photo_loss

CLASSES = 3
SIZES = [(64, 64), (128, 64), (224, 224), (96, 160)]  # width, height


class Maps(nn.Module):
    """The detector's encoder and pyramid, as torchvision takes a backbone."""

    def __init__(self, detector: Detector, width: int) -> None:
        super().__init__()
        self.detector, self.out_channels = detector, width

    def forward(self, photos: Tensor) -> dict[str, Tensor]:
        maps = self.detector.encode(photos)
        return self.detector.head.pyramid({str(level): found for level, found in enumerate(maps)})


def generator() -> AnchorGenerator:
    sizes = tuple(tuple(SIDE * stride * step for step in STEPS) for stride in LEVELS)
    return AnchorGenerator(sizes, (SHAPES,) * len(LEVELS))


@pytest.fixture(scope="module")
def detector() -> Detector:
    torch.manual_seed(4)
    made = Detector("test_resnet", CLASSES, 64).eval()
    # Scores that differ, none so near to 1 that several are equal.
    nn.init.normal_(made.head.retina.classification_head.cls_logits.weight, std=0.1)
    nn.init.normal_(made.head.retina.regression_head.bbox_reg.weight, std=0.05)
    return made


def torchvisions(detector: Detector, size: tuple[int, int], floor: float = 0.05) -> RetinaNet:
    """The same network as torchvision's, which takes photos of that size as they are."""
    return RetinaNet(
        Maps(detector, 64),
        CLASSES,
        head=detector.head.retina,
        anchor_generator=generator(),
        image_mean=[0, 0, 0],
        image_std=[1, 1, 1],
        min_size=min(size),
        max_size=max(size),
        score_thresh=floor,
        nms_thresh=OVERLAP,
        detections_per_img=MOST,
        topk_candidates=CANDIDATES,
    ).eval()


def photos(size: tuple[int, int], count: int = 2) -> Tensor:
    return torch.rand(count, 3, size[1], size[0], generator=torch.Generator().manual_seed(size[0] + 1000 * size[1]))


def some_boxes(size: tuple[int, int], count: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, 2, generator=random).sort(dim=1).values * 0.9
    corners[:, 1] += 0.05
    return corners.reshape(count, 4) * torch.tensor([*size, *size])


@pytest.mark.parametrize("size", SIZES)
def test_anchors_are_torchvisions_one_for_each_answer(detector: Detector, size: tuple[int, int]) -> None:
    held = photos(size)
    maps = list(Maps(detector, 64)(held).values())
    expected = generator()(ImageList(held, [(size[1], size[0])] * 2), maps)[0]
    found = anchors(size, torch.device("cpu"))
    assert torch.equal(found, expected)
    assert detector(held).shape == (2, len(found), CLASSES + 4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [0, 1, 9])
def test_the_loss_is_torchvisions(detector: Detector, size: tuple[int, int], count: int) -> None:
    held = photos(size)
    targets = [
        {"boxes": some_boxes(size, count, seed), "labels": torch.arange(count) % CLASSES} for seed in range(len(held))
    ]
    said = torchvisions(detector, size).train()(held, targets)
    expected = said["classification"] + said["bbox_regression"]
    places = anchors(size, torch.device("cpu"))
    losses = []
    for answer, target in zip(detector.train()(held), targets, strict=True):
        facts = torch.zeros(count + 4, 6)  # with rows that stand for no box
        facts[:count, 0], facts[:count, 1:5] = 1 + target["labels"], target["boxes"]
        losses.append(photo_loss(answer, facts, torch.ones(CLASSES, dtype=torch.bool), places))
    detector.eval()
    assert torch.stack(losses).mean().item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_the_boxes_are_torchvisions(detector: Detector, size: tuple[int, int]) -> None:
    held = photos(size)
    with torch.inference_mode():
        scores = detector(held)[..., :CLASSES].sigmoid()
        # Between two scores, and with so few above that none is cut by its level alone.
        floor = scores.flatten().topk(601).values[-2:].mean().item()
        expected = torchvisions(detector, size, floor)(list(held))
        for answer, found in zip(detector(held), expected, strict=True):
            boxes, labels, best = boxes_of(answer, size, torch.full((CLASSES,), floor))
            assert len(best) > 3
            assert best.tolist() == pytest.approx(found["scores"].tolist(), abs=1e-5)
            assert labels.tolist() == found["labels"].tolist()
            assert torch.allclose(boxes, found["boxes"], atol=1e-3)


def test_each_class_has_a_floor_of_its_own_and_boxes_stay_in_the_photo(detector: Detector) -> None:
    size = (128, 64)
    with torch.inference_mode():
        (answer,) = detector(photos(size, 1))
    found = found_boxes(answer, size, torch.tensor([0.0, 2.0, 0.0]), ("/m/a", "/m/b", "/m/c"))
    assert {box.label for box in found} == {"/m/a", "/m/c"}
    assert [box.score for box in found] == sorted((box.score for box in found), reverse=True)
    assert all(0 <= box.box[0] <= box.box[2] <= 1 and 0 <= box.box[1] <= box.box[3] <= 1 for box in found)


def test_what_is_not_known_and_what_lies_in_a_group_has_no_part(detector: Detector) -> None:
    size = (64, 64)
    places = anchors(size, torch.device("cpu"))
    answer = torch.randn(len(places), CLASSES + 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    facts = torch.zeros(2, 6)
    facts[0] = torch.tensor([1, 4.0, 4.0, 24.0, 24.0, 0])
    facts[1] = torch.tensor([2, 32.0, 0.0, 64.0, 64.0, 1])  # the right half is around a group
    photo_loss(answer, facts, torch.tensor([True, True, False]), places).backward()
    gradient = answer.grad.abs()
    assert (gradient[:, 2] == 0).all()  # the third class is not known
    assert (gradient[:, 0] > 0).any()
    right = (places[:, 0] >= 32) & (places[:, 1] >= 0) & (places[:, 2] <= 64) & (places[:, 3] <= 64)
    assert right.sum() > 50
    assert (gradient[right] == 0).all()
    left = (places[:, 2] <= 32) & (places[:, 0] >= 0)
    assert (gradient[left, 1] > 0).any()  # there the second class is known to be absent
