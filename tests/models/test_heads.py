"""Heads: each against its definition written out with plain sums, on maps of all three shapes."""

import numpy as np
import pytest
import torch
from torch import nn

from oi_tasks.models.backbones import Encoder
from oi_tasks.models.classifier import Classifier
from oi_tasks.models.heads import HEADS, POOLED
from oi_tasks.models.saved import ModelMeta, load_model, save_model

SIDE, CHANNELS, CLASSES = 128, 6, 5
MAPS = {"1x1": (4, 4), "2x1": (2, 4), "1x2": (4, 2)}  # height, width of maps of a 128 px canvas


def head_of(name: str) -> nn.Module:
    torch.manual_seed(4)
    return HEADS[name](CHANNELS, CLASSES, SIDE).eval()


def through_strips(square: np.ndarray, strips: nn.Sequential, linear: nn.Linear) -> np.ndarray:
    """One photo's map (F, h, w): each row summed with the strip's weights, then the column, then the classes."""
    row, column = strips[0], strips[2]
    rows = np.einsum("fhw,ofw->oh", square, row.weight.detach().numpy()[:, :, 0, :])
    rows = np.maximum(rows + row.bias.detach().numpy()[:, None], 0)
    said = np.einsum("fh,ofh->o", rows, column.weight.detach().numpy()[:, :, :, 0]) + column.bias.detach().numpy()
    return np.maximum(said, 0) @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()


@pytest.mark.parametrize("shape", MAPS.values())
def test_adaptive_is_the_mean_then_a_linear_layer(shape: tuple[int, int]) -> None:
    head, maps = head_of("adaptive"), torch.randn(2, CHANNELS, *shape)
    linear = head[-1]
    expected = maps.numpy().mean((2, 3)) @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    assert head(maps).detach().numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", MAPS.values())
def test_strip_conv_weighs_every_cell_of_a_map_in_the_middle_of_a_square(shape: tuple[int, int]) -> None:
    head, maps = head_of("strip_conv"), torch.randn(2, CHANNELS, *shape)
    height, width = shape
    square = np.zeros((2, CHANNELS, 4, 4), dtype=np.float32)
    top, left = (4 - height) // 2, (4 - width) // 2
    square[:, :, top : top + height, left : left + width] = maps.numpy()
    expected = [through_strips(photo, head.strips, head.classify[-1]) for photo in square]
    assert head(maps).detach().numpy() == pytest.approx(np.stack(expected), abs=1e-4)


@pytest.mark.parametrize(("name", "shape"), MAPS.items())
def test_pool_then_strip_conv_has_strips_for_each_bin(name: str, shape: tuple[int, int]) -> None:
    head, maps = head_of("pool_then_strip_conv"), torch.randn(2, CHANNELS, *shape)
    cells = POOLED // 4  # 4 cells of the long side become 16, each the mean over the one cell that it lies in
    pooled = maps.numpy().repeat(cells, 2).repeat(cells, 3)
    expected = [through_strips(photo, head.strips[name], head.classify[-1]) for photo in pooled]
    assert head(maps).detach().numpy() == pytest.approx(np.stack(expected), abs=1e-4)
    head(maps).sum().backward()
    learning = {bin_name for bin_name, strips in head.strips.items() if strips[0].weight.grad is not None}
    assert learning == {name}


def test_pooling_averages_where_maps_are_larger() -> None:
    head, maps = head_of("pool_then_strip_conv"), torch.randn(1, CHANNELS, 32, 32)
    pooled = maps.numpy().reshape(1, CHANNELS, 16, 2, 16, 2).mean((3, 5))
    expected = through_strips(pooled[0], head.strips["1x1"], head.classify[-1])
    assert head(maps)[0].detach().numpy() == pytest.approx(expected, abs=1e-4)


def test_maps_larger_than_the_strips_are_refused() -> None:
    with pytest.raises(ValueError, match="maps of 8×4 cells do not fit strips of 4"):
        head_of("strip_conv")(torch.zeros(1, CHANNELS, 8, 4))


@pytest.mark.parametrize("name", ["strip_conv", "pool_then_strip_conv"])
def test_a_saved_model_with_strips_answers_the_same(name: str, tmp_path) -> None:
    meta = ModelMeta(
        kind="classifier",
        backbone="test_resnet",
        head=name,
        classes=("/m/a", "/m/b"),
        names=("A", "B"),
        thresholds=(0.5, 0.5),
        canvases={"1x1": (96, 96), "2x1": (96, 64), "1x2": (64, 96)},
        loss="bce",
        activation="sigmoid",
        dataset="0" * 20,
    )
    model = Classifier("test_resnet", 2, name, side=96).eval()
    save_model(tmp_path, model, meta)
    loaded, _ = load_model(tmp_path)
    for height, width in ((96, 96), (64, 96), (96, 64)):
        photos = torch.rand(1, 3, height, width)
        with torch.inference_mode():
            assert torch.allclose(loaded(photos), model(photos), atol=1e-6)


@pytest.mark.parametrize(
    ("backbone", "last"),
    [
        ("resnet18", "layer4.1.bn2.bias"),
        ("convnext_atto", "head.norm.bias"),
        ("tf_efficientnet_lite0", "bn2.bias"),
    ],
)
def test_stages_hold_every_parameter_once_from_the_stem_up(backbone: str, last: str) -> None:
    encoder = Encoder(backbone)
    names = {id(parameter): name for name, parameter in encoder.backbone.named_parameters()}
    stages = [[names[id(parameter)] for parameter in stage] for stage in encoder.stages()]
    assert sorted(name for stage in stages for name in stage) == sorted(names.values())
    first = next(iter(encoder.backbone.named_parameters()))[0]
    assert first in stages[0]
    assert last in stages[-1]
    assert 4 <= len(stages) <= 8
