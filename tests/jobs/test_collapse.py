"""The job that chooses the classes: its pages, in its output and where people look for them."""

from oi_tasks.io.store import REPORTS, Store
from oi_tasks.jobs.collapse import Collapse


def test_the_pages_are_published(chain) -> None:
    output, store = chain.output("collapse"), Store(chain.settings)
    result = chain.said["collapse"]["result"]
    for name, key in (("classes.html", result["report"]), ("hierarchy.html", result["hierarchy"])):
        bucket, _, path = key.partition("/")
        assert bucket == REPORTS
        assert store.get_bytes(REPORTS, path) == output.read_bytes(name)
    class_map = output.read_json("class_map.json")
    assert class_map["bound"] >= class_map["bits"] - 1e-6
    page = output.read_bytes("classes.html").decode()
    assert all(cls["name"] in page for cls in class_map["classes"])


def test_a_page_that_is_gone_is_written_again(chain) -> None:
    store = Store(chain.settings)
    path = chain.said["collapse"]["result"]["report"].partition("/")[2]
    store.remove(REPORTS, path)
    again = chain.job("collapse", validated=chain.said["validate"]["id"])
    assert not again["reused"]
    assert again["id"] == chain.said["collapse"]["id"]
    assert store.exists(REPORTS, path)


def test_no_cluster_is_larger_than_the_profile_allows(chain) -> None:
    fields = Collapse.from_profile(chain.profile, validated=chain.said["validate"]["id"])
    clusters = chain.output("collapse").read_json("class_map.json")["clusters"]
    assert max(len(cluster["classes"]) for cluster in clusters) <= fields.max_cluster_classes
