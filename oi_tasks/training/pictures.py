"""Pictures of a training: the photos as the model sees them, and the curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from oi_tasks.training.batches import Batch

if TYPE_CHECKING:
    from oi_tasks.training.learner import Learner

ACROSS, DOWN = 4, 3
TITLE = 28  # letters that fit above a photo


def sample_grid(batch: Batch, learner: "Learner", folder: Path, stage: int) -> Path:
    """The first photos of a batch, cropped and mirrored as they are, each under its id; returns the PNG file."""
    assert batch.photos is not None
    figure = Figure(figsize=(2.4 * ACROSS, 2.6 * DOWN), layout="constrained")
    places = figure.subplots(DOWN, ACROSS).ravel()
    present = learner.train.known("present")
    row = {image_id: number for number, image_id in enumerate(learner.train.table["id"])}
    names = [entry.name for entry in learner.train.index.classes]
    for place in places:
        place.set_axis_off()
    for place, photo, image_id in zip(places, batch.photos, batch.ids, strict=False):
        shown = ", ".join(name for name, there in zip(names, present[row[image_id]], strict=True) if there)
        place.imshow(photo.permute(1, 2, 0).cpu().numpy())
        place.set_title(f"{image_id}\n{shown[:TITLE]}", fontsize=7)
    path = folder / f"stage-{stage}.png"
    figure.savefig(path, dpi=100)
    return path


def curves(history: Sequence[dict[str, Any]], path: Path) -> Path:
    """Loss, rate and the scores on the tune photos by epoch; returns the PNG file."""
    epochs = range(1, len(history) + 1)
    scores = [name for name in history[-1] if name.startswith("tune_") and "/" not in name] if history else []
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    loss, rate, tune = figure.subplots(1, 3)
    loss.plot(epochs, [figures["loss"] for figures in history], marker=".")
    rate.plot(epochs, [figures["rate"] for figures in history], marker=".")
    for name in scores:
        tune.plot(epochs, [figures.get(name) for figures in history], marker=".", label=name.removeprefix("tune_"))
    if scores:
        tune.legend(frameon=False)
    for place, title in (
        (loss, "loss"),
        (rate, "rate of the head at the epoch's end"),
        (tune, "scores on tune photos"),
    ):
        place.set_title(title, fontsize=10)
        place.set_xlabel("epoch")
        place.spines[["top", "right"]].set_visible(False)
        for number in _stage_ends(history):
            place.axvline(number + 0.5, color="#bbbbbb", linewidth=0.8)
    figure.savefig(path, dpi=110)
    return path


def _stage_ends(history: Sequence[dict[str, Any]]) -> list[int]:
    stages = [figures["stage"] for figures in history]
    return [number for number in range(1, len(stages)) if stages[number] != stages[number - 1]]
