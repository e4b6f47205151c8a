"""The class map of a dataset, as a model keeps it: enough to score photos whose labels the dataset never saw."""

from typing import Any

import polars as pl

from oi_tasks.core.hierarchy import Edge, Hierarchy
from oi_tasks.io.outputs import Output, Outputs


def class_map_facts(outputs: Outputs, dataset: Output) -> dict[str, Any]:
    """From a dataset (shards): `labels`, the class of each label that has one; `ancestors`, what each class is a kind
    of, nearest first; `unverified`. All labels by MID.
    """
    fields = dataset.manifest.fields
    class_map = outputs.get("collapse", fields["classes"]).read_json("class_map.json")
    edges = pl.read_parquet(outputs.get("validate", fields["validated"]).local("edges.parquet"))
    hierarchy = Hierarchy(Edge(**row) for row in edges.iter_rows(named=True))
    return {
        "labels": {label: fate["class"] for label, fate in class_map["labels"].items() if fate["class"]},
        "ancestors": {row["label"]: hierarchy.ancestors(row["label"]) for row in class_map["classes"]},
        "unverified": class_map["unverified"],
    }


def moved_labels(outputs: Outputs, one: Output, other: Output) -> list[str]:
    """Labels that two datasets (shards) both know and make different classes of, or a class of in one alone: MIDs."""
    first, second = (
        outputs.get("collapse", dataset.manifest.fields["classes"]).read_json("class_map.json")["labels"]
        for dataset in (one, other)
    )
    return sorted(label for label in first.keys() & second.keys() if first[label]["class"] != second[label]["class"])
