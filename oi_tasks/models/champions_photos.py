"""Candidate and champion once more, on test photos of the champion's dataset that the candidate has not seen."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from oi_tasks.core import metrics
from oi_tasks.errors import OiError, Unreachable
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.unseen import LeftOut, unseen_test_photos
from oi_tasks.models.cascade import Cascade
from oi_tasks.models.scoring import Scores
from oi_tasks.models.side_by_side import compared, write_tables

FOLDER = "champions_photos"


def on_champions_photos(
    outputs: Outputs,
    dataset: str,
    trained_on: Iterable[str],
    models: tuple[Cascade, Cascade],
    score: Callable[[str, Cascade, ShardReader], Scores],
    out: Path,
) -> dict[str, Any]:
    """What the scores say of the comparison; its tables are written into a folder below `out`.

    `dataset` is the champion's, `models` are candidate and champion. Beside `dataset` there is `left_out`, which says
    why nothing was compared; or, where that is empty: `photos`, of `test_photos` without those that were `seen`,
    `support`, the photos that each part rests on, and `paired`. A store that does not answer raises Unreachable; all
    else that keeps photos from being read is a reason.
    """
    candidate, champion = models
    try:
        if champion.pinned.classes_key != candidate.pinned.classes_key:
            raise LeftOut("the champion has other classes")
        unseen = unseen_test_photos(outputs, dataset, candidate.pinned.dataset, trained_on)
        ours = score("candidate, on the champion's photos", candidate, unseen.reader)
        theirs = score("champion, on its own photos", champion, unseen.reader)
    except LeftOut as left:
        return {"dataset": dataset, "left_out": str(left)}
    except Unreachable:
        raise  # it may answer when the step is tried again
    except OiError as error:
        return {"dataset": dataset, "left_out": f"the champion's dataset {dataset} cannot be read: {error}"}
    write_tables(out / FOLDER, {"candidate": ours, "champion": theirs})
    return {
        "dataset": dataset,
        "left_out": "",
        "photos": len(unseen.reader),
        "test_photos": unseen.test_photos,
        "seen": unseen.seen,
        "support": ours.support(),
        "paired": compared(ours, theirs, metrics.resamples(len(unseen.reader)))["paired"],
    }
