"""### Train, judge and promote

Runs every night at 02:00 UTC, and as soon as `oi_ingest` publishes a dataset:

1. **plan**: which clusters to train, and who is champion; **shards**: the photos at training size
2. **train_classifier**, then **train_semseg** for each cluster
3. **evaluate** the candidate, and the champion again, on the same test photos
4. **gate**: the profile's thresholds; a refused candidate leaves the champion where it is
5. **serve_check**: the registered version, loaded in a fresh process, answers as it was evaluated
6. **approve**: where the profile says `promotion: approval`, a person is asked on the page of required actions; no
   answer in time refuses, and **turn_down** enters it
7. **promote**: the alias `champion` of `oi-cascade` moves; **report**: a page that says what happened and why

With nothing new, every step is reused and the run ends at once.
"""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from jobs import DATASET, DEFAULTS, cluster_fields, dataset, force_param, job, mapped_job
from promotion import promotion

ANY = "none_failed_min_one_success"  # no cluster to train, or nothing promoted, is no failure


with DAG(
    dag_id="oi_retrain",
    dag_display_name="Open Images: retrain",
    description="Train the classifier and each cluster, evaluate against the champion, promote what passes the gate",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 2 * * *", timezone="UTC"), assets=[DATASET]),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"force": force_param()},
    tags=["open-images", "training"],
):
    found = dataset()
    profile = found["profile"]
    planned = job("plan", profile, classes=found["classes"])
    data = job("shards", profile, classes=found["classes"], validated=found["validated"])
    classifier = job("train_classifier", profile, dataset=data)
    semseg = mapped_job(
        "train_semseg", profile, cluster_fields(planned), "cluster", dataset=data, classifier=classifier
    )
    scores = job("evaluate", profile, trigger_rule=ANY, dataset=data, classifier=classifier, semseg=semseg)
    verdict = job("gate", profile, evaluation=scores)
    promoted = promotion(job, profile, planned, verdict)
    report = job("report", profile, verdict=verdict, promoted=promoted, trigger_rule=ANY)
    planned >> data
