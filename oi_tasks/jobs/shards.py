"""Store the photos at training size, with what is known of them, in shards."""

import io as io_module
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

from pydantic import PositiveInt

from oi_tasks.core.aspect import BINS, canvas
from oi_tasks.core.splits import split_of
from oi_tasks.errors import Refused
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile, Share

if TYPE_CHECKING:
    import polars as pl

THREADS = 8
OWN_SPLITS = {"train": "train", "validation": "tune", "test": "test"}
FLAGS = {"IsGroupOf": "group", "IsOccluded": "occluded", "IsTruncated": "truncated", "IsDepiction": "depiction"}


class Shards(Job):
    """Store the photos at training size, with what is known of them, in shards.

    Publishes `shards/<split>-<bin>-<number>.tar` (webdataset layout, each tar of one split and one aspect bin) and
    `index.json` (classes, clusters, canvases, counts). The id of the output is the dataset's.
    """

    classes: OutputId
    validated: OutputId
    side: PositiveInt = 256
    quality: PositiveInt = 90
    per_shard: PositiveInt = 1000
    tune: Share = 0.1
    test: Share = 0.2

    class Result(JobResult):
        """Photos in each split."""

        photos: dict[str, int]
        shards: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's training size and splits."""
        photos = profile.photos
        return cls(
            **{
                "side": max(32, round(photos.long_side * photos.resolution)),
                "quality": photos.quality,
                "per_shard": photos.per_shard,
                "tune": profile.splits.tune,
                "test": profile.splits.test,
                **inputs,
            }
        )

    def run(self, io: JobIO) -> Result:
        """Decode each photo once, turn it to its bin's canvas, and write it. Raises Refused for an empty split."""
        from oi_tasks.io.shards import shard_order, write_shard

        class_map = io.input("collapse", self.classes).read_json("class_map.json")
        facts = self._facts(io.input("validate", self.validated), class_map)
        places: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for fact in sorted(facts, key=lambda fact: shard_order(fact["id"])):
            places[fact["split"], fact["bin"]].append(fact)
        counts = Counter(fact["split"] for fact in facts)
        if empty := [split for split in OWN_SPLITS.values() if not counts[split]]:
            raise Refused(f"no photo falls into the split {', '.join(empty)}", fix="more photos, or larger shares")
        shards = 0
        with io.progress("shards", len(facts)) as progress, ThreadPoolExecutor(THREADS) as pool:
            for (split, name), members in sorted(places.items()):
                for number, start in enumerate(range(0, len(members), self.per_shard)):
                    part = members[start : start + self.per_shard]
                    samples = self._samples(io.store, pool, part, progress.update)
                    write_shard(io.out / "shards" / f"{split}-{name}-{number:04}.tar", samples)
                    shards += 1
        self._index(io, class_map, counts, places)
        return self.Result(photos=dict(sorted(counts.items())), shards=shards)

    def _facts(self, validated: Output, class_map: dict[str, Any]) -> list[dict[str, Any]]:
        """What is known of each photo that says anything of a class."""
        import polars as pl

        index = {found["label"]: found["index"] for found in class_map["classes"]}
        by_label = {mid: index[fate["class"]] for mid, fate in class_map["labels"].items() if fate["class"] in index}
        boxes = _boxes(validated, by_label)
        present, absent = _verified(validated, by_label, {place: label for label, place in index.items()})
        photos = pl.read_parquet(validated.local("photos.parquet"))
        own = set(photos["split"].unique()) > {"train"}
        facts = []
        for photo in photos.iter_rows(named=True):
            found = boxes.get(photo["ImageID"], [])
            seen = present.get(photo["ImageID"], set()) | {box["class"] for box in found}
            gone = absent.get(photo["ImageID"], set()) - seen
            if not seen and not gone:
                continue
            facts.append(
                {
                    "id": photo["ImageID"],
                    "sha256": photo["sha256"],
                    "width": photo["width"],
                    "height": photo["height"],
                    "bin": photo["bin"],
                    "split": OWN_SPLITS[photo["split"]] if own else split_of(photo["ImageID"], self.tune, self.test),
                    "present": sorted(seen),
                    "absent": sorted(gone),
                    "boxes": found,
                }
            )
        return facts

    def _samples(
        self, store: Store, pool: ThreadPoolExecutor, facts: list[dict[str, Any]], done: Any
    ) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Each photo at training size; a few at a time are under way, which bounds memory."""
        for start in range(0, len(facts), THREADS * 4):
            part = facts[start : start + THREADS * 4]
            for fact, jpeg in zip(part, pool.map(lambda fact: self._photo(store, fact), part), strict=True):
                done()
                yield fact, jpeg

    def _photo(self, store: Store, fact: dict[str, Any]) -> bytes:
        """The photo, squashed to its bin's canvas; decoded at a reduced scale where the JPEG allows it."""
        from PIL import Image

        size = canvas(fact["bin"], self.side)
        photo = Image.open(io_module.BytesIO(store.get_bytes(RAW, photo_key(fact["sha256"]))))
        photo.draft("RGB", size)
        out = io_module.BytesIO()
        photo.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=self.quality)
        return out.getvalue()

    def _index(
        self,
        io: JobIO,
        class_map: dict[str, Any],
        counts: Counter[str],
        places: dict[tuple[str, str], list[dict[str, Any]]],
    ) -> None:
        index = {
            "classes": class_map["classes"],
            "clusters": class_map["clusters"],
            "unverified": class_map["unverified"],
            "canvases": {name: canvas(name, self.side) for name in BINS},
            "photos": dict(sorted(counts.items())),
            "photos_by_bin": {f"{split}-{name}": len(members) for (split, name), members in sorted(places.items())},
        }
        (io.out / "index.json").write_text(json.dumps(index, indent=1, sort_keys=True))


def _boxes(validated: Output, by_label: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    """Boxes of classes by photo."""
    import polars as pl

    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name in validated.names("boxes/"):
        for row in _classed(pl.read_parquet(validated.local(name)), by_label).iter_rows(named=True):
            box = {"class": row["class"], "box": [row["XMin"], row["YMin"], row["XMax"], row["YMax"]]}
            found[row["ImageID"]].append(box | {short: row[flag] for flag, short in FLAGS.items()})
    return found


def _verified(
    validated: Output, by_label: dict[str, int], own: dict[int, str]
) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """Classes verified present, and verified absent, by photo.

    A class is absent only by a label of its own name: a label that rolled up into it says nothing of the others in it.
    """
    import polars as pl

    labels = _classed(pl.read_parquet(validated.local("image_labels.parquet")), by_label)
    present: dict[str, set[int]] = defaultdict(set)
    absent: dict[str, set[int]] = defaultdict(set)
    for image_id, label, index, confidence in labels.select("ImageID", "LabelName", "class", "Confidence").iter_rows():
        if confidence >= 1:
            present[image_id].add(index)
        elif confidence <= 0 and own[index] == label:
            absent[image_id].add(index)
    return present, absent


def _classed(rows: "pl.DataFrame", by_label: dict[str, int]) -> "pl.DataFrame":
    """Rows whose label belongs to a class, with the class's index."""
    import polars as pl

    index = pl.col("LabelName").replace_strict(by_label, default=None, return_dtype=pl.Int32)
    return rows.with_columns(index.alias("class")).drop_nulls("class")
