"""An ablation on real trainings: the variants of the profile, the page, and what is refused."""

import pytest

from oi_tasks.errors import BadInput
from oi_tasks.io.store import REPORTS, Store
from oi_tasks.profile import Profile, parse_profile
from oi_tasks.profile.ablation import recipes
from tests.conftest import SMALL, Chain


def profile(variants: dict, seeds: int = 1) -> Profile:
    return Profile.model_validate(SMALL | {"ablation": {"seeds": seeds, "variants": variants}})


def test_a_variant_changes_what_it_names_and_nothing_else() -> None:
    chosen = profile({"longer": {"epochs": {"unfrozen": 9}}, "other loss": {"loss": "focal"}}, seeds=2)
    made = {(variant, seed): recipe for variant, seed, recipe in recipes(chosen.classifier, chosen.ablation)}
    assert list(made) == [(name, seed) for name in ("base", "longer", "other loss") for seed in (0, 1)]
    assert made["base", 0] == chosen.classifier
    longer = made["longer", 1]
    assert (longer.epochs.frozen, longer.epochs.unfrozen, longer.seed) == (0, 9, 1)
    assert longer.model_copy(update={"epochs": chosen.classifier.epochs, "seed": 0}) == chosen.classifier


def test_a_variant_that_cannot_be_is_said_when_the_profile_is_read() -> None:
    with pytest.raises(BadInput) as refused:
        parse_profile("name: x\nablation: {variants: {odd: {colour: red}}}", "mine.yaml")
    assert "\n" not in str(refused.value)
    assert "the variant 'odd' cannot be: colour" in str(refused.value)


@pytest.mark.slow
def test_the_page_compares_the_variants_with_the_base(chain: Chain) -> None:
    chosen = Chain(profile({"<b>one epoch</b>": {"epochs": {"unfrozen": 1}}}), chain.settings, chain.said, ())
    models = tuple(
        chosen.job("train_classifier", dataset=chain.said["shards"]["id"], recipe=recipe)["id"]
        for _, _, recipe in recipes(chosen.profile.classifier, chosen.profile.ablation)
    )
    assert models[0] == chain.said["train_classifier"]["id"]  # the base was trained before, and is reused
    said = chosen.job("compare_variants", models=models)["result"]
    assert said["helps"] == said["hurts"] == []  # one seed says nothing
    page = Store(chain.settings).get_bytes(REPORTS, said["report"].removeprefix(f"{REPORTS}/")).decode()
    assert "&lt;b&gt;one epoch&lt;/b&gt;" in page
    assert "cannot be told from chance" in page
    with pytest.raises(BadInput, match="of no variant of the profile"):
        chain.job("compare_variants", models=models)
