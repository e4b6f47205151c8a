"""An ablation on real trainings: the variants of the profile, the page, and what is refused."""

import pytest

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import REPORTS, Store
from oi_tasks.profile import Profile, parse_profile
from oi_tasks.profile.ablation import trainings
from oi_tasks.variants import SHOWN, fields_of_class_maps, fields_of_datasets, fields_of_trainings
from tests.conftest import SMALL, Chain

SMALLER = {"smaller": {"photos": {"resolution": 0.125}, "epochs": {"unfrozen": 1}}}
FEWER = {"fewer classes": {"classes": {"max": 5}, "epochs": {"unfrozen": 1}}}


def profile(variants: dict, seeds: int = 1) -> Profile:
    return Profile.model_validate(SMALL | {"ablation": {"seeds": seeds, "variants": variants}})


def test_a_variant_changes_what_it_names_and_nothing_else() -> None:
    chosen = profile({"longer": {"epochs": {"unfrozen": 9}}, "other loss": {"loss": "focal"}} | SMALLER, seeds=2)
    made = {(variant, seed): profile for variant, seed, profile in trainings(chosen)}
    assert list(made) == [(name, seed) for name in ("base", "longer", "other loss", "smaller") for seed in (0, 1)]
    assert made["base", 0] == chosen
    longer = made["longer", 1].classifier
    assert (longer.epochs.frozen, longer.epochs.unfrozen, longer.seed) == (0, 9, 1)
    assert longer.model_copy(update={"epochs": chosen.classifier.epochs, "seed": 0}) == chosen.classifier
    smaller = made["smaller", 0]
    assert (smaller.photos.resolution, smaller.classifier.epochs.unfrozen) == (0.125, 1)
    assert smaller.photos.model_copy(update={"resolution": chosen.photos.resolution}) == chosen.photos
    assert smaller.model_copy(update={"photos": chosen.photos, "classifier": chosen.classifier}) == chosen


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("{colour: red}", "the variant 'odd' cannot be: colour"),
        ("{photos: {resolution: 7}}", "the variant 'odd' cannot be: resolution"),
        ("{photos: small}", "the variant 'odd' cannot be: photos: it wants fields, not 'small'"),
        ("{classes: {switched_off: [gravity]}}", "the variant 'odd' cannot be: switched_off.0"),
    ],
)
def test_a_variant_that_cannot_be_is_said_when_the_profile_is_read(changes: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_profile(f"name: x\nablation: {{variants: {{odd: {changes}}}}}", "mine.yaml")
    assert "\n" not in str(refused.value)
    assert said in str(refused.value)


def test_variants_that_differ_in_their_recipe_alone_share_a_dataset() -> None:
    fixes = ["parts_stay_apart"]
    variants = {"other loss": {"loss": "focal"}, **SMALLER, "as it came": {"classes": {"switched_off": fixes}}}
    chosen = profile(variants, seeds=2).model_dump(mode="json")
    validated, maps, data = "a" * 20, [letter * 20 for letter in "bcd"], [letter * 20 for letter in "def"]
    assert fields_of_class_maps(chosen, validated) == [
        {SHOWN: "base"},
        {SHOWN: "smaller"},
        {SHOWN: "as it came", "switched_off": fixes},
    ]
    assert fields_of_datasets(chosen, validated, maps) == [
        {SHOWN: "base", "classes": maps[0]},
        {SHOWN: "smaller", "classes": maps[1], "side": 32},
        {SHOWN: "as it came", "classes": maps[2]},
    ]
    made = fields_of_trainings(chosen, data)
    assert [fields["dataset"] for fields in made] == [data[at] for at in (0, 0, 0, 0, 1, 1, 2, 2)]
    assert [fields[SHOWN] for fields in made][3:5] == ["other loss, seed 1", "smaller, seed 0"]
    assert [fields["recipe"]["loss"] for fields in made][1:3] == ["bce", "focal"]


@pytest.mark.slow
def test_the_page_compares_the_variants_with_the_base(chain: Chain) -> None:
    """One of them with photos of another size, one with fewer classes, through the steps that the workflow takes."""
    variants = {"<b>one epoch</b>": {"epochs": {"unfrozen": 1}}, **SMALLER, **FEWER}
    chosen = Chain(profile(variants), chain.settings, chain.said, ())
    plain, validated = chosen.profile.model_dump(mode="json"), chain.said["validate"]["id"]

    def made(job: str, fields: list[dict], **inputs: str) -> list[dict]:
        return [
            chosen.job(job, **inputs, **{name: value for name, value in own.items() if name != SHOWN}) for own in fields
        ]

    maps = made("collapse", fields_of_class_maps(plain, validated), validated=validated)
    assert [found["result"]["classes"] for found in maps] == [8, 8, 5]
    data = made("shards", fields_of_datasets(plain, validated, [one["id"] for one in maps]), validated=validated)
    trained = made("train_classifier", fields_of_trainings(plain, [one["id"] for one in data]))
    models = tuple(one["id"] for one in trained)
    assert data[0]["id"] == chain.said["shards"]["id"]
    assert models[0] == chain.said["train_classifier"]["id"]  # the base was trained before, and is reused

    done = chosen.job("compare_variants", models=models)
    said = done["result"]
    assert said["helps"] == said["hurts"] == []  # one seed says nothing
    store = Store(chain.settings)
    effects = Outputs(store, chain.settings.cache).get("compare_variants", done["id"]).read_json("effects.json")
    scored = {(effect["variant"], effect["number"]): effect["mean"] for effect in effects}
    for variant, model in zip(variants, trained[1:], strict=True):  # where the truth is the same: what training said
        assert scored[variant, "macro_f1"] == pytest.approx(model["result"]["metrics"]["macro_f1"])
    page = store.get_bytes(REPORTS, said["report"].removeprefix(f"{REPORTS}/")).decode()
    assert "&lt;b&gt;one epoch&lt;/b&gt;" in page
    assert "cannot be told from chance" in page
    with pytest.raises(BadInput, match="4 models are given; the profile small has 1 trainings"):
        Chain(profile({}), chain.settings, chain.said, ()).job("compare_variants", models=models)
    with pytest.raises(BadInput, match="is not one of the variant base of the profile"):
        chosen.job("compare_variants", models=models[::-1])
