"""Backgrounds: two zones of coloured texture with a horizon between them, or one."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from oi_tasks.drawn.shapes import colour

Pixels = NDArray[np.float32]
"""Shape (height, width, 3), 0 to 255 (values outside are clipped when the photo is finished)."""


@dataclass(frozen=True)
class Zone:
    """Colours (hues in degrees, saturation, value) and texture (cells across and down, strength)."""

    hues: tuple[float, ...]
    saturation: float
    value: float
    cells: tuple[int, int] = (6, 6)
    strength: float = 20.0


@dataclass(frozen=True)
class Ground:
    """An upper and a lower zone; the horizon lies between two shares of the height (1 and above: no lower zone)."""

    upper: Zone
    lower: Zone
    horizon: tuple[float, float]


_SKY = Zone((205, 215, 225, 25), 0.4, 0.85, (4, 6), 30)
_WALL = Zone((30, 45, 200, 280, 120), 0.2, 0.7, (3, 3), 12)
GROUNDS: dict[str, Ground] = {
    "sky": Ground(_SKY, Zone((110, 40), 0.35, 0.45, (12, 8), 30), (0.75, 1.3)),
    "water": Ground(_SKY, Zone((190, 205, 215), 0.55, 0.5, (5, 40), 28), (-0.6, 0.5)),
    "meadow": Ground(_SKY, Zone((75, 95, 110, 50), 0.5, 0.5, (40, 30), 32), (0.0, 0.6)),
    "street": Ground(
        Zone((20, 210, 40), 0.2, 0.55, (12, 5), 45), Zone((220, 40), 0.06, 0.4, (30, 12), 22), (0.35, 0.65)
    ),
    "foliage": Ground(
        Zone((85, 105, 125), 0.6, 0.4, (14, 14), 55), Zone((30, 95), 0.5, 0.35, (20, 20), 40), (0.7, 1.6)
    ),
    "table": Ground(_WALL, Zone((22, 30, 38, 210), 0.45, 0.6, (3, 36), 26), (-0.5, 0.4)),
    "room": Ground(_WALL, Zone((20, 30, 350, 210), 0.35, 0.5, (30, 6), 22), (0.5, 0.8)),
    "studio": Ground(Zone((0, 45, 120, 200, 260, 320), 0.3, 0.75, (2, 2), 25), _WALL, (0.7, 1.5)),
}


def cloud(noise: np.random.Generator, width: int, height: int, cells: tuple[int, int]) -> NDArray[np.float32]:
    """Smooth noise of about −1 to 1, shape (height, width): a coarse random grid, scaled up."""
    across, down = min(cells[0], width) + 1, min(cells[1], height) + 1
    grid = Image.fromarray(noise.uniform(-1, 1, (down, across)).astype(np.float32))
    return np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def _filled(rng: random.Random, noise: np.random.Generator, zone: Zone, width: int, height: int) -> Pixels:
    top, bottom = (
        np.array(
            colour(rng, zone.hues[:1] if rng.random() < 0.4 else zone.hues, zone.saturation, zone.value),
            dtype=np.float32,
        )
        for _ in range(2)
    )
    bottom = top * 0.6 + bottom * 0.4
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    texture = cloud(noise, width, height, zone.cells) + 0.5 * cloud(
        noise, width, height, (zone.cells[0] * 3, zone.cells[1] * 3)
    )
    return np.asarray(top + (bottom - top) * ramp + zone.strength * texture[:, :, None], dtype=np.float32)


def background(rng: random.Random, noise: np.random.Generator, name: str, width: int, height: int) -> Pixels:
    """The ground of one photo, float32 of shape (height, width, 3)."""
    ground = GROUNDS[name]
    pixels = _filled(rng, noise, ground.upper, width, height)
    line = round(height * max(0.0, rng.uniform(*ground.horizon)))
    if line < height:
        lower = _filled(rng, noise, ground.lower, width, height)
        slope = rng.uniform(-0.06, 0.06)
        edge = line + slope * (np.arange(width, dtype=np.float32) - width / 2)
        share = np.clip(np.arange(height, dtype=np.float32)[:, None] - edge + 0.5, 0, 1)[:, :, None].astype(np.float32)
        pixels += (lower - pixels) * share
    return pixels
