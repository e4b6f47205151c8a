"""Small pictures of photos, and their boxes as shapes to lay over them."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image, ImageOps

SIDE = 200  # pixels of the longer side: a page opens them larger
QUALITY = 70  # of the JPEG, about 6 kB
SEEN = 0.005  # a box of no width is drawn as a line: a browser draws nothing of a rectangle without area
SIDES = ("XMin", "XMax", "YMin", "YMax")
Photo = Callable[[str], bytes | None]


def with_pictures(
    findings: Sequence[Mapping[str, Any]], photo: Photo, names: Mapping[str, str]
) -> list[list[dict[str, Any]]]:
    """For each finding the pictures of its examples: caption, JPEG as a data URI, size in pixels, and the box's sides.

    An example without a photo that can be shown has none. A photo that many findings show is made small once.
    """
    made: dict[str, dict[str, Any] | None] = {}

    def picture(image_id: str) -> dict[str, Any] | None:
        if image_id not in made:
            made[image_id] = small(photo(image_id))
        return made[image_id]

    shown = []
    for finding in findings:
        pictures = []
        for example in finding["examples"]:
            found = picture(example["ImageID"]) if example.get("ImageID") else None
            if found is not None:
                label = example.get("LabelName")
                caption = " ".join(str(said) for said in (example["ImageID"], names.get(label), label) if said)
                box = box_of(example)
                pictures.append({"caption": caption, "boxes": [box] if box else [], **found})
        shown.append(pictures)
    return shown


def small(data: bytes | None) -> dict[str, Any] | None:
    """A photo at `SIDE` pixels as a data URI, with its width and height; None for what cannot be decoded."""
    if not data:
        return None
    try:
        whole = Image.open(io.BytesIO(data))
        whole.draft("RGB", (SIDE, SIDE))
        photo = ImageOps.contain(whole.convert("RGB"), (SIDE, SIDE))
    except Exception:  # decoders raise whatever damaged data leads them to, and the finding says so
        return None
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=QUALITY)
    uri = f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
    return {"uri": uri, "width": photo.width, "height": photo.height}


def box_of(example: Mapping[str, Any]) -> dict[str, Any] | None:
    """Left, top, width and height of a box as shares of the photo; sides that are exchanged are drawn all the same."""
    sides = [example.get(name) for name in SIDES]
    if not all(isinstance(side, (int, float)) and -10 < side < 10 for side in sides):
        return None
    left, right, top, bottom = (float(side) for side in sides if side is not None)
    return shape(left, top, right, bottom)


def shape(left: float, top: float, right: float, bottom: float, *, of: str = "other") -> dict[str, Any]:
    """A box to draw, its sides as shares of the photo. `of` is `own` (blue) or `other` (orange, broken)."""
    return {
        "of": of,
        "x": min(left, right),
        "y": min(top, bottom),
        "width": max(abs(right - left), SEEN),
        "height": max(abs(bottom - top), SEEN),
    }
