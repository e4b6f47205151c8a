"""### Bring in a release, judge it, and publish a dataset

Reads a release of Open Images, or a folder in the same form, and takes it through these steps:

1. **fetch** its annotation files, **tables**: typed Parquet, **photos**: each decoded once, **snapshot**: all named;
   where the profile says `photos: {parts: 16}` the photos come in by a **photo_part** for each of so many parts
2. **validate** with Great Expectations; rows that break a rule are set apart, and the quality report says why
3. **data_gate**: a critical finding, or too much set apart, ends the run here, before anything is trained
4. **collapse** the labels into classes and clusters

The end is the asset `oi_dataset`, which starts `oi_retrain`. What has not changed is not done again.

**What a run costs**: 21 CPU seconds for the demo; a whole release takes its download, and disk for its
photos and their shards. The note on the run says what it took.
"""

from typing import Any

from airflow.sdk import DAG, TaskGroup, task

from forms import force_param, profile_param, reason_param, source_param
from jobs import DATASET, DEFAULTS, job, mapped_job, profile
from run_note import note_at_end


@task
def photo_parts(chosen: dict[str, Any]) -> list[dict[str, str]]:
    """The digits of each part; none where the photos are brought in one piece, without a task more on the way."""
    from oi_tasks.core.partitions import digits_of_parts

    parts = chosen["release"]["photos"]["parts"]
    return [{"digits": digits} for digits in digits_of_parts(parts)] if parts > 1 else []


@task(outlets=[DATASET])
def publish(chosen: dict[str, Any], validated: Any, classes: Any, *, outlet_events: Any) -> None:
    """Tell the world that there is a dataset."""
    outlet_events[DATASET].extra = {"profile": chosen, "validated": validated["id"], "classes": classes["id"]}


with DAG(
    dag_id="oi_ingest",
    dag_display_name="Open Images: ingest",
    description="Fetch a release, validate it, collapse its classes, publish the dataset",
    doc_md=__doc__,
    schedule="0 1 * * 0",
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"profile": profile_param(), "source": source_param(), "force": force_param(), "reason": reason_param()},
    tags=["open-images", "data"],
):
    with TaskGroup("bring_in", prefix_group_id=False, tooltip="a release becomes a snapshot"):
        chosen = profile()
        release = job("fetch", chosen)
        tables = job("tables", chosen, release=release)
        parts = mapped_job("photo_part", chosen, photo_parts(chosen), "digits", release=release, tables=tables)
        photos = job("photos", chosen, trigger_rule="none_failed", release=release, tables=tables, parts=parts)
        snapshot = job("snapshot", chosen, release=release, tables=tables, photos=photos)
    with TaskGroup("judge_data", prefix_group_id=False, tooltip="what breaks a rule is set apart, or ends the run"):
        validated = job("validate", chosen, snapshot=snapshot)
        passed = job("data_gate", chosen, validated=validated)
    with TaskGroup("make_classes", prefix_group_id=False, tooltip="labels become classes and clusters"):
        classes = job("collapse", chosen, validated=validated)
        published = publish(chosen, validated, classes)
    passed >> classes >> published
    note_at_end(
        fetch=release, tables=tables, photos=photos, snapshot=snapshot, validate=validated, data_gate=passed,
        collapse=classes, publish=published,
    )  # fmt: skip
