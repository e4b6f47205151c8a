"""The gate: numbers against thresholds. It fails closed, and every reason has a code."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Numbers = Mapping[str, Mapping[str, float | None]]  # by name: value, low, high


@dataclass(frozen=True)
class Limit:
    """What one number must reach: a floor, and how much worse than the champion it may be."""

    floor: float | None = None
    may_lose: float | None = None


@dataclass(frozen=True)
class Reason:
    """Why a candidate is refused."""

    code: str
    text: str


@dataclass(frozen=True)
class Judged:
    """One number that was judged, for the report."""

    part: str
    number: str
    value: float | None
    floor: float | None
    may_lose: float | None
    lost_at_most: float | None
    passed: bool


@dataclass(frozen=True)
class Verdict:
    """Promote or refuse, why, and by which numbers."""

    promote: bool
    reasons: tuple[Reason, ...]
    judged: tuple[Judged, ...]
    note: str


@dataclass
class _Judging:
    differences: Mapping[str, Numbers] | None
    reasons: list[Reason] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)

    def number(self, part: str, name: str, numbers: Numbers, limit: Limit) -> None:
        """Judge one number of one part."""
        before = len(self.reasons)
        where = f"{part} {name}"
        value = numbers.get(name, {}).get("value")
        lost = None
        if value is None or math.isnan(value):
            self.reasons.append(Reason("number_missing", f"{where} was not measured"))
        elif limit.floor is None and limit.may_lose is None:
            self.reasons.append(Reason("no_threshold", f"{where} is named in the gate without a threshold"))
        elif limit.floor is not None and value < limit.floor:
            self.reasons.append(Reason("below_floor", f"{where} is {value:.4f}, below the floor {limit.floor:g}"))
        if limit.may_lose is not None and self.differences is not None:
            lost = self._lost(part, name)
            if lost is None:
                self.reasons.append(Reason("comparison_missing", f"{where} was not compared with the champion"))
            elif lost > limit.may_lose:
                text = f"{where} may be {lost:.4f} worse than the champion's, more than {limit.may_lose:g}"
                self.reasons.append(Reason("worse_than_champion", text))
        passed = len(self.reasons) == before
        self.judged.append(Judged(part, name, value, limit.floor, limit.may_lose, lost, passed))

    def _lost(self, part: str, name: str) -> float | None:
        """How much may be lost: the lower end of the interval of the paired difference."""
        assert self.differences is not None
        low = self.differences.get(part, {}).get(name, {}).get("low")
        return None if low is None or math.isnan(low) else max(0.0, -low)


def judge(
    numbers: Mapping[str, Numbers],
    limits: Mapping[str, Mapping[str, Limit]],
    test_photos: int,
    min_test_photos: int,
    differences: Mapping[str, Numbers] | None,
    champion: Any,
) -> Verdict:
    """Judge a candidate's numbers, by part: `classifier`, `semseg/<cluster>`, `cascade`.

    `limits` are by group (`classifier`, `semseg`, `cascade`); those of `semseg` hold for each cluster. `differences`
    are the paired differences to the champion on the same photos, None where there is no champion to compare with:
    then floors alone decide, and the note says so.
    """
    judging = _Judging(differences)
    if not any(limits.values()):
        judging.reasons.append(Reason("no_thresholds", "the profile's gate names no threshold: nothing can pass"))
    if test_photos < min_test_photos:
        text = f"{test_photos} test photos judge nothing; at least {min_test_photos} are needed"
        judging.reasons.append(Reason("too_few_photos", text))
    for group, named in limits.items():
        parts = [part for part in numbers if part == group or part.startswith(f"{group}/")]
        if not parts and named and group != "semseg":
            judging.reasons.append(Reason("part_missing", f"the candidate has no {group}"))
        for part in parts:
            for name, limit in named.items():
                judging.number(part, name, numbers[part], limit)
    return Verdict(not judging.reasons, tuple(judging.reasons), tuple(judging.judged), _note(differences, champion))


def _note(differences: Any, champion: Any) -> str:
    if champion is None:
        return "there is no champion yet: only floors were judged"
    if differences is None:
        return "the champion has other classes and cannot be compared: only floors were judged"
    return "compared with the champion on the same photos, by the lower end of the 95 % interval of the difference"
