"""The page of an ablation: the verdict in a sentence, and what each variant changes, field by field."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from oi_tasks.core.ablation import effects
from oi_tasks.reports.ablation import ablation_page

BASE = {seed: {"macro_f1": 0.5 + seed / 1000} for seed in range(3)}
FIELDS = {"classifier": {"loss": "softmax", "schedule": {"kind": "constant"}}, "classes": {"max": 6}}


def page(by: float) -> Any:
    variant = {seed: {"macro_f1": found["macro_f1"] + by + seed / 1e4} for seed, found in BASE.items()}
    shared: Any = {"softmax": SimpleNamespace(photos=1234, classes=8)}
    return ablation_page("own", BASE, effects(BASE, {"softmax": variant}), shared, {"softmax": FIELDS})


@pytest.mark.parametrize(("by", "said", "box"), [(0.1, (1, 0, 0), "good"), (-0.1, (0, 1, 0), ""), (0.0, (0, 0, 1), "")])
def test_it_counts_effects_and_is_green_only_where_one_helps(by: float, said: tuple[int, ...], box: str) -> None:
    text = page(by)
    helps, hurts, unclear = said
    words = f"Of 1 effects, that help: {helps}; that hurt: {hurts}; that cannot be told from chance: {unclear}."
    assert words in text
    assert re.search(r'<div class="verdict ?(\w*)"', text).group(1) == box  # type: ignore[union-attr]


def test_what_a_variant_changes_is_named_field_by_field() -> None:
    text = page(0.1)
    for field in ("classifier.loss: softmax", "classifier.schedule.kind: constant", "classes.max: 6"):
        assert f"<code>{field}</code>" in text
    assert "1,234" in text
