"""### Train, judge and promote

Runs every night at 02:00 UTC, and as soon as `oi_ingest` publishes a dataset:

1. **plan**: which clusters to train, and who is champion; **shards**: the photos at training size
2. **train_classifier**, then **train_semseg** for each cluster: a training that fails fails alone, and the champion's
   model stands in
3. **evaluate** the candidate, and the champion again, on the same test photos
4. **gate**: the profile's thresholds; a refused candidate leaves the champion where it is
5. **serve_check**: the registered version, loaded in a fresh process, answers as it was evaluated
6. **approve**: where the profile says `promotion: approval`, a person is asked on the page of required actions; no
   answer in time refuses, and **turn_down** enters it
7. **promote**: the alias `champion` of `oi-cascade` moves; **report**: a page that says what happened and why

With nothing new, every step is reused and the run ends at once.

**What a run costs**: about three minutes for the demo on two cores (214 CPU seconds); at full size hours of GPUs, see
docs/scaling.md. The page of the run says what it took.
"""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, TaskGroup
from oi_tasks.settings import settings

from forms import clusters_param, dataset_param, force_param, reason_param
from jobs import DATASET, DEFAULTS, cluster_fields, dataset, job, mapped_job, trained
from notify import must_end_within
from promotion import promotion
from run_note import note_at_end

ANY = "none_failed_min_one_success"  # nothing promoted is no failure


with DAG(
    dag_id="oi_retrain",
    dag_display_name="Open Images: retrain",
    description="Train the classifier and each cluster, evaluate against the champion, promote what passes the gate",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 2 * * *", timezone="UTC"), assets=[DATASET]),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=must_end_within(settings().retrain_hours),
    params={
        "profile": dataset_param(),
        "clusters": clusters_param(),
        "force": force_param(),
        "reason": reason_param(),
    },
    tags=["open-images", "training"],
):
    with TaskGroup("prepare", prefix_group_id=False, tooltip="the dataset, and its photos at training size"):
        found = dataset()
        profile = found["profile"]
        planned = job("plan", profile, classes=found["classes"])
        data = job("shards", profile, classes=found["classes"], validated=found["validated"])
        clusters = cluster_fields(planned)
    with TaskGroup("train", prefix_group_id=False, tooltip="the classifier, and a model for each cluster"):
        classifier = job("train_classifier", profile, dataset=data)
        semseg = mapped_job("train_semseg", profile, clusters, "cluster", dataset=data, classifier=classifier)
        masks = trained(semseg)
    with TaskGroup("judge", prefix_group_id=False, tooltip="candidate and champion on the same photos; the gate"):
        scores = job("evaluate", profile, dataset=data, classifier=classifier, semseg=masks)
        verdict = job("gate", profile, evaluation=scores)
    with TaskGroup("promotion", prefix_group_id=False, tooltip="it serves, a person approves, the alias moves"):
        ends = promotion(job, profile, planned, verdict)
    report = job(
        "report", profile, trigger_rule=ANY, verdict=verdict, promoted=ends["promote"], served=ends["serve_check"],
        turned_down=ends["turn_down"],
    )  # fmt: skip
    planned >> data
    clusters >> classifier  # a cluster that there is not is refused before anything is trained
    note_at_end(
        plan=planned, shards=data, train_classifier=classifier, train_semseg=semseg, evaluate=scores, gate=verdict,
        report=report, **ends,
    )  # fmt: skip
