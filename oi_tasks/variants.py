"""The steps of an ablation: which datasets its variants need, and which trainings they are.

Variants that differ in their recipe alone share a dataset. A step is told the fields in which it differs from the
profile's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from oi_tasks.core.fingerprint import canonical_json
from oi_tasks.jobs.base import Job
from oi_tasks.jobs.collapse import Collapse
from oi_tasks.jobs.shards import Shards
from oi_tasks.profile import Profile
from oi_tasks.profile.ablation import OF_DATA, trainings, variants

Fields = dict[str, Any]
SHOWN = "shown"  # the name of a task on the page; no field of its job


def fields_of_class_maps(profile: Mapping[str, Any], validated: str) -> list[Fields]:
    """Of the class map of each dataset; the base's first."""
    base = Profile.model_validate(profile)
    return [{SHOWN: name, **_differing(Collapse, base, made, validated=validated)} for name, made in _data(base)]


def fields_of_datasets(profile: Mapping[str, Any], validated: str, classes: Sequence[str]) -> list[Fields]:
    """Of each dataset, given the ids of their class maps."""
    base = Profile.model_validate(profile)
    return [
        {SHOWN: name, "classes": class_map, **_differing(Shards, base, made, validated=validated, classes=class_map)}
        for (name, made), class_map in zip(_data(base), classes, strict=True)
    ]


def fields_of_trainings(profile: Mapping[str, Any], datasets: Sequence[str]) -> list[Fields]:
    """Of each training, given the ids of the datasets."""
    base = Profile.model_validate(profile)
    place = {_key(made): dataset for (_, made), dataset in zip(_data(base), datasets, strict=True)}
    return [
        {
            SHOWN: f"{variant}, seed {seed}",
            "dataset": place[_key(made)],
            "recipe": made.classifier.model_dump(mode="json"),
        }
        for variant, seed, made in trainings(base)
    ]


def _data(base: Profile) -> Iterator[tuple[str, Profile]]:
    """A variant of each dataset that is needed: the first that needs it."""
    seen = set()
    for variant in variants(base):
        key = _key(variant.profile)
        if key not in seen:
            seen.add(key)
            yield variant.name, variant.profile


def _key(profile: Profile) -> bytes:
    return canonical_json([getattr(profile, part).model_dump(mode="json") for part in OF_DATA])


def _differing(job: type[Job], base: Profile, made: Profile, **inputs: Any) -> Fields:
    """The fields of a job that another profile gives another value."""
    plain, other = (job.from_profile(profile, **inputs).model_dump(mode="json") for profile in (base, made))
    return {name: value for name, value in other.items() if value != plain[name]}
