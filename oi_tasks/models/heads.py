"""The classifier's heads: what turns feature maps of any of the three shapes into logits."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, pad

from oi_tasks.core.aspect import BINS

DROPOUT = 0.2
STRIDE = 32  # photo pixels for each cell of the maps
POOLED = 16  # cells of the long side after average pooling
WIDTH = 128  # channels of the strips


def _classify(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(channels, classes))


def _strips(channels: int, height: int, width: int) -> nn.Sequential:
    """(B, F, `height`, `width`) → (B, WIDTH, 1, 1): a strip along each row, then one down the column that is left."""
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, (1, width)), nn.ReLU(inplace=True), nn.Conv2d(WIDTH, WIDTH, (height, 1)), nn.ReLU()
    )


class Adaptive(nn.Sequential):  # type: ignore[misc]
    """Average pooling over maps of any shape, dropout, one linear layer."""

    pools = True  # it begins with the average over the maps, so an average may stand for them

    def __init__(self, channels: int, classes: int, side: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(channels, classes))


class StripConv(nn.Module):  # type: ignore[misc]
    """Strips 1×N and N×1 in place of pooling: every cell has a weight of its own.

    N is the long side of the maps of a canvas of `side` pixels; shorter maps are padded with zeros on both sides.
    """

    pools = False

    def __init__(self, channels: int, classes: int, side: int) -> None:
        super().__init__()
        self.cells = side // STRIDE
        self.strips = _strips(channels, self.cells, self.cells)
        self.classify = _classify(WIDTH, classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Logits (B, C) from maps (B, F, h, w); raises ValueError when h or w is larger than N."""
        height, width = maps.shape[-2:]
        down, right = self.cells - height, self.cells - width
        if down < 0 or right < 0:
            raise ValueError(f"maps of {height}×{width} cells do not fit strips of {self.cells}")
        square = pad(maps, (right // 2, right - right // 2, down // 2, down - down // 2))
        logits: Tensor = self.classify(self.strips(square))
        return logits


class PoolThenStripConv(nn.Module):  # type: ignore[misc]
    """Average pooling to 16 cells on the long side, then strips of its own for each aspect bin."""

    pools = False

    def __init__(self, channels: int, classes: int, side: int) -> None:
        super().__init__()
        half = POOLED // 2
        self.shapes = {"2x1": (half, POOLED), "1x1": (POOLED, POOLED), "1x2": (POOLED, half)}
        self.strips = nn.ModuleDict({name: _strips(channels, *self.shapes[name]) for name in BINS})
        self.classify = _classify(WIDTH, classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Logits (B, C) from maps (B, F, h, w); their shape tells the bin."""
        height, width = maps.shape[-2:]
        name = "2x1" if width > height else "1x2" if height > width else "1x1"
        logits: Tensor = self.classify(self.strips[name](adaptive_avg_pool2d(maps, self.shapes[name])))
        return logits


HEADS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "adaptive": Adaptive,
    "strip_conv": StripConv,
    "pool_then_strip_conv": PoolThenStripConv,
}
