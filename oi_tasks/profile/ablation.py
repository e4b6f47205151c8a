"""What is tried in an ablation: the classifier or its data with one thing changed, several seeds each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, PositiveInt, ValidationError

from oi_tasks.profile.parts import Part

if TYPE_CHECKING:
    from oi_tasks.profile.profile import Profile

BASE = "base"
OF_DATA = ("classes", "photos")  # parts of a profile that a variant may change beside its classifier


class Ablation(Part):
    """Variants of the classifier and of its data, by name: the fields that differ from the profile's."""

    seeds: PositiveInt = Field(3, description="trainings of each variant, with seeds from 0 on")
    variants: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="fields of `classifier` by variant, such as {no freezing: {epochs: {frozen: 0}}}; of `photos` and "
        "`classes` under their names, such as {smaller: {photos: {resolution: 0.125}}}",
    )


@dataclass(frozen=True)
class Variant:
    """A profile with one thing changed."""

    name: str
    profile: "Profile"

    def seeded(self, seed: int) -> "Profile":
        """The same with a seed for its training."""
        recipe = self.profile.classifier.model_copy(update={"seed": seed})
        return self.profile.model_copy(update={"classifier": recipe})


def variants(profile: "Profile") -> Iterator[Variant]:
    """The base first, then every variant. Raises ValueError for one that cannot be."""
    for name, changes in {BASE: {}, **profile.ablation.variants}.items():
        of_data = {part: change for part, change in changes.items() if part in OF_DATA}
        recipe = {field: change for field, change in changes.items() if field not in OF_DATA}
        made = {}
        for part, change in {"classifier": recipe, **of_data}.items():
            there = getattr(profile, part)
            if not isinstance(change, Mapping):
                raise ValueError(f"the variant {name!r} cannot be: {part}: it wants fields, not {change!r}")
            try:
                made[part] = type(there).model_validate(_changed(there.model_dump(mode="json"), change))
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(str(part) for part in first["loc"])
                raise ValueError(f"the variant {name!r} cannot be: {field}: {first['msg']}") from None
        yield Variant(name, profile.model_copy(update=made))


def trainings(profile: "Profile") -> Iterator[tuple[str, int, "Profile"]]:
    """Variant, seed and profile of every training: those of the base first."""
    for variant in variants(profile):
        for seed in range(profile.ablation.seeds):
            yield variant.name, seed, variant.seeded(seed)


def _changed(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with some of them changed, to any depth."""
    merged = dict(fields)
    for name, value in changes.items():
        there = merged.get(name)
        both = isinstance(there, Mapping) and isinstance(value, Mapping)
        merged[name] = _changed(there, value) if both and there is not None else value
    return merged
