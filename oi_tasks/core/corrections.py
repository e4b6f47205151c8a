"""Corrections by hand to the class map: what they may say, and what they do to the labels' homes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from oi_tasks.core.homes import Forest
from oi_tasks.errors import BadInput

WHERE = "classes.overrides of the profile"


@dataclass(frozen=True)
class Correction:
    """A correction by hand: keep a label as a class, drop it, or merge it into another class."""

    label: str
    action: Literal["keep", "drop", "merge"]
    into: str | None = None


def check(corrections: Collection[Correction], labels: Collection[str], max_classes: int) -> None:
    """Raises BadInput for the first correction that makes no sense."""
    for made in corrections:
        for label in (made.label, made.into):
            if label is not None and label not in labels:
                raise BadInput(f"the override names {label}, which is no label of the hierarchy", WHERE, code="profile")
        if (made.action == "merge") != (made.into is not None):
            raise BadInput(
                f"the override of {made.label}: `into` goes with merge, and only there", WHERE, code="profile"
            )
        if made.label == made.into:
            raise BadInput(f"the override merges {made.label} into itself", WHERE, code="profile")
    named = [made.label for made in corrections]
    twice = sorted({label for label in named if named.count(label) > 1})
    if twice:
        raise BadInput(f"two overrides name {', '.join(twice)}", WHERE, code="profile")
    if sum(made.action == "keep" for made in corrections) > max_classes:
        raise BadInput("more labels are kept by hand than classes.max allows", WHERE, code="profile")


def apply(corrections: Iterable[Correction], forest: Forest) -> Forest:
    """The forest as the corrections have it.

    What merges has its home in the other class, and takes along what rolls up into it. What is dropped has no examples;
    what rolled up into it rolls up past it. Raises BadInput for merges that lead back to where they started, or into
    what is dropped.
    """
    home, own = dict(forest.home), dict(forest.own)
    dropped = {made.label for made in corrections if made.action == "drop"}
    for made in corrections:
        if made.action == "merge":
            if made.into in dropped:
                raise BadInput(f"{made.label} cannot merge into {made.into}, which is dropped", WHERE, code="profile")
            home[made.label] = made.into
    past = {label: home[label] for label in dropped}
    for label, above in home.items():
        while above is not None and above in past:
            above = past[above]
        home[label] = above
    for label in dropped:
        home[label], own[label] = None, 0
    for made in corrections:
        at = home[made.label] if made.action == "merge" else None
        met = {made.label}
        while at is not None:
            if at in met:
                what = f"the override merges {made.label} into {made.into}, which rolls up into {made.label}"
                raise BadInput(what, WHERE, code="profile")
            met.add(at)
            at = home[at]
    return Forest(home, own)
