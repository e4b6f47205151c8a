"""A photo with what a model says of it: masks as colour, boxes with their scores, and the way it was routed."""

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import label

from oi_tasks.core.components import AROUND
from oi_tasks.core.palette import ON_PHOTOS
from oi_tasks.io.rgb import as_rgb
from oi_tasks.models.cascade import Cascade
from oi_tasks.models.predictor import PhotoPrediction, Predictor

VEIL = 0.4  # of a mask's colour over the photo
SMALLEST, LARGEST = 320, 1600  # pixels of the drawn picture's long side
MARGIN = 4
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw(data: bytes, found: PhotoPrediction, model: Predictor) -> Image.Image:
    """The picture of an encoded photo. Below it stand the classes there, and of a cascade which clusters ran."""
    photo = as_rgb(Image.open(io.BytesIO(data)))
    scale = min(max(max(photo.size), SMALLEST), LARGEST) / max(photo.size)
    photo = photo.resize((max(1, round(photo.width * scale)), max(1, round(photo.height * scale))))
    photo = _with_masks(photo, found, model)
    font = ImageFont.load_default(max(11, max(photo.size) // 50))
    _draw_boxes(photo, found, model, font)
    return _with_caption(photo, _caption(found, model), font)


def _colour(model: Predictor, label: str) -> tuple[int, int, int]:
    """The colour that a class keeps on every photo."""
    return ON_PHOTOS[model.classes.index(label) % len(ON_PHOTOS)]


def _with_masks(photo: Image.Image, found: PhotoPrediction, model: Predictor) -> Image.Image:
    """The photo with each mask, where it reaches its threshold, as a veil of its class's colour."""
    if not isinstance(model, Cascade):
        return photo
    veils = []
    for slug, masks in sorted(found.masks.items()):
        meta = model.semseg[slug][1]
        for channel, place in enumerate(model.places[slug]):
            if found.probabilities[place] >= model.meta.thresholds[place]:
                there = _enlarged(masks[channel] >= meta.thresholds[channel], photo.size)
                veils.append((there, _colour(model, meta.classes[channel])))
    return veiled(photo, veils)


def veiled(photo: Image.Image, veils: Iterable[tuple[NDArray[np.bool_], tuple[int, int, int]]]) -> Image.Image:
    """The photo under masks (H, W) of a colour. Where regions of several lie, the smallest is seen, whole."""
    plain = np.asarray(photo).astype(np.float32)
    pixels, smallest = plain.copy(), np.full(plain.shape[:2], plain.size)
    for mask, colour in veils:
        regions, _ = label(mask, structure=AROUND)
        sizes = np.bincount(regions.ravel())[regions]
        seen = mask & (sizes <= smallest)
        pixels[seen] = (1 - VEIL) * plain[seen] + VEIL * np.array(colour, dtype=np.float32)
        smallest[seen] = sizes[seen]
    return Image.fromarray(pixels.round().astype(np.uint8))


def _enlarged(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def _draw_boxes(photo: Image.Image, found: PhotoPrediction, model: Predictor, font: Font) -> None:
    """Boxes with name and score; the best are drawn last, over the others."""
    drawing = ImageDraw.Draw(photo)
    names = dict(zip(model.classes, model.meta.names, strict=True))
    thick = max(2, max(photo.size) // 250)
    for box in reversed(found.boxes):
        left, top, right, bottom = (
            round(edge * side) for edge, side in zip(box.box, (*photo.size, *photo.size), strict=True)
        )
        colour = _colour(model, box.label)
        drawing.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=thick)
        text = f"{names[box.label]} {box.score:.2f}"
        place = drawing.textbbox((left + MARGIN, top + MARGIN), text, font=font)
        drawing.rectangle((left, top, place[2] + MARGIN, place[3] + MARGIN), fill=colour)
        drawing.text((left + MARGIN, top + MARGIN), text, fill="black", font=font)


def _caption(found: PhotoPrediction, model: Predictor) -> list[str]:
    """What the classifier named, and which clusters ran and which did not."""
    named = [
        (float(said), name)
        for said, name, threshold in zip(found.probabilities, model.meta.names, model.meta.thresholds, strict=True)
        if said >= threshold
    ]
    classes = ", ".join(f"{name} {said:.2f}" for said, name in sorted(named, reverse=True)) or "no class"
    if not isinstance(model, Cascade):
        return [f"detector: {classes}"]
    idle = [slug for slug in model.clusters if slug not in found.ran]
    routed = f"clusters run: {', '.join(found.ran) or 'none'}" + (f"; not run: {', '.join(idle)}" if idle else "")
    return [f"classifier: {classes}", routed]


def _with_caption(photo: Image.Image, lines: list[str], font: Font) -> Image.Image:
    """The photo above lines of text, broken where they are too long."""
    measure = ImageDraw.Draw(photo)
    broken: list[str] = []
    for line in lines:
        broken.append("")
        for word in line.split(" "):
            longer = f"{broken[-1]} {word}".strip()
            if broken[-1] and measure.textlength(longer, font=font) > photo.width - 2 * MARGIN:
                broken.append(word)
            else:
                broken[-1] = longer
    height = round(measure.textbbox((0, 0), "Ag", font=font)[3]) + MARGIN
    picture = Image.new("RGB", (photo.width, photo.height + height * len(broken) + 2 * MARGIN), "white")
    picture.paste(photo)
    drawing = ImageDraw.Draw(picture)
    for number, line in enumerate(broken):
        drawing.text((MARGIN, photo.height + MARGIN + number * height), line, fill="black", font=font)
    return picture
