"""How often the clusters of a cascade are run, and what is saved against running all of them on every photo."""

from collections.abc import Mapping
from typing import Any

from oi_tasks.core.metrics import Bools


def routing(ran: Mapping[str, Bools], milliseconds: Mapping[str, float]) -> dict[str, Any] | None:
    """A document of it; None without a cluster or a photo.

    `ran` says by cluster which of N photos the classifier sends to it, `milliseconds` what one pass of it takes.

    `clusters_a_photo` is a mean, `passes_saved` and `time_saved` are shares of running all clusters on all photos,
    `milliseconds_saved` is a photo's mean.
    """
    photos = len(next(iter(ran.values()), ()))
    if not photos:
        return None
    rows = [
        {"cluster": slug, "photos": int(sent.sum()), "share": float(sent.mean()), "milliseconds": milliseconds[slug]}
        for slug, sent in sorted(ran.items())
    ]
    whole = sum(milliseconds[slug] for slug in ran)
    spared = sum(float((~sent).mean()) * milliseconds[slug] for slug, sent in ran.items())
    passes = sum(int(sent.sum()) for sent in ran.values())
    return {
        "photos": photos,
        "clusters": rows,
        "clusters_a_photo": passes / photos,
        "passes_saved": 1 - passes / (photos * len(ran)),
        "milliseconds_saved": spared,
        "time_saved": spared / whole if whole else None,
    }
