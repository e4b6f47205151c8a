"""Clusters: classes that share a segmentation model."""

from oi_tasks.core.clusters import ClusterOfClasses, group, human, slug, slugs, with_company
from tests.core.test_collapse import SMALL, tree


def test_clusters_take_the_narrowest_shared_name() -> None:
    clusters = group(SMALL, {"/m/bird": 10, "/m/duck": 20, "/m/car": 50, "/m/fish": 0})
    assert [(cluster.head, cluster.classes) for cluster in clusters] == [
        ("/m/car", ("/m/car",)),
        ("/m/bird", ("/m/bird", "/m/duck")),
    ]
    assert slug("Human face & body") == "human-face-body"


BODY = tree(
    "root 01g317", "01g317 man", "01g317 body Part", "root body", "body face Part", "body hand Part", "root face",
    "root hand", "root 09j2d", "09j2d hat", "root house", "house horn Part", "root horn",
)  # fmt: skip


def test_the_parts_of_a_person_are_a_cluster_and_those_of_a_house_are_not() -> None:
    boxes = dict.fromkeys(("/m/01g317", "/m/man", "/m/face", "/m/hand", "/m/house", "/m/horn"), 10)
    assert {cluster.head: cluster.classes for cluster in group(BODY, boxes, most=5)} == {
        "/m/01g317": ("/m/01g317", "/m/man"),
        "/m/body": ("/m/face", "/m/hand"),
        "/m/horn": ("/m/horn",),
        "/m/house": ("/m/house",),
    }
    assert human(BODY, [*boxes, "/m/hat"]) == {"/m/01g317", "/m/man", "/m/face", "/m/hand", "/m/hat"}


def test_no_cluster_is_larger_than_the_limit_and_none_loses_a_class() -> None:
    lines = [f"root t{top}" for top in range(3)]
    lines += [f"t{top} b{top}{branch}" for top in range(3) for branch in range(4)]
    lines += [
        f"b{top}{branch} c{top}{branch}{leaf}" for top in range(3) for branch in range(4) for leaf in range(top + 1)
    ]
    hierarchy = tree(*lines)
    boxes = {label: 5 for label in hierarchy.labels if label not in hierarchy.roots}
    for most in range(1, 14):
        clusters = group(hierarchy, boxes, most)
        assert all(len(cluster.classes) <= most for cluster in clusters)
        assert sorted(label for cluster in clusters for label in cluster.classes) == sorted(boxes)
        assert len({cluster.head for cluster in clusters}) == len(clusters)


def test_what_has_few_photos_goes_to_what_it_is_seen_with() -> None:
    hierarchy = tree("root car", "root wheel", "root cat", "root dog")
    clusters = group(hierarchy, {"/m/car": 90, "/m/wheel": 30, "/m/cat": 20, "/m/dog": 10})
    photos = {"/m/car": 80, "/m/wheel": 30, "/m/cat": 20, "/m/dog": 10}
    together = {("/m/wheel", "/m/car"): 29, ("/m/cat", "/m/car"): 9, ("/m/dog", "/m/cat"): 5}
    both = together | {(other, one): count for (one, other), count in together.items()}
    assert {found.head: found.classes for found in with_company(clusters, photos, both, 40, 2)} == {
        "/m/car": ("/m/car", "/m/wheel"),
        "/m/cat": ("/m/cat", "/m/dog"),
    }
    assert with_company(clusters, photos, both, 10, 2) == clusters
    assert with_company(clusters, photos, both, 40, 1) == clusters


def test_no_two_clusters_have_one_slug() -> None:
    """It names the registered model and the folder of a cluster's files: of two the first would be lost, unsaid."""
    names = {"/m/0a": "собака", "/m/0b": "кошка", "/m/0c": "Rays & skates", "/m/0d": "Rays-skates", "/m/0e": "Car"}
    found = slugs([ClusterOfClasses(head, (head,)) for head in (*names, "/m/0f")], names)
    assert found == {
        "/m/0a": "unnamed-m-0a",
        "/m/0b": "unnamed-m-0b",
        "/m/0c": "rays-skates-m-0c",
        "/m/0d": "rays-skates-m-0d",
        "/m/0e": "car",
        "/m/0f": "m-0f",
    }
