"""What is tried in an ablation: the classifier with one thing changed, several seeds each."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, PositiveInt, ValidationError

from oi_tasks.profile.parts import Part
from oi_tasks.profile.training import Classifier

BASE = "base"


class Ablation(Part):
    """Variants of the classifier's recipe, by name: the fields that differ from the profile's."""

    seeds: PositiveInt = Field(3, description="trainings of each variant, with seeds from 0 on")
    variants: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="fields of `classifier` by variant, such as {no freezing: {epochs: {frozen: 0}}}",
    )


def recipes(classifier: Classifier, ablation: Ablation) -> Iterator[tuple[str, int, Classifier]]:
    """Variant, seed and recipe of every training: the base first. Raises ValueError for a variant that cannot be."""
    plain = classifier.model_dump(mode="json")
    for variant, changes in {BASE: {}, **ablation.variants}.items():
        for seed in range(ablation.seeds):
            try:
                yield variant, seed, Classifier.model_validate(_changed(plain, changes) | {"seed": seed})
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(str(part) for part in first["loc"])
                raise ValueError(f"the variant {variant!r} cannot be: {field}: {first['msg']}") from None


def _changed(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with some of them changed, to any depth."""
    merged = dict(fields)
    for name, value in changes.items():
        there = merged.get(name)
        both = isinstance(there, Mapping) and isinstance(value, Mapping)
        merged[name] = _changed(there, value) if both and there is not None else value
    return merged
