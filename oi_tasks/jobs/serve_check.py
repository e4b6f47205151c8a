"""Load the candidate as whoever serves it would, and compare what it says with what was evaluated."""

import json
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import PositiveInt

from oi_tasks.errors import Refused
from oi_tasks.io.outputs import Output
from oi_tasks.io.serving import Answer, ask
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Budgets, Profile

if TYPE_CHECKING:
    from oi_tasks.models.cascade import Cascade

NEAR = 1e-4  # probabilities of one photo alone and of several together differ by less


class ServeCheck(Job):
    """Load the exact registered version in a fresh process, let it answer test photos, and compare.

    What it says must equal what the evaluated models say, within the profile's budgets of time, with nothing to import
    but what the version pins. Publishes `serving.json`: times, and what differed.
    """

    verdict: OutputId
    budgets: Budgets
    photos: PositiveInt = 8

    class Result(JobResult):
        """Whether it serves, and why not."""

        verdict: Literal["serves", "refuse"]
        reasons: tuple[dict[str, str], ...]
        candidate: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The budgets of the profile's gate."""
        return cls(**{"budgets": profile.gate.budgets, **inputs})

    def still_good(self, io: JobIO, output: Output) -> bool:
        """As long as the registry has the version."""
        return io.tracking.version_exists(CASCADE, output.result["candidate"])

    def run(self, io: JobIO) -> Result:
        """Check. It refuses by its result, as the gate does: the DAG goes on to the report."""
        from oi_tasks.io.shards import ShardReader
        from oi_tasks.models.evaluated import evaluated_cascade

        document = io.input("gate", self.verdict).read_json("verdict.json")
        evaluation = io.input("evaluate", document["evaluation"])
        reader = ShardReader(io.input("shards", evaluation.manifest.fields["dataset"]), "test")
        photos = [reader.jpeg(row) for row in range(min(self.photos, len(reader)))]
        reasons: list[tuple[str, str]] = []
        try:
            answer = ask(io.tracking, CASCADE, document["candidate"], photos, io.scratch / "serving")
        except Refused as refused:
            reasons = [(refused.code, refused.what)]
            told: dict[str, Any] = {}
        else:
            reasons = [*self._surroundings(answer), *self._times(answer)]
            differing = _differing(answer, evaluated_cascade(io.outputs, evaluation, io.scratch), photos)
            if differing:
                what = f"{differing} of {len(photos)} photos are answered otherwise than in the evaluation"
                reasons.append(("answers_differ", what))
            told = answer.model_dump(mode="json", exclude={"said"}) | {"photos": len(photos), "differing": differing}
            io.log(f"serve_check: {median(answer.milliseconds):.0f} ms a photo, loaded in {answer.load_seconds:.1f} s")
        rows = tuple({"code": code, "text": text} for code, text in reasons)
        (io.out / "serving.json").write_text(json.dumps(told | {"reasons": rows}, indent=1))
        for code, text in reasons:
            io.log(f"serve_check: {code}: {text}")
        return self.Result(verdict="refuse" if reasons else "serves", reasons=rows, candidate=document["candidate"])

    def _surroundings(self, answer: Answer) -> list[tuple[str, str]]:
        reasons = [("pins_differ", text) for text in answer.unlike]
        if not answer.own_code:
            reasons.append(("foreign_code", f"it ran other code than its own: {answer.code}"))
        return reasons

    def _times(self, answer: Answer) -> list[tuple[str, str]]:
        slow, reasons = median(answer.milliseconds), []
        if self.budgets.milliseconds is not None and slow > self.budgets.milliseconds:
            reasons.append(("too_slow", f"a photo takes {slow:.0f} ms, more than {self.budgets.milliseconds:g}"))
        if self.budgets.load_seconds is not None and answer.load_seconds > self.budgets.load_seconds:
            text = f"it loads in {answer.load_seconds:.1f} s, more than {self.budgets.load_seconds:g}"
            reasons.append(("slow_to_load", text))
        return reasons


def _differing(answer: Answer, evaluated: "Cascade", photos: list[bytes]) -> int:
    """How many photos are answered otherwise: a class more or less, another probability, another box."""
    count = 0
    for photo, said in zip(photos, answer.said, strict=True):
        (found,) = evaluated.predict([photo])
        (named,) = evaluated.meta.decide(found.probabilities[None])
        there = {
            label: float(value)
            for label, value, yes in zip(evaluated.classes, found.probabilities, named, strict=True)
            if yes
        }
        labels = said["labels"].keys() == there.keys() and all(
            abs(said["labels"][label] - value) < NEAR for label, value in there.items()
        )
        ours = sorted((box.label, box.score, *box.box) for box in found.boxes)
        names = ("LabelName", "Score", "XMin", "YMin", "XMax", "YMax")
        theirs = sorted(tuple(box[name] for name in names) for box in said["boxes"])
        count += not (labels and len(ours) == len(theirs) and all(map(_same_box, ours, theirs)))
    return count


def _same_box(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    return bool(ours[0] == theirs[0] and all(abs(a - b) < NEAR for a, b in zip(ours[1:], theirs[1:], strict=True)))
