"""### What worked, and what did not

Started by hand: trains the classifier of the newest dataset with each variant that the profile names under `ablation`,
several seeds each, and writes a page: every variant against the base, seed by seed, with intervals. A variant may
change the classifier's recipe, the size and shape of the photos, or how labels become classes; where it needs a dataset
of its own, that is made first. What was done before is reused. The models are registered as versions of
`oi-classifier`; none of them is promoted.

**What a run costs**: a training of the classifier for every variant and seed; for one at full size see docs/scaling.md.
"""

from typing import Any

from airflow.sdk import DAG, task

from forms import dataset_param, force_param, reason_param
from jobs import BY_HAND, dataset, job, mapped_job
from run_note import note_at_end


@task
def class_maps(profile: dict[str, Any], validated: str) -> list[dict[str, Any]]:
    """How each dataset that some variant needs makes classes of the labels: the fields that are not the profile's."""
    from oi_tasks.variants import fields_of_class_maps

    return fields_of_class_maps(profile, validated)


@task
def datasets(profile: dict[str, Any], validated: str, classes: Any) -> list[dict[str, Any]]:
    """How each of them holds the photos."""
    from oi_tasks.variants import fields_of_datasets

    return fields_of_datasets(profile, validated, [made["id"] for made in classes])


@task
def variants(profile: dict[str, Any], datasets: Any) -> list[dict[str, Any]]:
    """The dataset and the recipe of each training, and its name on the page."""
    from oi_tasks.variants import fields_of_trainings

    return fields_of_trainings(profile, [made["id"] for made in datasets])


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
    profile, validated = found["profile"], found["validated"]
    classes = mapped_job("collapse", profile, class_maps(profile, validated), "shown", validated=validated)
    data = mapped_job("shards", profile, datasets(profile, validated, classes), "shown", validated=validated)
    models = mapped_job("train_classifier", profile, variants(profile, data), "shown")
    compared = job("compare_variants", profile, models=models)
    note_at_end(collapse=classes, shards=data, train_classifier=models, compare_variants=compared)
