"""Slices judged many at once: Holm's adjustment by hand, and how often it cries wolf."""

import numpy as np
import pytest
from scipy.stats import norm

from oi_tasks.core.slice_regressions import SliceLimit, SliceRow, chance, holm, regressions

LIMIT = SliceLimit(may_lose=0.05, alpha=0.05, min_photos=20)


def row(difference: float, error: float, name: str = "cat", photos: int = 100) -> SliceRow:
    half = 1.959964 * error
    ends = difference - half, difference + half
    return SliceRow("class", name, name, "f1", photos, 0.8, 0.8, difference, *ends)


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.4 times 4, 3, 2, 1; never less than the one before, never more than 1.
    assert holm([0.03, 0.01, 0.4, 0.02]) == pytest.approx([0.06, 0.04, 0.4, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("difference", [-0.2, -0.06, -0.05, 0.0, 0.1])
def test_the_chance_is_that_of_a_one_sided_test_of_the_margin(difference: float) -> None:
    assert chance(row(difference, 0.03), 0.05) == pytest.approx(norm.cdf((difference + 0.05) / 0.03), rel=1e-5)


def test_without_any_spread_the_difference_itself_decides() -> None:
    assert chance(row(-0.05, 0.0), 0.05) == 1.0
    assert chance(row(-0.06, 0.0), 0.05) == 0.0


def test_a_clear_loss_is_found_among_many_slices_and_small_slices_are_left_out() -> None:
    rows = [row(0.0, 0.02, f"c{place}") for place in range(60)]
    rows += [row(-0.2, 0.02, "dog"), row(-0.9, 0.02, "few", photos=19)]
    assert [found.name for found, _ in regressions(rows, LIMIT)] == ["dog"]


def test_what_one_slice_would_refuse_by_chance_many_do_not() -> None:
    alone = row(-0.09, 0.02)  # two standard errors beyond the margin: p = 0.023
    assert [found.name for found, _ in regressions([alone], LIMIT)] == ["cat"]
    assert regressions([alone, *(row(0.0, 0.02, f"c{place}") for place in range(60))], LIMIT) == []


def test_of_models_at_the_margin_in_every_slice_at_most_alpha_are_refused() -> None:
    draw = np.random.default_rng(0)
    refused = sum(
        bool(regressions([row(draw.normal(-0.05, 0.03), 0.03, str(place)) for place in range(76)], LIMIT))
        for _ in range(2000)
    )
    assert refused / 2000 < 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5
    assert refused / 2000 > 0.02  # and it does not sleep
