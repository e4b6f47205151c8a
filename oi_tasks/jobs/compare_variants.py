"""Write the page of what worked and what did not: every variant of the classifier against the base."""

import json
from collections import defaultdict
from dataclasses import asdict
from typing import Any, Self

from oi_tasks.core.ablation import effects
from oi_tasks.core.fingerprint import canonical_json
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import REPORTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile
from oi_tasks.profile.ablation import BASE, Ablation, recipes
from oi_tasks.profile.training import Classifier


class CompareVariants(Job):
    """Write the page of what worked and what did not: every variant of the classifier against the base.

    Scores are those on the tune photos, where choices are made; the test photos are left for the gate. Publishes
    `effects.json` and `ablation.html`.
    """

    models: tuple[OutputId, ...]
    classifier: Classifier
    ablation: Ablation
    profile: str

    class Result(JobResult):
        """Where the page stands, and which variants help or hurt."""

        report: str
        helps: tuple[str, ...]
        hurts: tuple[str, ...]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's variants."""
        own = {"classifier": profile.classifier, "ablation": profile.ablation, "profile": profile.name}
        return cls(**{**own, **inputs})

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Whether the page is still where people look for it."""
        report: str = output.result["report"]
        return io.store.exists(REPORTS, report.removeprefix(f"{REPORTS}/"))

    def run(self, io: JobIO) -> Result:
        """Gather the scores by variant and seed, compare, write. Raises BadInput for models of other recipes."""
        from oi_tasks.reports.ablation import ablation_page

        wanted = {
            canonical_json(recipe.model_dump(mode="json")): (variant, seed)
            for variant, seed, recipe in recipes(self.classifier, self.ablation)
        }
        scores: dict[str, dict[int, dict[str, float]]] = defaultdict(dict)
        for model in self.models:
            output = io.input("train_classifier", model)
            key = canonical_json(output.manifest.fields["recipe"])
            if key not in wanted:
                raise BadInput(
                    f"the model {model} is of no variant of the profile {self.profile}", code="not_comparable"
                )
            variant, seed = wanted[key]
            scores[variant][seed] = dict(output.result["metrics"])
        base = scores.pop(BASE, {})
        if not base:
            raise BadInput("the base is not among the models: there is nothing to compare with", code="not_comparable")
        found = effects(base, scores)
        (io.out / "effects.json").write_text(json.dumps([asdict(effect) for effect in found], indent=1))
        page = ablation_page(self.profile, base, found, self.ablation.variants)
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
