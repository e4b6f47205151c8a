"""From sketches to pixels: an object on a patch with soft edges, patches on a photo, the photo that a camera takes."""

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from oi_tasks.drawn.grounds import Pixels, cloud
from oi_tasks.drawn.shapes import Piece, Sketch, turned

OVERSAMPLING = 2
OPAQUE = 0.5
"""A pixel belongs to an object from this much coverage on."""


@dataclass(frozen=True)
class Patch:
    """A drawn object and where its top left pixel lies on the photo (it may reach beyond the photo's edges)."""

    pixels: Pixels
    cover: NDArray[np.float32]
    """Shape (height, width), 0 to 1: how much of each pixel is the object."""
    parts: tuple[tuple[str, NDArray[np.bool_]], ...]
    """Its labelled parts: name and mask of the same shape."""
    left: int = 0
    top: int = 0

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels that are the object's."""
        return self.cover >= OPAQUE

    def centred(self, x: float, y: float) -> "Patch":
        """The same patch with its middle at (x, y)."""
        height, width = self.cover.shape
        return replace(self, left=round(x - width / 2), top=round(y - height / 2))


@dataclass(frozen=True)
class Pose:
    """How a sketch is put down: pixels of its longer side, degrees, mirrored or not, narrowed (1 is as drawn)."""

    length: float
    turn: float = 0.0
    mirrored: bool = False
    narrowed: float = 1.0


def posed(sketch: Sketch, pose: Pose, limits: tuple[float, float]) -> Sketch:
    """The sketch in pixels, its top left corner at (0, 0), no wider or higher than the limits."""
    flip = -1.0 if pose.mirrored else 1.0
    outlines = [turned(piece.outline * (flip * pose.narrowed, 1.0), pose.turn) for piece in sketch]
    corners = np.concatenate(outlines)
    low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    scale = min(pose.length / extent.max(), limits[0] / extent[0], limits[1] / extent[1])
    return [
        Piece((outline - low) * scale, piece.colour, piece.part)
        for outline, piece in zip(outlines, sketch, strict=True)
    ]


def drawn(sketch: Sketch) -> Patch:
    """Paint a posed sketch, at twice the size and reduced, so that edges are soft."""
    width, height = (int(np.ceil(side)) + 2 for side in np.concatenate([p.outline for p in sketch]).max(axis=0))
    size = (width * OVERSAMPLING, height * OVERSAMPLING)
    paint, cover = Image.new("RGB", size, sketch[0].colour), Image.new("L", size)
    brush, stencil = ImageDraw.Draw(paint), ImageDraw.Draw(cover)
    parts = []
    for piece in sketch:
        corners = ((piece.outline + 1) * OVERSAMPLING).ravel().tolist()
        brush.polygon(corners, fill=piece.colour)
        stencil.polygon(corners, fill=255)
        if piece.part:
            alone = Image.new("L", size)
            ImageDraw.Draw(alone).polygon(corners, fill=255)
            parts.append((piece.part, np.asarray(alone.reduce(OVERSAMPLING)) >= OPAQUE * 255))
    pixels = np.asarray(paint.reduce(OVERSAMPLING), dtype=np.float32)
    share = np.asarray(cover.reduce(OVERSAMPLING), dtype=np.float32) / np.float32(255)
    return Patch(pixels, share, tuple(parts))


def lit(patch: Patch, rng: random.Random, noise: np.random.Generator) -> Patch:
    """The patch with light from one side and an uneven surface."""
    height, width = patch.cover.shape
    across, down = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = 1 + rng.uniform(-0.2, 0.2) * across - rng.uniform(0, 0.3) * down
    light = light + rng.uniform(0.02, 0.12) * cloud(noise, width, height, (width // 4 + 1, height // 4 + 1))
    return replace(patch, pixels=patch.pixels * light[:, :, None])


def faded(patch: Patch, tint: tuple[int, int, int], share: float) -> Patch:
    """The patch as a print: half of its colour lost, mixed with the paper's tint."""
    grey = patch.pixels.mean(axis=2, keepdims=True)
    mixed = (0.5 * patch.pixels + 0.5 * grey) * (1 - share) + np.array(tint, dtype=np.float32) * share
    return replace(patch, pixels=mixed.astype(np.float32))


def window(patch: Patch, width: int, height: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where the patch lies on the photo, and that part of the patch, each as (rows, columns); empty if nowhere."""
    patch_height, patch_width = patch.cover.shape
    top, left = max(0, patch.top), max(0, patch.left)
    bottom, right = max(top, min(height, patch.top + patch_height)), max(left, min(width, patch.left + patch_width))
    there = (slice(top, bottom), slice(left, right))
    return there, (slice(top - patch.top, bottom - patch.top), slice(left - patch.left, right - patch.left))


def put(canvas: Pixels, patch: Patch) -> None:
    """Paint the patch onto the photo, in place."""
    there, here = window(patch, canvas.shape[1], canvas.shape[0])
    cover = patch.cover[here][:, :, None]
    canvas[there] = canvas[there] * (1 - cover) + patch.pixels[here] * cover


def exposed(canvas: Pixels, rng: random.Random, noise: np.random.Generator) -> Image.Image:
    """The photo as a camera takes it: uneven light, a colour cast, dark corners, at times blur, always noise."""
    height, width = canvas.shape[:2]
    across, down = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = rng.uniform(0.78, 1.15) * (1 + rng.uniform(-0.2, 0.2) * across + rng.uniform(-0.2, 0.2) * down)
    light = light * (1 - rng.uniform(0, 0.16) * (across**2 + down**2))
    cast = np.array([rng.uniform(0.9, 1.1) for _ in range(3)], dtype=np.float32)
    pixels = canvas * light[:, :, None] * cast
    if rng.random() < 0.3:
        soft = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).filter(
            ImageFilter.GaussianBlur(rng.uniform(0.4, 1.1))
        )
        pixels = np.asarray(soft, dtype=np.float32)
    grain = noise.standard_normal((height, width, 3), dtype=np.float32) * rng.uniform(2, 8)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
