"""The one task factory: a job becomes a child process or a pod, as `OI_EXECUTION` says.

A DAG names the job, the profile and the ids of its inputs. Both kinds of task run the same command, `oi <job>`, which
writes a small result under a key of the store; the task reads it there, so pods need no XCom sidecar.
"""

import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, BaseOperator, Context, XComArg, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from oi_tasks.errors import OiError, coded
from oi_tasks.pods.manifest import TRAINING, job_words
from oi_tasks.results import result_key
from oi_tasks.settings import settings

import notify
from forms import NEWEST
from links import links_of

DATASET = Asset("oi_dataset", uri="oi://dataset")
DEFAULTS = {
    "owner": "open-images",
    "retries": 1,
    "retry_delay": timedelta(seconds=10),
    "on_failure_callback": notify.failed,
}
BY_HAND: dict[str, Any] = {
    "schedule": None,
    "catchup": False,
    "max_active_runs": 1,
    "is_paused_upon_creation": False,
    "default_args": DEFAULTS,
}
"""How a DAG is that runs when a person starts it."""
FINAL_EXITS = (2, 3)  # bad input, a gate's refusal: a retry would say the same
SHOWN = "shown"


@task(inlets=[DATASET])
def dataset(params: dict[str, Any], *, inlet_events: Any, triggering_asset_events: Any) -> dict[str, Any]:
    """The dataset that started this run; on a timer or by hand, the newest one, of the profile that the form names."""
    events = list(triggering_asset_events.get(DATASET, [])) or list(inlet_events[DATASET])
    if not events:
        raise AirflowSkipException(coded("no dataset is published yet: run oi_ingest first", "no_dataset"))
    found = [dict(event.extra) for event in events]
    if params["profile"] != NEWEST:
        name = _in_words(params["profile"])["name"]
        found = [extra for extra in found if extra["profile"]["name"] == name]
        if not found:
            what = f"no dataset of the profile {name} is published yet: run oi_ingest with it first"
            raise AirflowFailException(coded(what, "no_dataset"))
    return found[-1]


@task
def profile(params: dict[str, Any]) -> dict[str, Any]:
    """Read the profile that the form names once, so that the whole run goes by the same one."""
    return _in_words(params["profile"], params.get("source"))


def _in_words(name: str, source: str | None = None) -> dict[str, Any]:
    """A profile, on another release if one is named. What cannot be is said in a line, and not tried again."""
    from oi_tasks.profile import load_profile, with_source

    try:
        found = load_profile(name)
        return (with_source(found, source) if source else found).model_dump(mode="json")
    except OiError as error:
        raise AirflowFailException(error.line) from None


@task
def cluster_fields(planned: dict[str, Any], params: dict[str, Any]) -> list[dict[str, str]]:
    """One set of fields for each cluster to train."""
    there = planned["result"]["clusters"]
    if unknown := sorted(set(params.get("clusters") or ()) - set(there)):
        what = f"there is no cluster {', '.join(unknown)} to train; there are {', '.join(there) or 'none'}"
        raise AirflowFailException(coded(what, "not_found"))
    return [{"cluster": name} for name in there]


@task(trigger_rule="all_done")
def trained(models: Any) -> list[dict[str, Any]]:
    """What the trainings of the clusters returned: one that failed, or was not to be, keeps none of the others back."""
    return [dict(model) for model in models or ()]


class JobTask:
    """What both kinds of task share: the command that runs the job, and where its result stands."""

    job: str
    profile: Any
    inputs: dict[str, Any]
    mapped: dict[str, Any]
    job_fields: Sequence[str] = ("profile", "inputs", "mapped")

    def sets(self) -> dict[str, Any]:
        """The job's fields: an upstream task's result stands for the id of its output, a list of them for theirs."""
        given = {**self.inputs, **self.mapped}
        # What names a mapped task on the page is no field of its job.
        return {name: _id_of(value) for name, value in given.items() if value is not None and name != SHOWN}

    def arguments_for(self, context: Context) -> list[str]:
        """The words after `oi`."""
        params = context["params"]
        force = bool(params.get("force")) or self.sets().get("cluster") in (params.get("clusters") or ())
        return job_words(self.job, self.profile, self.sets(), self.result_key(context), force)

    def result_key(self, context: Context) -> str:
        """Where in the work bucket the result of this task is written."""
        ti = context["ti"]
        return result_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)

    def pre_execute(self, context: Any) -> None:
        """Show the links from the start; by itself Airflow shows them at the end."""
        ti = context["ti"]
        for link in links_of(self.job):
            ti.xcom_push(key=link.xcom_key, value=link.get_link(self, ti_key=ti))

    def read_result(self, context: Context) -> dict[str, Any]:
        """What the job wrote."""
        from oi_tasks.io.store import WORK, Store

        result: dict[str, Any] = Store(settings()).get_json(WORK, self.result_key(context))
        return result


def _id_of(value: Any) -> Any:
    """The id that an upstream result stands for; whatever else is given stays as it is."""
    if isinstance(value, dict) and "id" in value:
        return value["id"]
    if isinstance(value, (list, tuple)) or type(value).__name__ == "LazyXComSequence":
        return [_id_of(item) for item in value]
    return value


class ProcessJobOperator(JobTask, BaseOperator):
    """Runs a job as a child process of the task."""

    template_fields = JobTask.job_fields

    def __init__(
        self, *, job: str, profile: Any, inputs: dict[str, Any], mapped: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.job, self.profile, self.inputs, self.mapped = job, profile, inputs, mapped or {}
        self.operator_extra_links = links_of(job)
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the job to its end. Bad input and refusals fail the task for good; other failures may be retried."""
        command = [str(Path(sys.executable).with_name("oi")), *self.arguments_for(context)]
        self.log.info("%s", shlex.join(command))
        last: deque[str] = deque(maxlen=1)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.info("%s", line.rstrip())
            last.append(line.strip())
        code = self._process.wait()
        if code != 0:
            failure = AirflowFailException if code in FINAL_EXITS else AirflowException
            said = last[0] if last else "it said nothing"
            raise failure(coded(f"{self.job} ended with status {code}: {said}", "step_failed"))
        return self.read_result(context)

    def on_kill(self) -> None:
        """Ask the job to stop: a training job saves its state."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


def _operator() -> tuple[type[BaseOperator], Any]:
    """The class of task for `OI_EXECUTION`, and a function that gives a job's own arguments for it."""
    if settings().execution == "local":
        return ProcessJobOperator, lambda job: {"max_active_tis_per_dagrun": 1 if job in TRAINING else None}
    from pods import PodJobOperator, pod_arguments

    return PodJobOperator, pod_arguments


def job(
    name: str, profile: Any, *, trigger_rule: str = "all_success", outlets: Sequence[Asset] = (), **inputs: Any
) -> Any:
    """A task that runs a job. Inputs are results of other tasks, or plain values; returns its result as an XComArg.

    `outlets`: the assets that its success publishes.
    """
    operator, arguments = _operator()
    own = {key: value for key, value in arguments(name).items() if value is not None}
    own |= {"trigger_rule": trigger_rule, "outlets": list(outlets)}
    task = operator(task_id=name, job=name, profile=profile, inputs=inputs, **own)
    return task.output


def mapped_job(name: str, profile: Any, over: XComArg, label: str, **inputs: Any) -> Any:
    """A task for each item of a list of fields; returns their results.

    `label` names the field that the page shows: one of the job's, or `shown`, which is for the page alone.
    """
    operator, arguments = _operator()
    own = {key: value for key, value in arguments(name).items() if value is not None}
    shown = "{{ task.mapped['" + label + "'] }}"
    task = operator.partial(task_id=name, job=name, profile=profile, inputs=inputs, map_index_template=shown, **own)
    made = task.expand(mapped=over)
    made.operator_extra_links = links_of(name)  # by itself it takes those of the class, which has none
    return made.output
