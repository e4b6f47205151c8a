"""The reckoning at full size: nights against closed forms, and the document against the command."""

import statistics
from pathlib import Path

import pytest

from bench import scaling
from bench.nightly import Cluster, Work, night

PLAIN = {"start": 0.0, "checkpoint": 1 / 64}
DOCUMENT = Path(__file__).parents[1] / "docs" / "scaling.md"


def test_pods_wait_for_gpus_and_for_what_comes_before_them() -> None:
    work = [Work("a", 1, 2.0), *(Work(f"b{n}", 1, 1.0, ("a",)) for n in range(12)), Work("c", 0, 0.5, ("b0", "b11"))]
    assert night(work, Cluster(1, **PLAIN)) == pytest.approx(14.5)
    assert night(work, Cluster(8, **PLAIN)) == pytest.approx(4.5)  # 12 on 8 are two waves
    assert night(work, Cluster(64, **PLAIN)) == pytest.approx(3.5)
    assert night([Work("a", 8, 1.0)], Cluster(4)) is None


def test_a_small_pod_passes_by_a_large_one() -> None:
    work = [Work("a", 3, 2.0), Work("large", 4, 1.0), Work("small", 1, 2.0)]
    assert night(work, Cluster(4, **PLAIN)) == pytest.approx(3.0)


def test_each_start_takes_its_time() -> None:
    assert night([Work("a", 1, 1.0), Work("b", 1, 1.0, ("a",))], Cluster(1, start=0.25)) == pytest.approx(2.5)


def test_a_pod_without_checkpoints_takes_the_time_that_theory_says() -> None:
    """All work is lost each time: the mean is (exp(hours / mean between losses) - 1) × that mean."""
    cluster = Cluster(2, lost_every=2.0, checkpoint=10.0, start=0.0, tries=10**6)
    found = statistics.mean(night([Work("a", 2, 1.0)], cluster, seed) for seed in range(4000))
    assert found == pytest.approx(1.71828, rel=0.06)  # two GPUs: one of them is lost every hour


def test_with_close_checkpoints_losses_cost_only_the_wait_for_a_new_node() -> None:
    cluster = Cluster(1, lost_every=1.0, back_after=0.5, checkpoint=1e-4, start=0.0, tries=10**6)
    found = statistics.mean(night([Work("a", 1, 4.0)], cluster, seed) for seed in range(2000))
    assert found == pytest.approx(4.0 + 4 * 0.5, rel=0.06)


def test_a_step_that_is_taken_away_in_its_last_try_ends_the_night() -> None:
    cluster = Cluster(1, lost_every=1.0, checkpoint=100.0, start=0.0, tries=2)
    failed = statistics.mean(night([Work("a", 1, 1.0)], cluster, seed) is None for seed in range(4000))
    assert failed == pytest.approx((1 - 0.36788) ** 2, rel=0.08)


def test_the_document_has_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    scaling.main()
    said, text = capsys.readouterr().out, DOCUMENT.read_text()
    for part in said.strip().split("\n\n"):
        assert part in text, f"run: python -m bench.scaling, and put its tables into {DOCUMENT.name}"
