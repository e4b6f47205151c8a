"""`make demo`: the servers, one ingest and the retrain it starts, followed until a model is promoted."""

from pathlib import Path
from typing import Any

import urllib3
from rich.console import Console
from tenacity import RetryError, Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed
from urllib3.exceptions import HTTPError

from oi_tasks.errors import BadInput, OiError, Refused
from oi_tasks.local import keys, services
from oi_tasks.local.airflow_api import Airflow, NotYet, Refusal, Run, Step
from oi_tasks.local.exclusive import Say
from oi_tasks.local.follow import INGEST, PATIENCE, RETRAIN, Follower
from oi_tasks.local.outcome import End, Outcome, Values, cannot_end_well, log_tail, reasons
from oi_tasks.profile import load_profile

MODEL = "oi-cascade"
PAGES = {"validate": "quality"}  # what a step's page is called, where not as the step
DAGS_READ = 120.0  # seconds until Airflow must have read the DAG files


class StepFailed(OiError):
    """A step, or a run as a whole, did not end well."""


class Interrupted(OiError):
    """The person stopped looking; what was started goes on."""

    exit_code = 130


def demo(state: Path, profile: str, dags: Path | None, console: Console) -> None:
    """Run the demo. Raises StepFailed, Refused (the gate's reasons) or what stands in the way of the servers."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    load_profile(profile)  # a name that is wrong is said at once, not after the servers' start
    try:
        running = services.start(state, dags=dags, say=say)
        lines = keys.read(running.state / "env")
        airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
        _wait_for_dags(airflow)
        follower = Follower(airflow, console, *_runs(airflow, profile, say))
        ended = follower.follow()
    except KeyboardInterrupt:
        fix = "`make demo` follows it again, `make stop` ends the servers"
        raise Interrupted("no longer watching; the servers and the run go on", fix=fix, code="interrupted") from None
    _tell_end(airflow, follower, ended, say)
    _tell_addresses(lines, running.state / "env", follower.values, say)
    if ended.end is End.REFUSED:
        raise Refused("the candidate was not promoted; the reasons are above", code="gate")


def _wait_for_dags(airflow: Airflow) -> None:
    """Wait until Airflow has read both DAGs, and let them run."""

    def missing() -> list[str]:
        return [dag for dag in (INGEST, RETRAIN) if not airflow.dag_exists(dag)]

    try:
        Retrying(retry=retry_if_result(bool), wait=wait_fixed(1), stop=stop_after_delay(DAGS_READ))(missing)
    except RetryError as error:
        why = "; ".join(airflow.import_errors()) or f"no file defines it after {DAGS_READ:.0f} s"
        raise BadInput(
            f"Airflow has no DAG {' and '.join(error.last_attempt.result())}: {why}", code="airflow"
        ) from None
    for dag in (RETRAIN, INGEST):  # the retrain first: it must be awake when the ingest's asset comes
        airflow.unpause(dag)


def _runs(airflow: Airflow, profile: str, say: Say) -> tuple[Run | None, Run | None]:
    """The ingest and the retrain to follow: those in progress for the profile, else a new ingest."""
    default = airflow.default(INGEST, "profile")
    others = []
    for run in airflow.active_runs(INGEST):
        if _profile(run.conf, default) == profile and not cannot_end_well(airflow.steps(run)):
            say(f"{INGEST}: a run for the profile {profile} is in progress ({run.id}); following it")
            return run, None
        others.append(run.id)
    for run in airflow.active_runs(RETRAIN):
        source = _source(airflow, run, profile, default)
        if source is not None and not cannot_end_well(airflow.steps(run)):
            say(f"{RETRAIN}: a run for the profile {profile} is in progress ({run.id}); following it")
            return airflow.run(INGEST, source), run
    try:
        run = airflow.trigger(INGEST, {"profile": profile})
    except Refusal as error:
        raise BadInput(f"{INGEST} does not start with the profile {profile!r}: {error.what}", code="airflow") from None
    say(f"{INGEST}: started with the profile {profile} ({run.id})")
    if others:
        say(f"{INGEST}: it waits for another run to end first ({', '.join(others)})")
    return run, None


def _profile(conf: dict[str, Any] | None, default: Any) -> Any:
    """The profile a run was started with."""
    return (conf or {}).get("profile", default)


def _source(airflow: Airflow, run: Run, profile: str, default: Any) -> str | None:
    """The id of the ingest that started a retrain, if its profile is this one."""
    again = Retrying(
        retry=retry_if_exception_type(NotYet),
        wait=wait_fixed(1),
        stop=stop_after_delay(PATIENCE),
        retry_error_callback=lambda _: [],
    )
    for event in again(airflow.sources, run):
        if event.get("source_dag_id") == INGEST and event.get("source_run_id"):
            ingest = airflow.run(INGEST, event["source_run_id"])
            if _profile(ingest.conf, default) == profile:
                return ingest.id
    return None


def _tell_end(airflow: Airflow, follower: Follower, ended: Outcome, say: Say) -> None:
    """Say how it ended; raise StepFailed unless a gate has spoken."""
    reused, done = len(follower.values.reused), sum(step.state == "success" for step in follower.seen.values())
    if reused:
        say(f"{reused} of {done} steps found their result of an earlier run and reused it")
    if ended.end is End.STEP_FAILED and ended.step is not None:
        _tell_failure(airflow, ended.step, say)
    if ended.end is End.RUN_FAILED and ended.run is not None:
        what = f"the run {ended.run.id} of {ended.run.dag_id} ended as {ended.run.state}, without a verdict"
        raise StepFailed(what, where=f"{airflow.url}/dags/{ended.run.dag_id}/runs", code="step_failed")
    if ended.end is End.NO_RETRAIN:
        what = f"{INGEST} ended well, but its asset started no {RETRAIN} within {PATIENCE:.0f} s"
        raise StepFailed(what, where=f"{airflow.url}/assets", fix=f"is {RETRAIN} paused?", code="no_retrain")
    if ended.end is End.REFUSED and ended.step is not None:
        say("The model is not promoted:")
        for reason in _objections(airflow, follower, ended.step):
            say(f"  - {reason}")


def _objections(airflow: Airflow, follower: Follower, gate: Step) -> list[str]:
    """Why a candidate is not promoted: by the gate, else by the check that it serves, else by a person."""
    for step in (gate, *(step for step in follower.seen.values() if step.job == "serve_check")):
        found = reasons(airflow.value(step))
        if found:
            return found
    return ["the gate had no objection, and the serve check none: a person had, or a step after them"]


def _tell_failure(airflow: Airflow, step: Step, say: Say) -> None:
    """Show the end of a failed step's log, and raise StepFailed."""
    say(f"the end of the log of {step.name}:")
    for line in log_tail(airflow.log(step)) or ["(no log)"]:
        say(f"  | {line}")
    raise StepFailed(f"the step {step.name} of {step.dag_id} failed", where=airflow.page(step), code="step_failed")


def _tell_addresses(lines: dict[str, str], env_file: Path, values: Values, say: Say) -> None:
    """Say where to look."""
    champion = _champion(lines["OI_MLFLOW_URL"])
    if champion:
        say(f"The champion of {MODEL} is version {champion}.")
    say(f"  Airflow   {lines['OI_AIRFLOW_URL']}  user {lines['OI_AIRFLOW_USER']}, its password is in {env_file}")
    say(f"  registry  {lines['OI_MLFLOW_URL']}/#/models/{MODEL}")
    for step, page in values.pages.items():
        say(f"  {PAGES.get(step, step):<8}  {lines['OI_STORE_ENDPOINT']}/{page}")
    say("`make status` tells what runs, `make stop` ends it.")


def _champion(mlflow_url: str) -> str:
    """The version of the cascade that is in use; empty if there is none."""
    try:
        address = f"{mlflow_url}/api/2.0/mlflow/registered-models/alias?name={MODEL}&alias=champion"
        reply = urllib3.request("GET", address, timeout=10, retries=False)
        return str(reply.json()["model_version"]["version"]) if reply.status == 200 else ""
    except (HTTPError, ValueError, KeyError):
        return ""
