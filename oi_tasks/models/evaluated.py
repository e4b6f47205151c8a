"""The cascade that an evaluation scored, put together anew from its trained parts."""

from pathlib import Path

from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.models.cascade import PINNED, Cascade, Pinned
from oi_tasks.models.saved import load_trained


def evaluated_cascade(outputs: Outputs, evaluation: Output, scratch: Path) -> Cascade:
    """The candidate of an evaluation, with its rules of boxes; files are put below `scratch`."""
    fields = evaluation.manifest.fields
    clusters = [outputs.get("train_semseg", part) for part in fields["semseg"]]
    semseg = {str(output.result["cluster"]): load_trained(output, scratch) for output in clusters}
    pinned = Pinned.model_validate(evaluation.read_json(PINNED))
    return Cascade(load_trained(outputs.get("train_classifier", fields["classifier"]), scratch), semseg, pinned)
