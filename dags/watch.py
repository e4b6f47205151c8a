"""### Has somebody moved the champion by hand?

Every hour: compares the alias `champion` of `oi-cascade` in MLflow with what the ledger says. A move made in MLflow's
own page is entered in the ledger as such, and the parts' aliases follow it; a promotion or rollback that died halfway
is finished. The ledger itself is checked on the way: this fails where an entry is missing or was written over.

**What a run costs**: one reading of the ledger and of the registry's aliases; nothing is trained.
"""

from airflow.sdk import DAG, CronTriggerTimetable

from forms import profile_param
from jobs import DEFAULTS, job, profile
from run_note import note_at_end

with DAG(
    dag_id="oi_watch",
    dag_display_name="Open Images: watch the champion",
    description="Enter moves of the champion that were made by hand, and check the ledger",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("30 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULTS,
    params={"profile": profile_param()},
    tags=["open-images", "registry"],
):
    note_at_end(alias_watch=job("alias_watch", profile()))
