"""Choose the classes to train on: at most `max_classes`, covering at least `min_coverage` of the examples."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt

from oi_tasks.core.clusters import ClusterOfClasses, group, human, slugs, with_company
from oi_tasks.core.collapse import Asked, Collapsed, Fate, collapse, entropy_bits
from oi_tasks.core.corrections import Correction
from oi_tasks.core.hierarchy import Edge, Hierarchy
from oi_tasks.core.homes import Fix
from oi_tasks.errors import Refused
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import REPORTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Override, Profile, Share

if TYPE_CHECKING:
    import polars as pl


class Collapse(Job):
    """Choose the classes to train on: at most `max_classes`, covering at least `min_coverage` of the examples.

    Publishes `class_map.json`: the classes, what became of each label and by which rule, the clusters, and coverage;
    and the pages `hierarchy.html` and `classes.html`, in the bucket of reports as well.
    """

    version: ClassVar[str] = "3"
    validated: OutputId
    max_classes: PositiveInt = 76
    min_coverage: Share = 0.91
    count: Literal["boxes", "photos"] = "boxes"
    min_count: PositiveInt = 10_000
    overrides: tuple[Override, ...] = ()
    switched_off: tuple[Fix, ...] = ()
    max_clusters: PositiveInt = 12
    max_cluster_classes: PositiveInt = 24
    min_cluster_photos: PositiveInt = 500
    unverified: Literal["ignore", "negative"] = "ignore"

    class Result(JobResult):
        """How many classes, what they cover, which clusters will be trained, and where the pages stand."""

        classes: int
        coverage_boxes: float
        coverage_photos: float
        bits: float
        clusters: tuple[str, ...]
        report: str
        hierarchy: str

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's rules for classes and clusters."""
        rules, clusters = profile.classes, profile.clusters
        return cls(
            **{
                "max_classes": rules.max,
                "min_coverage": rules.min_coverage,
                "count": rules.count,
                "min_count": rules.min_count,
                "overrides": rules.overrides,
                "switched_off": rules.switched_off,
                "unverified": rules.unverified,
                "max_clusters": clusters.max,
                "max_cluster_classes": clusters.max_classes,
                "min_cluster_photos": clusters.min_photos,
                **inputs,
            }
        )

    def _page(self, io: JobIO, name: str) -> str:
        return f"{name}/{io.key}.html"

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Whether the pages are still where people look for them."""
        return all(io.store.exists(REPORTS, self._page(io, name)) for name in ("hierarchy", "classes"))

    def run(self, io: JobIO) -> Result:
        """Count, collapse, group. Raises Refused when the classes cover too little."""
        validated = io.input("validate", self.validated)
        hierarchy, names, examples = _read(validated)
        sizes = _sizes(examples.filter("is_box") if self.count == "boxes" else examples, self.count)
        corrections = [Correction(made.label, made.action, made.into) for made in self.overrides]
        nameless = set(hierarchy.labels) - set(names)
        target = self.min_coverage * sum(sizes.values())
        asked = Asked(self.max_classes, self.min_count, target, self.switched_off, nameless)
        done = collapse(hierarchy, sizes, asked, corrections)
        fates = done.fates
        classes = self._classes(hierarchy, names, examples, fates)
        clusters = self._clusters(hierarchy, names, examples, fates, classes)
        coverage = {"boxes": _coverage(examples, fates, "boxes"), "photos": _coverage(examples, fates, "photos")}
        if coverage[self.count] < self.min_coverage:
            raise Refused(
                f"{len(classes)} classes cover {coverage[self.count]:.1%} of the {self.count},"
                f" less than {self.min_coverage:.1%}",
                fix="raise classes.max, or lower classes.min_coverage or classes.min_count in the profile",
                code="coverage",
            )
        bits = round(entropy_bits(found[self.count] for found in classes), 6)
        class_map = {
            "classes": classes,
            "labels": {label: {"class": fate.cls, "rule": fate.rule} for label, fate in sorted(fates.items())},
            "clusters": clusters,
            "coverage": coverage,
            "bits": bits,
            "bound": round(done.bound, 6),
            "unverified": self.unverified,
        }
        (io.out / "class_map.json").write_text(json.dumps(class_map, indent=1))
        self._write_pages(io, hierarchy, names, done, class_map, sum(sizes.values()))
        covered = f"{coverage['boxes']:.1%} of boxes, {coverage['photos']:.1%} of photos"
        io.log(f"collapse: {len(classes)} classes cover {covered}")
        return self.Result(
            classes=len(classes),
            coverage_boxes=coverage["boxes"],
            coverage_photos=coverage["photos"],
            bits=bits,
            clusters=tuple(cluster["name"] for cluster in clusters if cluster["trained"]),
            report=f"{REPORTS}/{self._page(io, 'classes')}",
            hierarchy=f"{REPORTS}/{self._page(io, 'hierarchy')}",
        )

    def _classes(
        self, hierarchy: Hierarchy, names: dict[str, str], examples: "pl.DataFrame", fates: Mapping[str, Fate]
    ) -> list[dict[str, Any]]:
        mapped = _mapped(examples, fates)
        boxes, photos = _sizes(mapped.filter("is_box"), "boxes"), _sizes(mapped, "photos")
        with_boxes = _sizes(mapped.filter("is_box"), "photos")
        kept = sorted({fate.cls for fate in fates.values() if fate.cls is not None})
        return [
            {
                "index": index,
                "label": label,
                "name": names.get(label, label),
                "level": hierarchy.levels.get(label, 0),
                "boxes": boxes.get(label, 0),
                "photos": photos.get(label, 0),
                "photos_with_boxes": with_boxes.get(label, 0),
            }
            for index, label in enumerate(kept)
        ]

    def _clusters(
        self,
        hierarchy: Hierarchy,
        names: dict[str, str],
        examples: "pl.DataFrame",
        fates: Mapping[str, Fate],
        classes: list[dict[str, Any]],
    ) -> list[dict[str, Any]]:
        """The clusters; each class is told which one it belongs to."""
        import polars as pl

        boxed = _mapped(examples, fates).filter("is_box")
        clusters: list[dict[str, Any]] = []
        people = human(hierarchy, [cls["label"] for cls in classes])
        grouped = self._grouped(hierarchy, boxed, {cls["label"]: cls["boxes"] for cls in classes})
        called = slugs(grouped, names)
        for found in grouped:
            photos = boxed.filter(pl.col("LabelName").is_in(list(found.classes)))["ImageID"].n_unique()
            reason = ""
            if photos < self.min_cluster_photos:
                reason = f"{photos} photos with boxes, fewer than {self.min_cluster_photos}"
            elif sum(cluster["trained"] for cluster in clusters) >= self.max_clusters:
                reason = f"more than {self.max_clusters} clusters"
            title = names.get(found.head, found.head)
            clusters.append(
                {
                    "name": called[found.head],
                    "title": title,
                    "classes": list(found.classes),
                    "photos": photos,
                    "trained": not reason,
                    "reason": reason,
                    "human": people.issuperset(found.classes),
                }
            )
        home = {label: cluster["name"] for cluster in clusters for label in cluster["classes"]}
        for cls in classes:
            cls["cluster"] = home.get(cls["label"])
        return clusters

    def _grouped(self, hierarchy: Hierarchy, boxed: "pl.DataFrame", boxes: dict[str, int]) -> list[ClusterOfClasses]:
        """The classes by family; families with few photos by what they are seen with."""
        import polars as pl

        clusters = group(hierarchy, boxes, self.max_cluster_classes)
        heads = {label: cluster.head for cluster in clusters for label in cluster.classes}
        head = pl.col("LabelName").replace_strict(heads, default=None, return_dtype=pl.String)
        seen = boxed.select("ImageID", head=head).drop_nulls().unique()
        pairs = seen.join(seen, on="ImageID").group_by("head", "head_right").len()
        together = {(one, other): count for one, other, count in pairs.iter_rows()}
        photos = {cluster.head: together.get((cluster.head, cluster.head), 0) for cluster in clusters}
        return with_company(clusters, photos, together, self.min_cluster_photos, self.max_cluster_classes)

    def _write_pages(
        self,
        io: JobIO,
        hierarchy: Hierarchy,
        names: dict[str, str],
        done: Collapsed,
        class_map: dict[str, Any],
        total: int,
    ) -> None:
        """The pages, among the outputs and in the bucket of reports."""
        from oi_tasks.reports.classes import ClassesChosen, classes_page
        from oi_tasks.reports.hierarchy import hierarchy_page

        chosen = ClassesChosen(
            classes=class_map["classes"],
            labels=class_map["labels"],
            clusters=[{**cluster, "note": cluster["reason"]} for cluster in class_map["clusters"]],
            names=names,
            levels=hierarchy.levels,
            own=done.forest.own,
            total=total,
            covered=class_map["coverage"],
            bits=class_map["bits"],
            bound=max(class_map["bound"], class_map["bits"]),
            unit=self.count,
        )
        pages = {
            "hierarchy": hierarchy_page(hierarchy, names, done.forest, class_map["labels"], self.count),
            "classes": classes_page(chosen),
        }
        for name, page in pages.items():
            (io.out / f"{name}.html").write_text(page, encoding="utf-8")
            io.store.put_bytes(REPORTS, self._page(io, name), page.encode(), "text/html; charset=utf-8")


def _read(validated: Output) -> "tuple[Hierarchy, dict[str, str], pl.DataFrame]":
    """The hierarchy, names by MID, and examples: ImageID, LabelName, is_box; one row a box or a verified label."""
    import polars as pl

    edges = pl.read_parquet(validated.local("edges.parquet"))
    names = dict(pl.read_parquet(validated.local("descriptions.parquet")).iter_rows())
    boxes = [
        pl.read_parquet(validated.local(name), columns=["ImageID", "LabelName"]) for name in validated.names("boxes/")
    ]
    labels = pl.read_parquet(validated.local("image_labels.parquet")).filter(pl.col("Confidence") >= 1)
    examples = pl.concat(
        [
            pl.concat(boxes).with_columns(is_box=True),
            labels.select("ImageID", "LabelName").with_columns(is_box=False),
        ]
    )
    return Hierarchy(Edge(**row) for row in edges.iter_rows(named=True) if row["parent"]), names, examples


def _sizes(examples: "pl.DataFrame", count: str) -> dict[str, int]:
    """Examples by label: rows, or distinct photos."""
    import polars as pl

    counted = pl.len() if count == "boxes" else pl.col("ImageID").n_unique()
    return dict(examples.group_by("LabelName").agg(counted).iter_rows())


def _mapped(examples: "pl.DataFrame", fates: Mapping[str, Fate]) -> "pl.DataFrame":
    """The examples of labels that became a class, under their class's MID."""
    import polars as pl

    classes = {label: fate.cls for label, fate in fates.items() if fate.cls is not None}
    return examples.with_columns(
        pl.col("LabelName").replace_strict(classes, default=None, return_dtype=pl.String)
    ).drop_nulls("LabelName")


def _coverage(examples: "pl.DataFrame", fates: Mapping[str, Fate], count: str) -> float:
    """Share of all boxes, or of all photos with any example, that a class covers."""
    rows = examples.filter("is_box") if count == "boxes" else examples
    mapped = _mapped(rows, fates)
    covered, total = (
        (mapped.height, rows.height) if count == "boxes" else (mapped["ImageID"].n_unique(), rows["ImageID"].n_unique())
    )
    return round(covered / total, 6) if total else 0.0
