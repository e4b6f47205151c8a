"""### What worked, and what did not

Started by hand: trains the classifier of the newest dataset with each variant that the profile names under `ablation`,
several seeds each, and writes a page: every variant against the base, seed by seed, with intervals. A training that was
done before is reused. The models are registered as versions of `oi-classifier`; none of them is promoted.
"""

from typing import Any

from airflow.sdk import DAG, task

from forms import dataset_param, force_param, reason_param
from jobs import BY_HAND, dataset, job, mapped_job
from run_note import note_at_end


@task
def variants(profile: dict[str, Any]) -> list[dict[str, Any]]:
    """The recipe of each training, and its name on the page."""
    from oi_tasks.profile import Profile
    from oi_tasks.profile.ablation import recipes

    chosen = Profile.model_validate(profile)
    return [
        {"recipe": recipe.model_dump(mode="json"), "shown": f"{variant}, seed {seed}"}
        for variant, seed, recipe in recipes(chosen.classifier, chosen.ablation)
    ]


with DAG(
    dag_id="oi_ablation",
    dag_display_name="Open Images: ablation",
    description="Train variants of the classifier, several seeds each, and say what worked",
    doc_md=__doc__,
    **BY_HAND,
    params={"profile": dataset_param(), "force": force_param(), "reason": reason_param()},
    tags=["open-images", "training"],
):
    found = dataset()
    profile = found["profile"]
    data = job("shards", profile, classes=found["classes"], validated=found["validated"])
    models = mapped_job("train_classifier", profile, variants(profile), "shown", dataset=data)
    compared = job("compare_variants", profile, models=models)
    note_at_end(shards=data, train_classifier=models, compare_variants=compared)
