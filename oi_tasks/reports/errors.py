"""The error analysis of a classifier: which classes do badly, what they are taken for, and the photos to look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oi_tasks.core import confusion
from oi_tasks.core.calibration import calibration
from oi_tasks.core.label_scores import LabelScores
from oi_tasks.reports import error_plots
from oi_tasks.reports.page import fixed, render
from oi_tasks.reports.photo_strip import shape, small

WORST = 20  # photos of a class, where there are few classes
PICTURES = 320  # of all classes together, so that a page stays below 5 MB
PAIRS = 30  # rows of a table of pairs


@dataclass(frozen=True)
class Judged:
    """Photos that were scored: the classifier against the truth, and where to look each one up."""

    scores: LabelScores
    ancestors: Mapping[str, Sequence[str]]
    """What each class is a kind of, nearest first, by MID."""
    ids: Sequence[str]
    boxes: Sequence[Sequence[Mapping[str, Any]]]
    """Of each photo: `class` (an index) and `box` [XMin, YMin, XMax, YMax]."""
    photo: Callable[[int], bytes]
    """The encoded photo of a row."""


def errors_page(
    judged: Judged,
    model: str,
    subject: str,
    numbers: Mapping[str, Mapping[str, float | None]],
    ids: Mapping[str, str] | None = None,
) -> str:
    """The page as self-contained HTML.

    `model` and `subject` in words, `ids` those of both by what they are; `numbers` are those of the whole: value, low
    and high by name.
    """
    scores = judged.scores
    rows = scores.rows()
    photos = np.array([row["photos"] for row in rows])
    f1 = np.array([np.nan if row["f1"] is None else row["f1"] for row in rows])
    line = confusion.trend(photos, f1)
    counts = confusion.confusion(scores.probabilities, scores.present)
    pairs = confusion.confused_pairs(counts, scores.classes, judged.ancestors)
    curves = calibration(scores.probabilities, scores.present, scores.known)
    shown = [place for place, row in enumerate(rows) if row["photos"]]
    distances = (
        confusion.confusion_distances(counts[np.ix_(shown, shown)]),
        confusion.hierarchy_distances([scores.classes[place] for place in shown], judged.ancestors),
    )
    names = [scores.names[place] for place in shown]
    return render(
        "errors.html.j2",
        model=model,
        subject=subject,
        ids=ids or {},
        photos=len(scores.present),
        numbers=numbers,
        rows=_classes(judged, rows, line, pairs),
        sentence=_sentence(rows, line, pairs, scores.names),
        scatter=error_plots.scatter(photos.tolist(), f1.tolist(), scores.names, line),
        histogram=error_plots.histogram(f1.tolist()),
        reliability=error_plots.reliability(curves),
        calibration=curves,
        dendrograms=error_plots.dendrograms(*distances, names) if len(shown) > 2 else "",
        agreement=error_plots.agreement(*distances),
        pairs=[_pair(pair, scores.names) for pair in pairs[:PAIRS]],
        relations=_relations(pairs),
        together=[
            {"one": scores.names[one], "other": scores.names[other], "photos": count, "lift": lift}
            for one, other, count, lift in confusion.together(scores.present)[:PAIRS]
        ],
        worst=_worst(judged, rows),
        most=most_of_class(len(rows)),
        interval=_interval,
    )


def most_of_class(classes: int) -> int:
    """How many of its worst photos a class may show, at least one."""
    return min(WORST, max(1, PICTURES // max(1, classes)))


def _interval(found: Mapping[str, float | None]) -> str:
    if found["low"] is None or found["high"] is None:
        return ""
    return f"{fixed(found['low'])} to {fixed(found['high'])}"


def _sentence(
    rows: Sequence[Mapping[str, Any]],
    line: confusion.Trend | None,
    pairs: Sequence[confusion.Confused],
    names: Sequence[str],
) -> str:
    """What to look at first."""
    odd = [row["name"] for place, row in enumerate(rows) if line and line.strange[place]]
    said = (
        f"{len(odd)} classes lie far below what their size lets expect"
        if len(odd) != 1
        else f"{odd[0]} lies far below what its size lets expect"
    )
    if not odd:
        said = "No class lies far below what its size lets expect"
    elif len(odd) > 1:
        said += f": {', '.join(odd[:6])}{', …' if len(odd) > 6 else ''}"
    if pairs:
        most = pairs[0]
        said += f". Most often {names[most.true]} is taken for {names[most.said]}: {most.photos} times"
    return said + "."


def _classes(
    judged: Judged, rows: list[dict[str, Any]], line: confusion.Trend | None, pairs: Sequence[confusion.Confused]
) -> list[dict[str, Any]]:
    """The rows by class, the furthest below the trend first, each with its kin and what it is taken for."""
    names = dict(zip(judged.scores.classes, judged.scores.names, strict=True))
    found = []
    for place, row in enumerate(rows):
        above = [names[label] for label in judged.ancestors.get(row["label"], ()) if label in names]
        below = [names[label] for label in names if row["label"] in judged.ancestors.get(label, ())]
        taken = [f"{judged.scores.names[pair.said]} ({pair.photos})" for pair in pairs if pair.true == place]
        residual = line.residuals[place] if line else np.nan
        found.append(
            row
            | {
                "residual": None if np.isnan(residual) else float(residual),
                "strange": bool(line and line.strange[place]),
                "human": confusion.is_human(row["label"], judged.ancestors),
                "kin": ", ".join(
                    [*(f"kind of {name}" for name in above[:1]), *(f"above {name}" for name in below[:3])]
                ),
                "taken": ", ".join(taken[:3]),
            }
        )
    return sorted(found, key=lambda row: (row["residual"] is None, row["residual"] or 0.0, row["name"]))


def _pair(pair: confusion.Confused, names: Sequence[str]) -> dict[str, Any]:
    return vars(pair) | {"true": names[pair.true], "said": names[pair.said]}


def _relations(pairs: Sequence[confusion.Confused]) -> list[dict[str, Any]]:
    """Wrong photos by how the two classes stand in the hierarchy."""
    total = sum(pair.photos for pair in pairs)
    found = []
    for relation in confusion.RELATIONS:
        photos = sum(pair.photos for pair in pairs if pair.relation == relation)
        found.append({"relation": relation, "photos": photos, "share": photos / total if total else None})
    return found


def _worst(judged: Judged, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By class, weakest first, the photos where it is missed with the least, or named with the greatest probability."""
    scores = judged.scores
    wrong = (scores.said != scores.present) & scores.known
    regret = np.where(scores.present, 1 - scores.probabilities, scores.probabilities)
    found = []
    for place, row in enumerate(rows):
        places = np.flatnonzero(wrong[:, place])
        places = places[np.argsort(-regret[places, place], kind="stable")][: most_of_class(len(rows))]
        if len(places):
            shown = [_photo(judged, int(photo), place) for photo in places]
            found.append({"name": row["name"], "f1": row["f1"], "errors": int(wrong[:, place].sum()), "photos": shown})
    return sorted(found, key=lambda one: (one["f1"] is None, one["f1"] or 0.0, one["name"]))


def _photo(judged: Judged, row: int, place: int) -> dict[str, Any]:
    scores = judged.scores
    likeliest = int(scores.probabilities[row].argmax())
    missed = bool(scores.present[row, place])
    return {
        "id": judged.ids[row],
        "missed": missed,
        "probability": float(scores.probabilities[row, place]),
        "truth": ", ".join(np.array(scores.names)[scores.present[row]].tolist()) or "none of the classes",
        "likeliest": f"{scores.names[likeliest]} {scores.probabilities[row, likeliest]:.2f}",
        "picture": _picture(judged.photo(row), judged.boxes[row], place),
    }


def _picture(data: bytes, boxes: Sequence[Mapping[str, Any]], place: int) -> dict[str, Any] | None:
    """The photo made small, with its boxes: those of the class last, so that they lie over the others."""
    found = small(data)
    if found is None:
        return None
    ordered = sorted(boxes, key=lambda box: box["class"] == place)
    return found | {"boxes": [shape(*box["box"], of="own" if box["class"] == place else "other") for box in ordered]}
