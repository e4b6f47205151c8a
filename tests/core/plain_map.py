"""The detection metric again, slow and plain: loops over dictionaries, one rule after the other, nothing shared with
the code under test.
"""

from collections import defaultdict
from typing import Any

Box = tuple[float, float, float, float]  # XMin, YMin, XMax, YMax


def kinds(tree: dict[str, Any]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Of each label all that it is a kind of, without the root; and all that is a kind of it."""
    root = tree["LabelName"]
    parents: dict[str, set[str]] = defaultdict(set)

    def walk(node: dict[str, Any]) -> None:
        for child in node.get("Subcategory", []):
            parents[child["LabelName"]].add(node["LabelName"])
            walk(child)
        for child in node.get("Part", []):
            walk(child)

    walk(tree)

    def above(label: str) -> set[str]:
        found: set[str] = set()
        for parent in parents.get(label, ()):
            found |= {parent} | above(parent)
        return found

    up: dict[str, set[str]] = {}
    down: dict[str, set[str]] = defaultdict(set)
    for label in list(parents):
        for ancestor in above(label):
            down[ancestor].add(label)
        up[label] = above(label) - {root}
    return up, down


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def iou(one: Box, other: Box) -> float:
    both = shared(one, other)
    either = area(one) + area(other) - both
    return both / either if either > 0 else 0.0


def inside(one: Box, group: Box) -> float:
    return shared(one, group) / area(one) if area(one) > 0 else 0.0


def plain_map(
    tree: dict[str, Any],
    boxes: list[tuple[str, str, Box, bool]],
    image_labels: list[tuple[str, str, bool]],
    predictions: list[tuple[str, str, Box, float]],
    expand_predictions: bool = False,
) -> dict[str, tuple[float, int, int]]:
    """Of each class with a true box: average precision, true boxes, predictions where it is verified.

    `boxes`: photo, label, corners, whether it is a group; `image_labels`: photo, label, present; `predictions`: photo,
    label, corners, score.
    """
    up, down = kinds(tree)
    verified: dict[str, set[str]] = defaultdict(set)
    singles: dict[tuple[str, str], list[Box]] = defaultdict(list)
    groups: dict[tuple[str, str], list[Box]] = defaultdict(list)
    for photo, label, box, group in boxes:
        for own in {label} | up.get(label, set()):
            verified[photo].add(own)
            (groups if group else singles)[photo, own].append(box)
    for photo, label, present in image_labels:
        verified[photo] |= {label} | (up if present else down).get(label, set())

    said: list[tuple[str, str, Box, float]] = list(predictions)
    if expand_predictions:
        best: dict[tuple[str, str, Box], float] = {}
        for photo, label, box, score in predictions:
            for own in {label} | up.get(label, set()):
                best[photo, own, box] = max(score, best.get((photo, own, box), score))
        said = [(*key, score) for key, score in best.items()]

    truth: dict[str, int] = defaultdict(int)
    for by in (singles, groups):
        for (_, label), own_boxes in by.items():
            truth[label] += len(own_boxes)
    judged, counted = judge_all(said, verified, singles, groups)
    return {
        label: (average_precision(judged[label], count), count, counted[label])
        for label, count in truth.items()
        if count
    }


def judge_all(
    said: list[tuple[str, str, Box, float]],
    verified: dict[str, set[str]],
    singles: dict[tuple[str, str], list[Box]],
    groups: dict[tuple[str, str], list[Box]],
) -> tuple[dict[str, list[tuple[float, bool]]], dict[str, int]]:
    """By label: what counts, as score and whether it is a hit; and how many predictions there are where verified."""
    judged: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    counted: dict[str, int] = defaultdict(int)
    by_place: dict[tuple[str, str], list[tuple[float, Box]]] = defaultdict(list)
    for photo, label, box, score in said:
        if label in verified[photo]:
            by_place[photo, label].append((score, box))
            counted[label] += 1
    for place, found in by_place.items():
        judged[place[1]] += judge_one(sorted(found, key=lambda one: -one[0]), singles[place], groups[place])
    return judged, counted


def judge_one(found: list[tuple[float, Box]], singles: list[Box], groups: list[Box]) -> list[tuple[float, bool]]:
    """The predictions of one class in one photo, by falling score: score and whether each is a hit."""
    taken: set[int] = set()
    within: dict[int, float] = {}
    listed = []
    for score, box in found:
        overlaps = [iou(box, single) for single in singles]
        near = max(overlaps, default=0.0)
        if near >= 0.5 and overlaps.index(near) not in taken:
            taken.add(overlaps.index(near))
            listed.append((score, True))
            continue
        shares = [inside(box, group) for group in groups]
        most = max(shares, default=0.0)
        if most >= 0.5:
            group = shares.index(most)
            within[group] = max(score, within.get(group, score))
        else:
            listed.append((score, False))
    return listed + [(score, True) for score in within.values()]


def average_precision(judged: list[tuple[float, bool]], positives: int) -> float:
    """The area under the precision envelope: at each hit, the best precision from there on."""
    precisions, hits = [], 0
    ordered = sorted(judged, key=lambda one: -one[0])
    for place, (_, hit) in enumerate(ordered, start=1):
        hits += hit
        precisions.append(hits / place)
    return sum(max(precisions[place:]) for place, (_, hit) in enumerate(ordered) if hit) / positives
