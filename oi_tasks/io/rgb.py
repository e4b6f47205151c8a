"""Any picture as the three 8-bit channels that networks and JPEGs have, looking as a viewer shows it."""

import numpy as np
from PIL import Image

DEEP = ("I;16", "I;16L", "I;16B", "I")  # grey of 16 bits, which Pillow would clip to white and not scale
GROUND = "white"  # behind what can be seen through


def as_rgb(photo: Image.Image) -> Image.Image:
    """The picture in mode RGB: 16 bits scaled to 8, and what can be seen through laid on white.

    Raises OSError for data that ends early.
    """
    if photo.mode in DEEP:
        grey = np.asarray(photo).astype(np.int64)
        if photo.mode != "I" or grey.max(initial=0) > 255:
            grey >>= 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    if not photo.has_transparency_data:
        return photo.convert("RGB")
    seen = photo.convert("RGBA")
    ground = Image.new("RGBA", seen.size, GROUND)
    return Image.alpha_composite(ground, seen).convert("RGB")
