"""The page of an ablation: what worked, what did not, and what cannot be told apart from chance."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oi_tasks.core.ablation import Effect, Scores, mean_interval
from oi_tasks.core.flat import flat
from oi_tasks.reports.numbers import NAMES, interval
from oi_tasks.reports.page import render

if TYPE_CHECKING:
    from oi_tasks.models.like_for_like import Shared

TAGS = {"helps": "good", "hurts": "bad", "unclear": ""}


def ablation_page(
    profile: str,
    base: Scores,
    found: Sequence[Effect],
    shared: "Mapping[str, Shared]",
    variants: Mapping[str, Any],
) -> str:
    """The page, as self-contained HTML; the strongest effects first. `shared`: what each variant and the base share."""
    numbers = sorted(next(iter(base.values())))
    based = {}
    for number in numbers:
        mean, low, high = mean_interval([scores[number] for scores in base.values()])
        based[NAMES.get(number, number)] = interval({"value": mean, "low": low, "high": high})
    rows = [
        {
            "variant": effect.variant,
            "number": NAMES.get(effect.number, effect.number),
            "seeds": effect.seeds,
            "on": shared[effect.variant],
            "mean": effect.mean,
            "difference": interval({"value": effect.difference, "low": effect.low, "high": effect.high}),
            "said": effect.said,
            "tag": TAGS[effect.said],
        }
        for effect in sorted(found, key=lambda effect: (effect.number != "macro_f1", effect.number, -effect.difference))
    ]
    changed = {name: dict(flat(fields)) for name, fields in variants.items()}
    return render("ablation.html.j2", profile=profile, seeds=len(base), base=based, rows=rows, variants=changed)
