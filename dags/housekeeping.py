"""### List what is past its time, and remove it when asked to

Every Sunday at noon: lists outputs, objects, checkpoints and model versions that are older than the profile's
`keep_days` and that nothing refers to: no champion and no earlier one, nothing younger. Of versions that were refused
or never promoted the verdict and the pages stay, and the rest is listed. It removes nothing unless started by hand with
*Remove*. Release files and photos are never touched.

**What a run costs**: one listing of the store and of the registry, longer the more they hold; nothing is trained.
"""

from airflow.sdk import DAG, CronTriggerTimetable, Param

from forms import profile_param
from jobs import DEFAULTS, job, profile
from run_note import note_at_end

with DAG(
    dag_id="oi_housekeeping",
    dag_display_name="Open Images: housekeeping",
    description="List what is past its time and referred to by nothing; remove it when asked to",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 12 * * 0", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={
        "profile": profile_param(),
        "remove": Param(False, type="boolean", title="Remove", description="remove what is listed"),
    },
    tags=["open-images", "store"],
):
    note_at_end(housekeeping=job("housekeeping", profile(), remove="{{ params.remove | tojson }}"))
