"""Write the page of what worked and what did not: every variant of the classifier against the base."""

import json
from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from oi_tasks.core.ablation import Effect, Scores, effects
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import REPORTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile
from oi_tasks.profile.ablation import BASE, trainings

if TYPE_CHECKING:
    from oi_tasks.models.like_for_like import Shared


class CompareVariants(Job):
    """Write the page of what worked and what did not: every variant of the classifier against the base.

    All are scored by what the base's dataset says of the tune photos, where choices are made; the test photos are left
    for the gate. A variant with other classes is compared on those that both have. Publishes `effects.json` and
    `ablation.html`.
    """

    version: ClassVar[str] = "2"
    models: tuple[OutputId, ...] = Field(description="ids of the trainings, in the order of the profile's variants")
    profile: Profile

    class Result(JobResult):
        """Where the page stands, and which variants help or hurt."""

        report: str
        helps: tuple[str, ...]
        hurts: tuple[str, ...]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's variants."""
        return cls(**{"profile": profile, **inputs})

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Whether the page is still where people look for it."""
        report: str = output.result["report"]
        return io.store.exists(REPORTS, report.removeprefix(f"{REPORTS}/"))

    def run(self, io: JobIO) -> Result:
        """Gather the models by variant and seed, score, compare, write. Raises BadInput for models of other recipes."""
        from oi_tasks.models.like_for_like import Trial, Truth, compare

        found: dict[str, dict[int, Trial]] = defaultdict(dict)
        asked = list(trainings(self.profile))
        if len(asked) != len(self.models):
            what = f"{len(self.models)} models are given; the profile {self.profile.name} has {len(asked)} trainings"
            raise BadInput(what, code="not_comparable")
        for model, (variant, seed, profile) in zip(self.models, asked, strict=True):
            output = io.input("train_classifier", model)
            if output.manifest.fields["recipe"] != profile.classifier.model_dump(mode="json"):
                what = f"the model {model} is not one of the variant {variant} of the profile {self.profile.name}"
                raise BadInput(what, code="not_comparable")
            found[variant][seed] = Trial.of(output)
        base_dataset = io.input("train_classifier", self.models[0]).manifest.fields["dataset"]
        truth = Truth.of(io.input("shards", base_dataset))
        base = found.pop(BASE)
        all_effects: list[Effect] = []
        shared = {}
        for variant, trials in found.items():
            shared[variant], (of_base, of_variant) = compare([base, trials], truth)
            all_effects += effects(of_base, {variant: of_variant})
        _, (alone,) = compare([base], truth)
        return self._written(io, alone, all_effects, shared)

    def _written(self, io: JobIO, base: Scores, found: list[Effect], shared: "dict[str, Shared]") -> Result:
        """Write effects and page, and say which variants help or hurt by the first number."""
        from oi_tasks.reports.ablation import ablation_page

        (io.out / "effects.json").write_text(json.dumps([asdict(effect) for effect in found], indent=1))
        page = ablation_page(self.profile.name, base, found, shared, self.profile.ablation.variants)
        (io.out / "ablation.html").write_text(page, encoding="utf-8")
        key_of_page = f"ablation/{io.key}.html"
        io.store.put_bytes(REPORTS, key_of_page, page.encode(), "text/html; charset=utf-8")
        numbers = sorted({effect.number for effect in found}, key=lambda number: (number != "macro_f1", number))
        leading = numbers[0] if numbers else ""
        said = {
            word: tuple(effect.variant for effect in found if effect.number == leading and effect.said == word)
            for word in ("helps", "hurts")
        }
        io.log(f"compare_variants: by {leading}, {said['helps'] or 'none'} help, {said['hurts'] or 'none'} hurt")
        return self.Result(report=f"{REPORTS}/{key_of_page}", helps=said["helps"], hurts=said["hurts"])
