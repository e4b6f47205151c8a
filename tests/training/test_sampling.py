"""Plans of epochs: every row once, by window; rare classes more often, by WeightedRandomSampler's law."""

import numpy as np
import pytest

from oi_tasks.core.aspect import BINS
from oi_tasks.training.sampling import draw_weighted, photo_weights, plan_epoch, share_of

ROWS, PER_SHARD = 4000, 50


@pytest.fixture(scope="module")
def layout() -> tuple[np.ndarray, np.ndarray]:
    """Bin and shard of each row; a shard holds rows of one bin."""
    shards = np.arange(ROWS, dtype=np.int32) // PER_SHARD
    return np.array(BINS)[shards % 3], shards


@pytest.mark.parametrize("window", [4, 16, 1000])
def test_every_row_once_in_batches_of_one_bin(layout, window: int) -> None:
    plan = plan_epoch(*layout, 16, [0, 1, 2], window=window)
    assert sorted(np.concatenate(plan)) == list(range(ROWS))
    assert all(len(set(layout[0][rows])) == 1 for rows in plan)
    assert max(map(len, plan)) == 16


def test_few_shards_are_open_at_a_time_and_their_rows_are_mixed(layout) -> None:
    bins, shards = layout
    plan = plan_epoch(bins, shards, 16, [0], window=6)
    last_use = {shard: number for number, rows in enumerate(plan) for shard in set(shards[rows])}
    first_use: dict[int, int] = {}
    for number, rows in enumerate(plan):
        for shard in set(shards[rows]):
            first_use.setdefault(shard, number)
    open_at = [sum(first_use[s] <= n <= last_use[s] for s in first_use) for n in range(len(plan))]
    assert max(open_at) <= 6
    assert np.mean([len(set(shards[rows])) for rows in plan]) > 1.5


def test_a_plan_is_of_its_seed_alone(layout) -> None:
    def same(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
        return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))

    assert same(plan_epoch(*layout, 16, [3, 0, 1]), plan_epoch(*layout, 16, [3, 0, 1]))
    assert not same(plan_epoch(*layout, 16, [3, 0, 1]), plan_epoch(*layout, 16, [3, 0, 2]))


def test_ranks_share_each_batch_without_loss_or_repetition() -> None:
    rows = np.arange(100, 117)
    for ranks in (1, 2, 3, 16):
        shares = [share_of(rows, rank, ranks) for rank in range(ranks)]
        assert sorted(np.concatenate(shares)) == list(rows)
    assert share_of(rows[:2], 2, 4).tolist() == [100]  # none of its own: one to keep in step with


def test_weights_are_those_of_the_rarest_class_of_a_photo() -> None:
    present = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0]], dtype=bool)
    assert photo_weights(present, 1.0) == pytest.approx([1 / 4, 1 / 2, 1 / 4, 1.0, 1 / 2, 1 / 4])
    assert photo_weights(present, 0.5) == pytest.approx(np.sqrt([1 / 4, 1 / 2, 1 / 4, 1.0, 1 / 2, 1 / 4]))
    assert photo_weights(present, 0.0) == pytest.approx(np.ones(6))


def test_rows_are_drawn_by_their_weight_with_replacement() -> None:
    weights = np.repeat([1.0, 3.0, 6.0], 2000)
    drawn = draw_weighted(weights, [5, 0, 0])
    assert len(drawn) == 6000
    found = np.bincount(drawn // 2000, minlength=3)
    expected = 6000 * np.array([0.1, 0.3, 0.6])
    assert ((found - expected) ** 2 / expected).sum() < 13.8  # χ² with 2 degrees of freedom, once in 1,000
    assert len(np.unique(drawn)) < 6000
    # Of the rows of the heaviest class a share of exp(-6000 · 6 / 20000) is never drawn.
    never = 1 - len(np.unique(drawn[drawn >= 4000])) / 2000
    assert never == pytest.approx(np.exp(-6000 * 6 / weights.sum()), abs=0.04)


def test_a_weighted_plan_shows_what_was_drawn(layout) -> None:
    bins, shards = layout
    weights = np.where(np.arange(ROWS) < 400, 9.0, 1.0)  # one row in ten, half of the weight
    plan = plan_epoch(bins, shards, 16, [1], weights, window=8)
    shown = np.concatenate(plan)
    assert sorted(shown) == sorted(draw_weighted(weights, [1]))
    assert (shown < 400).mean() == pytest.approx(0.5, abs=0.05)
    assert all(len(set(bins[rows])) == 1 for rows in plan)
