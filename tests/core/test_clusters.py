"""Clusters: classes that share a segmentation model."""

from oi_tasks.core.clusters import group, slug
from tests.core.test_collapse import SMALL


def test_clusters_take_the_narrowest_shared_name() -> None:
    clusters = group(SMALL, {"/m/bird": 10, "/m/duck": 20, "/m/car": 50, "/m/fish": 0})
    assert [(cluster.head, cluster.classes) for cluster in clusters] == [
        ("/m/car", ("/m/car",)),
        ("/m/bird", ("/m/bird", "/m/duck")),
    ]
    assert slug("Human face & body") == "human-face-body"
