"""### The cascade against a single-stage detector

Started by hand: trains one detector (RetinaNet) on the newest dataset, with the encoder that the cascade has, and
compares the two on the same test photos: mean average precision, box recall by size, seconds a photo, on a page. What
a retrain has done before is reused. The detector is registered as a version of `oi-detector`; the gate and the champion
do not depend on it.

**What a run costs**: one training of a detector beside what a retrain costs, of which what was done is reused; at full
size see docs/scaling.md.
"""

from airflow.sdk import DAG

from forms import dataset_param, force_param, reason_param
from jobs import BY_HAND, cluster_fields, dataset, job, mapped_job, trained
from run_note import note_at_end

with DAG(
    dag_id="oi_baseline",
    dag_display_name="Open Images: baseline",
    description="Train a single-stage detector, and compare the cascade with it",
    doc_md=__doc__,
    **BY_HAND,
    params={"profile": dataset_param(), "force": force_param(), "reason": reason_param()},
    tags=["open-images", "training"],
):
    found = dataset()
    profile = found["profile"]
    planned = job("plan", profile, classes=found["classes"])
    data = job("shards", profile, classes=found["classes"], validated=found["validated"])
    clusters = cluster_fields(planned)
    classifier = job("train_classifier", profile, dataset=data)
    semseg = mapped_job("train_semseg", profile, clusters, "cluster", dataset=data, classifier=classifier)
    scores = job("evaluate", profile, dataset=data, classifier=classifier, semseg=trained(semseg))
    detector = job("train_detector", profile, dataset=data, classifier=classifier)
    compared = job("compare_detector", profile, evaluation=scores, detector=detector)
    clusters >> classifier  # where it is not known which there are, nothing is trained
    note_at_end(
        plan=planned, shards=data, train_classifier=classifier, train_semseg=semseg, evaluate=scores,
        train_detector=detector, compare_detector=compared,
    )  # fmt: skip
