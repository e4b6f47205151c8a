"""The gate: numbers against thresholds. It fails closed, and every reason has a code."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from oi_tasks.core.slice_regressions import SliceLimit, SliceRow, regressions

Numbers = Mapping[str, Mapping[str, float | None]]  # by name: value, low, high
Paired = Mapping[str, Mapping[str, float | None]]  # by `part/number`: candidate, champion, difference, low, high
CODES = {
    "no_thresholds": "the profile's gate names no threshold at all",
    "no_threshold": "a number is named in the gate without a threshold",
    "part_missing": "the candidate lacks a part that the gate names, or a cluster whose training failed",
    "number_missing": "a number was not measured, or is not a number",
    "below_floor": "a number is below its floor",
    "above_ceiling": "a number is above its ceiling",
    "too_few_photos": "there are fewer test photos than the gate asks for",
    "too_little_support": "a number rests on fewer photos than its threshold asks for",
    "comparison_missing": "a number was not compared with the champion's",
    "worse_than_champion": "a number may be worse than the champion's by more than it may lose",
    "worse_on_champions_photos": "a number may be worse than the champion's on photos of the champion's dataset",
    "slices_missing": "slices are to be judged, and were not measured",
    "slice_regression": "a slice is worse than the champion's, beyond chance",
    "size_missing": "there is a budget for the model's size, and the size is not known",
    "too_large": "the model's files are larger than their budget",
    "withdrawn": "the version was champion and was rolled back",
    "rejected": "a person turned the version down",
}

LESS_IS_BETTER = frozenset({"calibration_error"})  # however its limits are written


@dataclass(frozen=True)
class Limit:
    """What one number must reach: a floor (or, where less is better, a ceiling), and how much worse than the champion.

    `min_photos` is how many test photos the part must have been measured on.
    """

    floor: float | None = None
    may_lose: float | None = None
    ceiling: float | None = None
    min_photos: int = 0


@dataclass(frozen=True)
class Reason:
    """Why a candidate is refused; `part` is the model it concerns, empty where it is all of it."""

    code: str
    text: str
    part: str = ""


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
    ceiling: float | None = None
    champion: float | None = None
    difference: float | None = None


@dataclass(frozen=True)
class ChampionsPhotos:
    """Candidate and champion on test photos of the champion's dataset, or why nothing was compared there.

    `support` is by part; one that rests on none of the photos is not judged.
    """

    photos: int = 0
    paired: Paired = field(default_factory=dict)
    support: Mapping[str, int] = field(default_factory=dict)
    left_out: str = ""


@dataclass(frozen=True)
class Candidate:
    """What is known of a candidate. `support` is by part, `megabytes` of all its files; None: not known."""

    numbers: Mapping[str, Numbers]
    test_photos: int
    paired: Paired | None = None
    slices: Sequence[SliceRow] | None = None
    support: Mapping[str, int] = field(default_factory=dict)
    megabytes: float | None = None
    champion: int | None = None
    planned: Sequence[str] = ()
    """Parts that were to be trained, as `semseg/<cluster>`."""
    turned_down: str = ""
    """`withdrawn` or `rejected`, where the ledger says so."""
    champions_photos: ChampionsPhotos | None = None
    """None: the champion has no dataset of its own."""


@dataclass(frozen=True)
class Limits:
    """What is asked, by group (`classifier`, `semseg`, `cascade`) and number; `semseg` holds for each cluster."""

    groups: Mapping[str, Mapping[str, Limit]]
    min_test_photos: int = 0
    slices: SliceLimit | None = None
    megabytes: float | None = None


@dataclass(frozen=True)
class Verdict:
    """Promote or refuse, why, and by which numbers."""

    promote: bool
    reasons: tuple[Reason, ...]
    judged: tuple[Judged, ...]
    note: str
    changed_most: tuple[SliceRow, ...] = ()
    on_champions_photos: tuple[Judged, ...] = ()
    not_judged: tuple[str, ...] = ()
    """What was not judged on the champion's photos, as too few of them show it."""
    left_out: str = ""
    """Why nothing was judged on them, although the champion has a dataset of its own."""


@dataclass
class _Judging:
    candidate: Candidate
    reasons: list[Reason] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    elsewhere: list[Judged] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)

    def refuse(self, code: str, text: str, part: str = "") -> None:
        assert code in CODES, code
        self.reasons.append(Reason(code, text, part))

    def number(self, part: str, name: str, limit: Limit) -> None:
        """Judge one number of one part."""
        before, where = len(self.reasons), f"{part} {name}"
        value = self.candidate.numbers[part].get(name, {}).get("value")
        if not _known(value):
            self.refuse("number_missing", f"{where} was not measured", part)
        elif limit.floor is None and limit.may_lose is None and limit.ceiling is None:
            self.refuse("no_threshold", f"{where} is named in the gate without a threshold", part)
        elif limit.floor is not None and value < limit.floor:
            self.refuse("below_floor", f"{where} is {value:.4f}, below the floor {limit.floor:g}", part)
        elif limit.ceiling is not None and value > limit.ceiling:
            self.refuse("above_ceiling", f"{where} is {value:.4f}, above the ceiling {limit.ceiling:g}", part)
        self._support(part, where, limit)
        pair, lost = self._against_champion(part, name, limit)
        self.judged.append(
            Judged(
                part=part,
                number=name,
                value=value,
                floor=limit.floor,
                may_lose=limit.may_lose,
                lost_at_most=lost,
                passed=len(self.reasons) == before,
                ceiling=limit.ceiling,
                champion=pair.get("champion"),
                difference=pair.get("difference"),
            )
        )

    def _support(self, part: str, where: str, limit: Limit) -> None:
        photos = self.candidate.support.get(part, 0)
        if photos < limit.min_photos:
            text = f"{where} rests on {photos} photos, fewer than {limit.min_photos}"
            self.refuse("too_little_support", text, part)

    def _against_champion(self, part: str, name: str, limit: Limit) -> tuple[Mapping[str, float | None], float | None]:
        """The pair, and how much may be lost by it: the worse end of the interval of the paired difference."""
        if self.candidate.paired is None:
            return {}, None
        return self._compare(self.candidate.paired, "worse_than_champion", part, name, limit)

    def _compare(
        self, paired: Paired, code: str, part: str, name: str, limit: Limit, where: str = ""
    ) -> tuple[Mapping[str, float | None], float | None]:
        pair = paired.get(f"{part}/{name}", {})
        less_is_better = limit.ceiling is not None or name in LESS_IS_BETTER
        end = pair.get("high") if less_is_better else pair.get("low")
        lost = max(0.0, end if less_is_better else -end) if _known(end) else None
        if limit.may_lose is not None and lost is None:
            self.refuse("comparison_missing", f"{part} {name} was not compared with the champion{where}", part)
        elif limit.may_lose is not None and lost is not None and lost > limit.may_lose:
            text = f"{part} {name} may be {lost:.4f} worse than the champion's{where}, more than {limit.may_lose:g}"
            self.refuse(code, text, part)
        return pair, lost

    def on_champions_photos(self, part: str, name: str, limit: Limit) -> None:
        """Judge what a number may lose on the champion's photos as well, by the same margin."""
        found = self.candidate.champions_photos
        if found is None or found.left_out or limit.may_lose is None:
            return
        photos, least = found.support.get(part), max(limit.min_photos, 1)
        if photos is not None and photos < least:
            self.not_judged.append(f"{part} {name} rests on {photos} of these photos, fewer than {least}")
            return
        before, where = len(self.reasons), " on photos of the champion's dataset"
        pair, lost = self._compare(found.paired, "worse_on_champions_photos", part, name, limit, where)
        self.elsewhere.append(
            Judged(
                part=part,
                number=name,
                value=pair.get("candidate"),
                floor=None,
                may_lose=limit.may_lose,
                lost_at_most=lost,
                passed=len(self.reasons) == before,
                champion=pair.get("champion"),
                difference=pair.get("difference"),
            )
        )


def judge(candidate: Candidate, limits: Limits) -> Verdict:
    """Judge a candidate, by part: `classifier`, `semseg/<cluster>`, `cascade`.

    `candidate.paired` is None where there is no champion to compare with: then floors alone decide, as the note says.
    """
    candidate = replace(candidate, champions_photos=_enough(candidate.champions_photos, limits.min_test_photos))
    judging = _Judging(candidate)
    _judge_as_a_whole(judging, limits)
    for part in sorted(set(candidate.planned) - set(candidate.numbers)):
        judging.refuse("part_missing", f"the candidate has no {part}: its training failed", part)
    for group, named in limits.groups.items():
        parts = [part for part in candidate.numbers if part == group or part.startswith(f"{group}/")]
        if not parts and named and group != "semseg":
            judging.refuse("part_missing", f"the candidate has no {group}")
        for part in parts:
            for name, limit in named.items():
                judging.number(part, name, limit)
                judging.on_champions_photos(part, name, limit)
    _judge_slices(judging, limits.slices)
    rows = sorted(candidate.slices or (), key=lambda row: abs(row.difference or 0.0), reverse=True)
    return Verdict(
        promote=not judging.reasons,
        reasons=tuple(judging.reasons),
        judged=tuple(judging.judged),
        note=_note(candidate),
        changed_most=tuple(rows[:5]),
        on_champions_photos=tuple(judging.elsewhere),
        not_judged=tuple(judging.not_judged),
        left_out=candidate.champions_photos.left_out if candidate.champions_photos else "",
    )


def _enough(found: ChampionsPhotos | None, fewest: int) -> ChampionsPhotos | None:
    """The champion's photos, left out where they are fewer than the gate asks of test photos."""
    if found is None or found.left_out or found.photos >= fewest:
        return found
    return ChampionsPhotos(left_out=f"{found.photos} photos judge nothing; at least {fewest} are needed")


def failed_clusters(reasons: Sequence[Reason]) -> tuple[str, ...]:
    """The clusters that failed, if no more than they did, and the cascade's own numbers, which rest on them."""
    parts = [reason.part for reason in reasons if reason.part != "cascade"]
    names = [part.removeprefix("semseg/") for part in parts if part.startswith("semseg/")]
    return tuple(sorted(set(names))) if len(names) == len(parts) else ()


def _judge_as_a_whole(judging: _Judging, limits: Limits) -> None:
    candidate = judging.candidate
    if not any(limits.groups.values()):
        judging.refuse("no_thresholds", "the profile's gate names no threshold: nothing can pass")
    if candidate.test_photos < limits.min_test_photos:
        text = f"{candidate.test_photos} test photos judge nothing; at least {limits.min_test_photos} are needed"
        judging.refuse("too_few_photos", text)
    if candidate.turned_down:
        how = {"withdrawn": "was champion and was rolled back", "rejected": "was turned down by a person"}
        judging.refuse(candidate.turned_down, f"this version {how[candidate.turned_down]}; the ledger says why")
    if limits.megabytes is not None and candidate.megabytes is None:
        judging.refuse("size_missing", "the size of the model's files is not known")
    elif limits.megabytes is not None and candidate.megabytes is not None and candidate.megabytes > limits.megabytes:
        text = f"the model's files take {candidate.megabytes:.1f} MB, more than {limits.megabytes:g}"
        judging.refuse("too_large", text)


def _judge_slices(judging: _Judging, limit: SliceLimit | None) -> None:
    """A slice that got worse refuses even where the mean improves."""
    candidate = judging.candidate
    if limit is None or candidate.paired is None:
        return
    if candidate.slices is None:
        judging.refuse("slices_missing", "slices are to be judged, and the evaluation measured none")
        return
    for row, chance in regressions(candidate.slices, limit):
        where = f"{row.kind} {row.name}, {row.metric}"
        if chance is None:
            judging.refuse("slices_missing", f"{where} was not compared with the champion")
        else:
            lost = f"is {-(row.difference or 0.0):.4f} worse than the champion's"
            judging.refuse("slice_regression", f"{where} {lost} on {row.photos} photos (p = {chance:.2g} after Holm)")


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)


def _note(candidate: Candidate) -> str:
    if candidate.champion is None:
        return "there is no champion yet: only floors were judged"
    if candidate.paired is None:
        return "the champion has other classes and cannot be compared: only floors were judged"
    same = "compared with the champion on the same photos, by the lower end of the 95 % interval of the difference"
    found = candidate.champions_photos
    if found is None:
        return same
    if found.left_out:
        return f"{same}; not on photos of the champion's dataset: {found.left_out}"
    return f"{same}; likewise on {found.photos} test photos of the champion's dataset"
