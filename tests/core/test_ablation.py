"""Effects of variants: SciPy's paired t-test says the same."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from oi_tasks.core.ablation import effects

SEEDS = range(5)


def scores(values: list[float]) -> dict[int, dict[str, float]]:
    return {seed: {"macro_f1": value} for seed, value in enumerate(values)}


@pytest.mark.parametrize(("shift", "said"), [(0.1, "helps"), (-0.1, "hurts"), (0.001, "unclear")])
def test_the_interval_is_that_of_a_paired_t_test(shift: float, said: str) -> None:
    draw = np.random.default_rng(3)
    base = draw.normal(0.7, 0.05, len(SEEDS))
    variant = base + draw.normal(shift, 0.02, len(SEEDS))
    (effect,) = effects(scores(list(base)), {"focal": scores(list(variant))})
    expected = ttest_rel(variant, base).confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx((expected.low, expected.high))
    assert effect.mean == pytest.approx(variant.mean())
    assert effect.said == said


def test_one_seed_says_nothing_and_only_seeds_and_numbers_of_both_count() -> None:
    base = {0: {"macro_f1": 0.5, "top1": 0.6}, 1: {"macro_f1": 0.7, "top1": 0.6}}
    (effect,) = effects(base, {"focal": {1: {"macro_f1": 0.9}, 2: {"macro_f1": 0.1}}})
    assert (effect.number, effect.seeds, effect.difference) == ("macro_f1", 1, pytest.approx(0.2))
    assert (effect.low, effect.said) == (None, "unclear")
    assert effects(base, {"none": {7: {"macro_f1": 0.9}}}) == []
