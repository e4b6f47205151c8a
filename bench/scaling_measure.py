"""What `bench.scaling` takes from measurements on this machine: `python -m bench.scaling_measure FOLDER`.

FOLDER is a release of scenes, such as a sample of Open Images. One core does each; run it on a quiet machine.
"""

import csv
import io
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image

from oi_tasks.core.aspect import aspect_bin, canvas
from oi_tasks.models.backbones import Encoder

SIDE, QUALITY, PHOTOS, BATCH = 256, 90, 400, 8


def main() -> None:
    """Print a figure a line."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    paths = sorted((folder / "train").glob("*.jpg"))[:PHOTOS]
    stored, bins, sizes = [], Counter[str](), Counter[int]()
    for path in paths:
        with Image.open(path) as photo:
            name = aspect_bin(*photo.size)
            bins[name] += 1
            sizes[max(photo.size)] += 1
            held = io.BytesIO()
            photo.convert("RGB").resize(canvas(name, SIDE)).save(held, "JPEG", quality=QUALITY)
            stored.append(held.getvalue())
    print(f"photos {len(paths)}, long side mostly {sizes.most_common(1)[0][0]}")
    print("shares", {name: round(count / len(paths), 3) for name, count in sorted(bins.items())})
    print("bytes of a stored photo", round(sum(map(len, stored)) / len(stored)))
    print("labels with a box a photo", round(labels_with_boxes(folder), 2))
    print("decoded a second and core", round(rate(lambda: [decode(data) for data in stored], len(stored))))
    encoder = Encoder("resnet152").eval()
    photos = torch.rand(BATCH, 3, SIDE // 2, SIDE)
    with torch.inference_mode():
        encoder(photos)
        print("resnet152 forward a second and core, 256x128", round(rate(lambda: encoder(photos), BATCH), 2))


def decode(data: bytes) -> None:
    """As a reader does before it augments."""
    with Image.open(io.BytesIO(data)) as photo:
        photo.convert("RGB").load()


def rate(work: Callable[[], object], count: int) -> float:
    """Photos a second of processor time: what other programs take from the core does not count."""

    def once() -> Iterator[float]:
        for _ in range(3):
            began = time.process_time()
            work()
            yield count / (time.process_time() - began)

    return max(once())


def labels_with_boxes(folder: Path) -> float:
    """How many labels have a box in a photo, on average."""
    with (folder / "train-annotations-bbox.csv").open(newline="") as file:
        pairs = {(row["ImageID"], row["LabelName"]) for row in csv.DictReader(file)}
    return len(pairs) / len({photo for photo, _ in pairs})


if __name__ == "__main__":
    main()
