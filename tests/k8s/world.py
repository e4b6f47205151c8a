"""A real Airflow on a real cluster, with toy DAGs; and all that is seen of them: their steps, logs, pods and events."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from oi_tasks.errors import OiError
from oi_tasks.io.store import WORK, Store
from oi_tasks.local import keys, processes, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.airflow_api import Airflow, Run, Step
from oi_tasks.local.outcome import Key, finished, log_tail
from oi_tasks.local.servers import job_env
from oi_tasks.results import result_key
from oi_tasks.settings import Settings
from tests.k8s.toys import Toy, write_all
from tests.shared_cluster import Cluster

BRIDGE = "10.88.0.1"  # this machine, as pods of the cluster see it
PATIENCE = 400.0  # seconds, on a busy machine
ID = "d" * 20  # what the steps whose program is not the real one are said to have made
Moment = dict[tuple[str, str, str, int], Step]  # every step of every run


class World:
    """MinIO, MLflow and Airflow where pods reach them; every change of a step and of a pod is kept."""

    def __init__(self, folder: Path, toys: dict[str, Toy], cluster: Cluster, namespace: str) -> None:
        self.state, self.folder, self.cluster, self.namespace = folder / "state", folder, cluster, namespace
        self.places = Addresses.free(BRIDGE)
        self.moments: list[Moment] = []
        self._over = Event()
        self._watched = folder / "pods.json"
        write_all(folder, toys)
        self.start()
        lines = keys.read(self.state / "env")
        self.for_pods = job_env(lines)
        self.settings = Settings(_env_file=self.state / "env", cache=self.state / "cache")
        self.store = Store(self.settings)
        self.airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
        command = [cluster.program, "--kubeconfig", cluster.kubeconfig, "-n", namespace, "get", "pods", "-w", "-o"]
        with self._watched.open("wb") as file:
            self._kubectl = subprocess.Popen([*command, "json", "--output-watch-events"], stdout=file)
        self._looker = Thread(target=self._look, daemon=True)
        self._looker.start()
        try:
            for name in toys:
                self.until(lambda name=name: self.airflow.dag_exists(name), f"the DAG {name} is read")
        except BaseException:
            self.stop()  # nobody has this world yet who could
            raise

    def start(self) -> None:
        """Start what does not run."""
        services.start(self.state, ("minio", "mlflow", "airflow"), self.places, dags=self.folder / "toy_dags")

    def stop(self) -> None:
        """End all of it."""
        self._over.set()
        self._kubectl.terminate()
        self._kubectl.wait()
        self._looker.join()

    def kill_airflow(self) -> None:
        """As a node that dies does: scheduler, triggerer and all their children, without a word."""
        record = processes.load(self.state, "airflow")
        assert record is not None
        for member in processes.family(record):
            with suppress(Exception):
                member.send_signal(signal.SIGKILL)
        self.until(lambda: not processes.alive(record), "Airflow is dead")

    def trigger(self, name: str, dag: str, results: tuple[str, ...] = (), **conf: Any) -> Run:
        """A run of that name, which goes on once its DAG is unpaused.

        `results`: the steps of which the store is given what their jobs would have written.
        SQLite may be locked: with a name of its own a run can be asked for again, and is still only one.
        """
        for place in results:
            task, _, index = place.partition("-")
            self.store.put_json(WORK, result_key(dag, name, task, int(index or -1)), {"id": ID})
        asked = {"dag_run_id": name, "logical_date": None, "conf": conf}

        def there() -> bool:
            with suppress(OiError):
                self.airflow._ask("POST", f"/dags/{dag}/dagRuns", json=asked)
            return self.airflow.run(dag, name).active

        self.until(there, f"a run of {dag} is started")
        return self.airflow.run(dag, name)

    def tell(self, file: str) -> None:
        """Let the programs that wait for this file go on."""
        (self.folder / "bin" / file).touch()

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(OiError):
                if done():
                    return
            time.sleep(0.5)
        raise AssertionError(f"it does not come to that: {what}\n{self.evidence()}")

    def step(self, run: Run, job: str = "tables") -> Step:
        """The step of a run as it is now."""
        (found,) = [step for step in self.airflow.steps(run) if step.task_id == job]
        return found

    def ended(self, run: Run, job: str = "tables") -> Step:
        """The step of a run once it has ended, or waits for its next try."""
        over = ("success", "failed", "up_for_retry")
        self.until(lambda: self.step(run, job).state in over, f"{job} of {run.id} ends")
        return self.step(run, job)

    def states(self, run: Run) -> set[tuple[str, int]]:
        """The states in which the steps of a run were seen, each with its try."""
        return {
            (step.state, step.try_number)
            for moment in self.moments
            for step in moment.values()
            if step.run_id == run.id and step.dag_id == run.dag_id and step.state is not None
        }

    def told(self, run: Run) -> list[Step]:
        """Each step that the terminal says to have ended or failed, by one who followed the run in it."""
        said: list[Step] = []
        before: dict[Key, Step] = {}
        for moment in self.moments:
            now = [step for step in moment.values() if (step.dag_id, step.run_id) == (run.dag_id, run.id)]
            said += finished(before, now)
            before = {step.key: step for step in now}
        return said

    def log(self, step: Step, attempt: int = 0) -> list[tuple[datetime, str]]:
        """The lines of a step's log as Airflow serves them to its page, each with its moment."""
        asked = replace_try(step, attempt or step.try_number)
        messages = [message for message in self.airflow.log(asked) if message.get("timestamp")]
        return [(datetime.fromisoformat(one["timestamp"]), line) for one in messages for line in log_tail([one], 1000)]

    def pods(self, run: Run) -> dict[str, str]:
        """The uid and phase of each pod of a run that is not on its way out."""
        return {
            pod["metadata"]["uid"]: pod["status"].get("phase", "")
            for pod in self.cluster.pods(self.namespace)
            if of_run(pod, run) and "deletionTimestamp" not in pod["metadata"]
        }

    def changes(self, run: Run | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every change of a run's pods (or of all) in its order: its kind, such as MODIFIED, and the pod after it."""
        text, at = self._watched.read_text(errors="ignore"), 0  # it is being written: it may end within a letter
        while at < len(text):
            try:
                change, at = json.JSONDecoder().raw_decode(text, at)
            except ValueError:
                return  # the last is not yet written to its end
            while at < len(text) and text[at].isspace():
                at += 1
            if run is None or of_run(change["object"], run):
                yield change["type"], change["object"]

    def events(self, run: Run) -> list[str]:
        """What the cluster says of a run's pods."""
        names = {pod["metadata"]["name"] for _, pod in self.changes(run)}
        found = self.cluster.read("-n", self.namespace, "events", "--sort-by=.metadata.creationTimestamp")["items"]
        own = [event for event in found if event["involvedObject"].get("name") in names]
        return [f"{event['involvedObject']['name']}: {event['reason']}: {event.get('message', '')}" for event in own]

    def evidence(self, *runs: Run) -> str:
        """The pods of runs (or all) with each change of theirs, and their events, to be read by a person."""
        lines = [
            line
            for run in runs or (None,)
            for kind, pod in self.changes(run)
            for line in [f"{pod['metadata']['name']} {kind} {pod['status'].get('phase')} {told_of(pod)}"]
        ]
        shown = list(dict.fromkeys(lines))
        return "\n".join([*shown, *(event for run in runs for event in self.events(run))])

    def _look(self) -> None:
        """Note the state of every step, again and again."""
        while not self._over.wait(2):
            with suppress(OiError):
                path = "/dags/~/dagRuns/~/taskInstances"
                steps = [Step.model_validate(said) for said in self.airflow._pages(path, "task_instances")]
                self.moments.append({(step.run_id, *step.key): step for step in steps})


def replace_try(step: Step, attempt: int) -> Step:
    """The same step in one of its tries."""
    return step.model_copy(update={"try_number": attempt})


def of_run(pod: dict[str, Any], run: Run) -> bool:
    """Whether a pod is of a run: its result has the run's name."""
    return f"runs/{run.dag_id}/{run.id}/" in json.dumps(pod["spec"])


def told_of(pod: dict[str, Any]) -> str:
    """What a pod's status gives as reasons."""
    status = pod["status"]
    states = [state for one in status.get("containerStatuses", []) for state in one["state"].values()]
    conditions = [one.get("message") for one in status.get("conditions", []) if one["status"] == "False"]
    reasons = [status.get("reason"), *(state.get("reason") for state in states), *conditions]
    return "; ".join(dict.fromkeys(str(reason) for reason in reasons if reason))


def in_namespace(toy: Toy, namespace: str) -> Toy:
    """The same toy, with its pods in a namespace of its own."""
    return replace(toy, settings=toy.settings | {"OI_NAMESPACE": namespace})
