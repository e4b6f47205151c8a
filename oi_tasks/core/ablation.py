"""What worked: each variant against the base, seed by seed, with Student's interval of the mean difference. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Scores = Mapping[int, Mapping[str, float]]  # by seed: numbers by name


@dataclass(frozen=True)
class Effect:
    """What a variant does to one number: its mean over seeds, and the mean paired difference to the base's."""

    variant: str
    number: str
    seeds: int
    mean: float
    difference: float
    low: float | None
    high: float | None

    @property
    def said(self) -> Literal["helps", "hurts", "unclear"]:
        """What the 95 % interval of the difference says; of one seed nothing can be said."""
        if self.low is None or self.high is None:
            return "unclear"
        return "helps" if self.low > 0 else "hurts" if self.high < 0 else "unclear"


def effects(base: Scores, variants: Mapping[str, Scores]) -> list[Effect]:
    """Every variant's effect on every number that base and variant have, of the seeds that both were trained with."""
    found = []
    for variant, scores in variants.items():
        seeds = sorted(base.keys() & scores.keys())
        numbers = sorted(set.intersection(*(set(base[s]) & set(scores[s]) for s in seeds))) if seeds else []
        for number in numbers:
            differences = [scores[seed][number] - base[seed][number] for seed in seeds]
            mean = sum(scores[seed][number] for seed in seeds) / len(seeds)
            difference, low, high = mean_interval(differences)
            found.append(Effect(variant, number, len(seeds), mean, difference, low, high))
    return found


def mean_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean, and the ends of its 95 % interval by Student's t; of one value there is none."""
    from scipy.stats import t as student  # slow to import

    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None, None
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = float(student.ppf(0.975, len(values) - 1)) * math.sqrt(variance / len(values))
    return mean, mean - half, mean + half
