"""Links on a task's page: to its run in MLflow as soon as that starts, and to the page that it, or its run, writes.

They lead through the Open Images tab, which looks where that is at the moment of the click. So a link can be there from
the start, and no worker waits for what it leads to, also where the job is a pod. Airflow may stand below a path of its
own, as in https://company.example/airflow: the links do so too.
"""

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

import attrs
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.configuration import conf
from airflow.sdk.types import TaskInstanceKey

ADDRESS = "/open-images/of"  # dags/plugins answers there
MLFLOW = "mlflow"


@attrs.define(frozen=True)
class TaskLink(BaseOperatorLink):  # type: ignore[misc]
    """A link: its name on the page, what it shows, and whose it is, if another task of the run makes that."""

    name: str
    what: str
    """`mlflow`, or the field of the job's result that names the page."""
    made_by: str = ""

    @property
    def xcom_key(self) -> str:
        """Where Airflow looks for the address."""
        return f"link_{self.what}"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address of a task's link, known before the task has done anything."""
        index = ti_key.map_index if ti_key.map_index is not None and not self.made_by else -1
        asked = {
            "dag_id": ti_key.dag_id,
            "run_id": ti_key.run_id,
            "task_id": self.made_by or ti_key.task_id,
            "map_index": index,
            "what": self.what,
        }
        below = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        return f"{below}{ADDRESS}?{urlencode(asked)}"


QUALITY = TaskLink("Data quality", "report", "validate")
RUN_REPORT = TaskLink("Report of the run", "report", "report")
LINKS: dict[str, tuple[TaskLink, ...]] = {
    "validate": (QUALITY,),
    "data_gate": (QUALITY,),
    "collapse": (TaskLink("Classes", "report"), TaskLink("Hierarchy", "hierarchy")),
    "train_classifier": (TaskLink("MLflow run", MLFLOW),),
    "train_semseg": (TaskLink("MLflow run", MLFLOW),),
    "evaluate": (TaskLink("MLflow run", MLFLOW), TaskLink("Errors", "errors"), TaskLink("Boxes", "boxes")),
    "gate": (RUN_REPORT,),
    "report": (RUN_REPORT,),
    "train_detector": (TaskLink("MLflow run", MLFLOW),),
    "compare_detector": (TaskLink("Comparison", "report"), TaskLink("MLflow run", MLFLOW)),
    "compare_variants": (TaskLink("Variants", "report"),),
}


def links_of(job: str) -> Sequence[TaskLink]:
    """The links of a job's task."""
    return LINKS.get(job, ())
