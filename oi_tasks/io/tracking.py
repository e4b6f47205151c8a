"""MLflow: runs, numbers, models and their aliases, behind the few calls that jobs make."""

import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from oi_tasks.errors import BadInput, Unreachable
from oi_tasks.settings import Settings

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENTS = {
    "train_classifier": (
        "oi classifier",
        "Trainings of the classifier. Headline figures are those on the tune photos.",
    ),
    "train_semseg": ("oi masks", "Trainings of the clusters' masks. Headline figures are those on the tune photos."),
    "train_detector": ("oi detector", "Trainings of the detector. Headline figures are those on the tune photos."),
    "evaluate": ("oi cascade", "Evaluations of candidates. All figures are those on the test photos."),
    "compare_detector": ("oi comparison", "Cascade and detector side by side, on the same test photos."),
}
"""By job: the name of its experiment, which begins with `oi `, and what stands on its page.

Runs of one job stand together, so that all runs of a list have the same figures.
"""
NOTE = "mlflow.note.content"  # what MLflow's pages show as the description
RESULT_TAG = "result"  # of a run: where the job that opened it writes its result, which names the task of Airflow
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "GIT_PYTHON_REFRESH": "quiet",
}
SHORT = 6  # digits of a content key, enough to tell runs apart
ACTIVE = "active"  # the stage of an experiment that is not deleted
METRICS_AT_ONCE = 1000  # MLflow takes no more in a request
# What inference imports, in the versions that trained.
REQUIREMENTS = (
    *("mlflow-skinny", "numpy", "pandas", "pillow", "pydantic"),
    *("safetensors", "scipy", "timm", "torch", "torchvision"),
)


class Tracking:
    """The MLflow server at `OI_MLFLOW_URL`."""

    def __init__(self, settings: Settings, result_to: str | None = None, profile: str = "") -> None:
        self.url, self.profile = settings.mlflow_url.rstrip("/"), profile
        self._tags = {RESULT_TAG: result_to or "", "profile": profile}
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        self._client: MlflowClient | None = None

    @property
    def client(self) -> "MlflowClient":
        """MLflow's own client. Raises Unreachable when the server does not answer."""
        if self._client is None:
            self.check()
            import mlflow

            mlflow.set_tracking_uri(self.url)
            self._client = mlflow.MlflowClient(self.url)
        return self._client

    def check(self) -> None:
        """Raise Unreachable unless an MLflow server answers."""
        import urllib3

        fix = "is it running? `oi up` starts the local one; the address is OI_MLFLOW_URL"
        try:
            answer = urllib3.request(
                "GET", f"{self.url}/health", timeout=5, retries=urllib3.Retry(2, backoff_factor=0.5)
            )
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            what = f"MLflow does not answer: {type(error).__name__}"
            raise Unreachable(what, self.url, fix, "mlflow_down") from None
        if answer.status != 200 or answer.data != b"OK":
            raise Unreachable(f"what answers is not MLflow: status {answer.status}", self.url, fix, "mlflow_down")

    @contextmanager
    def run(
        self, job: str, what: str, key: str, tags: Mapping[str, str], params: Mapping[str, Any]
    ) -> Iterator["TrackedRun"]:
        """A run in the experiment of its job, open while the block runs; an error marks it failed.

        Its name is `what` it is of, the profile, and the first digits of the job's content key.
        """
        import mlflow

        experiment = self._experiment(job)
        named = {"job": job, **{name: value for name, value in self._tags.items() if value}, **tags}
        name = " ".join(filter(None, (what, self.profile, key[:SHORT])))
        with mlflow.start_run(experiment_id=experiment, run_name=name, tags=named, log_system_metrics=True) as active:
            mlflow.log_params({key: str(value)[:500] for key, value in params.items()})
            yield TrackedRun(self, active.info.run_id, active.info.experiment_id)

    def _experiment(self, job: str) -> str:
        """The id of a job's experiment, made if it is the first run, and brought back if somebody deleted it.

        Several may begin at once: whoever comes second finds what the first one did.
        """
        from mlflow.exceptions import MlflowException

        name, about = EXPERIMENTS[job]
        known = self.client.get_experiment_by_name(name)
        try:
            if known is None:
                return str(self.client.create_experiment(name, tags={NOTE: about}))
            if known.lifecycle_stage != ACTIVE:
                self.client.restore_experiment(known.experiment_id)
        except MlflowException as error:
            known = self.client.get_experiment_by_name(name)
            if known is None or known.lifecycle_stage != ACTIVE:
                raise self._down(error) from None
        return str(known.experiment_id)

    def reopen(self, run_id: str) -> "TrackedRun":
        """A run that has ended, to add to it."""
        return TrackedRun(self, run_id, self.client.get_run(run_id).info.experiment_id)

    def alias(self, model: str, alias: str) -> int | None:
        """The version that an alias points to, if any."""
        from mlflow.exceptions import MlflowException

        try:
            return int(self.client.get_model_version_by_alias(model, alias).version)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise self._down(error) from None

    def aliases(self, model: str) -> dict[str, int]:
        """The versions that a model's aliases point to; none where there is no such model."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_registered_model(model).aliases
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise self._down(error) from None
        return {alias: int(version) for alias, version in found.items()}

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point an alias to a version. Two at once can trip over each other in MLflow's database: three tries."""
        from mlflow.exceptions import MlflowException

        retry, stop = retry_if_exception_type(MlflowException), stop_after_attempt(3)
        again = Retrying(retry=retry, stop=stop, wait=wait_fixed(0.5), reraise=True)
        try:
            again(self.client.set_registered_model_alias, model, alias, str(version))
        except MlflowException as error:
            raise self._down(error) from None

    def drop_alias(self, model: str, alias: str) -> None:
        """Take an alias away; one that is not there is no error."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.delete_registered_model_alias(model, alias)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise self._down(error) from None

    def version_exists(self, model: str, version: int) -> bool:
        """Whether the registry has that version."""
        return self.version_tags(model, version) is not None

    def version_tags(self, model: str, version: int) -> dict[str, str] | None:
        """The tags of a version; None where there is none."""
        from mlflow.exceptions import MlflowException

        try:
            return dict(self.client.get_model_version(model, str(version)).tags)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise self._down(error) from None

    def version_with(self, model: str, tag: str, value: str) -> int | None:
        """The newest version whose tag has that value, if any."""
        found = self.client.search_model_versions(f"name = '{model}' and tags.`{tag}` = '{value}'")
        return max((int(one.version) for one in found), default=None)

    def tag(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        """Add tags to a version."""
        for name, value in tags.items():
            self.client.set_model_version_tag(model, str(version), name, value)

    def tag_run(self, run_id: str, name: str, value: str) -> None:
        """Add a tag to a run; one that is gone has nobody to read it."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.set_tag(run_id, name, value)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise self._down(error) from None

    def describe(self, model: str, version: int, text: str) -> None:
        """Write what stands on the page of a version, in Markdown."""
        self.client.update_model_version(model, str(version), text)

    def describe_model(self, model: str, text: str) -> None:
        """Make a model with what stands on its page; of one that is there, an empty page alone is filled."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(model, description=text)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            if not self.client.get_registered_model(model).description:
                self.client.update_registered_model(model, text)

    def download(self, model: str, version: int, to: Path) -> Path:
        """The folder of model files of a version. Raises BadInput when there is no such version."""
        import mlflow

        if not self.version_exists(model, version):
            raise BadInput(f"the registry has no version {version} of {model}", where=self.url, code="not_found")
        to.mkdir(parents=True, exist_ok=True)
        found = Path(mlflow.artifacts.download_artifacts(f"models:/{model}/{version}", dst_path=str(to)))
        flavour = mlflow.models.Model.load(found).flavors["python_function"]
        return found / str(flavour["artifacts"]["model"]["path"])

    def download_whole(self, model: str, version: int, to: Path) -> Path:
        """The folder of a version as MLflow loads it. Raises BadInput when it is not there."""
        import mlflow
        from mlflow.exceptions import MlflowException

        self.client  # noqa: B018 - says at once when the server is down
        to.mkdir(parents=True, exist_ok=True)
        try:
            return Path(mlflow.artifacts.download_artifacts(f"models:/{model}/{version}", dst_path=str(to)))
        except MlflowException as error:
            raise BadInput(" ".join(str(error).split())[:160], where=f"{model}/{version}", code="not_found") from None

    def _down(self, error: Exception) -> Unreachable:
        text = " ".join(str(error).split())[:160]
        return Unreachable(f"MLflow cannot be asked: {text}", self.url, "see its log", "mlflow_down")


class TrackedRun:
    """One run."""

    def __init__(self, tracking: Tracking, run_id: str, experiment_id: str) -> None:
        self._tracking, self.id = tracking, run_id
        self.url = f"{tracking.url}/#/experiments/{experiment_id}/runs/{run_id}"

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Numbers of one step."""
        import mlflow

        named = {_metric_name(name): float(value) for name, value in metrics.items()}
        mlflow.log_metrics(named, step, run_id=self.id)

    def log_steps(self, steps: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Numbers of many steps, in few requests."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [
            Metric(_metric_name(name), value, now, step) for step, found in steps for name, value in found.items()
        ]
        for first in range(0, len(metrics), METRICS_AT_ONCE):
            self._tracking.client.log_batch(self.id, metrics[first : first + METRICS_AT_ONCE])

    def describe(self, text: str) -> None:
        """What stands on the run's page as its description."""
        self._tracking.client.set_tag(self.id, NOTE, text)

    def artifact(self, path: Path, folder: str = "") -> None:
        """A file beside the run."""
        self._tracking.client.log_artifact(self.id, str(path), folder or None)

    def register(self, model: str, folder: Path, *, about: str, summary: str, tags: Mapping[str, str]) -> int:
        """Log a folder of model files as a pyfunc model and register it. Returns the version's number.

        `about` describes the model, `summary` the version.
        """
        import mlflow

        from oi_tasks.models import registered

        with warnings.catch_warnings():  # of pandas, about what MLflow does; and its advice on an example, if none fits
            warnings.simplefilter("ignore")
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=registered.__file__,
                artifacts={"model": str(folder)},
                code_paths=[str(Path(__file__).parents[1])],
                pip_requirements=_pinned(),
                signature=registered.RegisteredModel.signature(),
                input_example=registered.example(folder),
            )
        self._tracking.describe_model(model, about)
        made = self._tracking.client.create_model_version(
            model, logged.model_uri, self.id, dict(tags), description=summary, model_id=logged.model_id
        )
        return int(made.version)


def _metric_name(name: str) -> str:
    """MLflow takes letters, digits, and `_-. /:` in a metric's name."""
    return "".join(letter if letter.isalnum() or letter in "_-. /:" else "_" for letter in name)


def _pinned() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name).split('+')[0]}" for name in REQUIREMENTS]
