"""A job as a pod: `oi_tasks.pods` says how it looks and why it failed; here it becomes a task that holds no worker."""

import json
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodManager
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from kubernetes.client import ApiClient, ApiException
from kubernetes.client import models as k8s
from oi_tasks.errors import OiError
from oi_tasks.pods.faults import end_fault, quota_fault, start_fault
from oi_tasks.pods.manifest import input_labels, kind_of, pod_manifest
from oi_tasks.profile import Pod, Pods
from oi_tasks.settings import settings
from pause import Pause
from pod_logs import PodLogTrigger, lines_after, seconds_back, stamp
from tenacity import retry, stop_after_attempt, wait_exponential

from jobs import JobTask
from links import links_of

LOOK = 30  # seconds after which a pod that has a node and does not start is looked at
START = 1800  # seconds it may take: an image of several GB on a new node
QUEUE = 12 * 3600  # seconds a pod may wait for a node, or for room in a quota
ROOM, LONG = 30, 300  # seconds until a namespace without room is asked again: at first, and at the most


class PodJobOperator(JobTask, KubernetesPodOperator):
    """Runs a job in a pod, without holding a worker while it waits."""

    template_fields = (*KubernetesPodOperator.template_fields, *JobTask.job_fields)

    def __init__(
        self, *, job: str, profile: Any, inputs: dict[str, Any], mapped: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.job, self.profile, self.inputs, self.mapped = job, profile, inputs, mapped or {}
        self.operator_extra_links = links_of(job)

    @property
    def size(self) -> Pod:
        """How large the profile wants the pod."""
        found: Pod = getattr(Pods.model_validate(self.profile["pods"]), kind_of(self.job))
        return found

    def build_pod_request_obj(self, context: Context | None = None, *, dry_run: bool = False) -> k8s.V1Pod:
        """The pod as `oi pod` shows it, with Airflow's labels and a suffix to its name."""
        assert context is not None
        pods, labels = Pods.model_validate(self.profile["pods"]), input_labels(self.job, self.sets())
        try:
            self.pod_template_dict = pod_manifest(self.job, pods, self.arguments_for(context), labels, settings())
        except OiError as error:
            raise AirflowFailException(error.line) from None
        return super().build_pod_request_obj(context, dry_run=dry_run)

    def trigger_reentry(self, context: Context, event: dict[str, Any]) -> Any:
        """When there is news of the pod: wait on while it may still start, else end the task.

        Returns what the job wrote to the store. Raises AirflowFailException where a retry would end the same way.
        """
        pod = self._found(event)
        if pod is not None and _not_started(pod):
            if start_fault(_plain(pod)) is None and _starting_for(pod) < START:
                self.pod = pod
                self.invoke_defer_method(context=context)  # raises TaskDeferred
            event = event | {"status": "timeout"}  # with any other the operator would wait for its end, which is never
        super().trigger_reentry(context, event)
        result = self.read_result(context)
        context["ti"].xcom_push(key="return_value", value=result)  # the operator keeps do_xcom_push for its sidecar
        return result

    def defer(self, *, trigger: KubernetesPodTrigger, **kwargs: Any) -> None:
        """Wait, with the trigger that logs every line once."""
        super().defer(trigger=PodLogTrigger.of(trigger), **kwargs)

    @cached_property
    def pod_manager(self) -> PodManager:
        """What makes the pod."""
        return QuietPodManager(kube_client=self.client, callbacks=self.callbacks)

    def get_or_create_pod(self, pod_request_obj: k8s.V1Pod, context: Context) -> k8s.V1Pod:
        """The pod. While its namespace has no room for it, wait for that, and hold no worker."""
        try:
            return super().get_or_create_pod(pod_request_obj, context)
        except ApiException as error:
            fault = quota_fault(_refusal(error), self.job, self.size)
            if fault is None:
                raise
            waited = (datetime.now(UTC) - context["ti"].start_date).total_seconds()
            if fault.final or waited > QUEUE:
                raise AirflowFailException(fault.line) from None
            pause = min(LONG, max(ROOM, waited / 10))  # each time that it is asked takes a worker for some seconds
            self.log.info("%s; asked again in %.0f s", fault, pause)
            raise TaskDeferred(trigger=Pause(pause), method_name="execute_again") from None

    def execute_again(self, context: Context, event: Any) -> Any:
        """Begin anew, when there may be room."""
        return self.execute(context)

    @retry(stop=stop_after_attempt(3), wait=wait_exponential(max=15), reraise=True)
    def _write_logs(self, pod: k8s.V1Pod, follow: bool = False, since_time: str | None = None) -> None:
        """Log the lines that the trigger has not."""
        read = self.client.read_namespaced_pod_log(
            name=pod.metadata.name,
            namespace=pod.metadata.namespace,
            container=self.base_container_name,
            follow=follow,
            timestamps=True,
            since_seconds=seconds_back(since_time),
            _preload_content=False,
        )
        lines = (line.decode("utf-8", errors="backslashreplace").rstrip("\n") for line in read)
        for line in lines_after(lines, since_time):
            self.log.info("[%s] %s", self.base_container_name, line.removeprefix(stamp(line)).removeprefix(" "))

    def cleanup(self, pod: k8s.V1Pod, remote_pod: k8s.V1Pod, *args: Any, **kwargs: Any) -> None:
        """Delete the pod; of one that failed, say why and what to change."""
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except AirflowException:
            fault = end_fault(_plain(remote_pod), self.job, self.size)
            raise (AirflowFailException if fault.final else AirflowException)(fault.line) from None

    def _found(self, event: dict[str, Any]) -> k8s.V1Pod | None:
        """The pod of an event as it is now; None when it is gone."""
        try:
            return self.hook.get_pod(event["name"], event["namespace"])
        except ApiException as error:
            if error.status == 404:
                return None
            raise


class QuietPodManager(PodManager):
    """Makes pods, and leaves it to the task to say why one cannot be made: not the whole of its manifest."""

    def run_pod_async(self, pod: k8s.V1Pod, **kwargs: Any) -> k8s.V1Pod:
        """Make a pod. Raises ApiException."""
        plain = self._client.api_client.sanitize_for_serialization(pod)
        return self._client.create_namespaced_pod(body=plain, namespace=pod.metadata.namespace, **kwargs)


def _refusal(error: ApiException) -> str:
    """Why the API refuses, in its own words."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body or error.reason)


def _plain(pod: k8s.V1Pod) -> dict[str, Any]:
    """A pod in the words of the API."""
    plain: dict[str, Any] = ApiClient().sanitize_for_serialization(pod)
    return plain


def _not_started(pod: k8s.V1Pod) -> bool:
    """Whether the pod has a node and no container has begun."""
    return pod.status.phase == "Pending" and pod.status.start_time is not None


def _starting_for(pod: k8s.V1Pod) -> float:
    """Seconds since a node took the pod."""
    return float((datetime.now(UTC) - pod.status.start_time).total_seconds())


def pod_arguments(job: str) -> dict[str, Any]:
    """How Airflow starts and watches the pod of a job."""
    found = settings()
    return {
        "kubernetes_conn_id": None,
        "config_file": str(found.kubeconfig) if found.kubeconfig else None,
        "in_cluster": found.kubeconfig is None,
        "deferrable": True,
        "poll_interval": 1.0,
        "logging_interval": 15,
        "startup_check_interval_seconds": 1,
        "startup_timeout_seconds": LOOK,
        "schedule_timeout_seconds": QUEUE,
        "retries": 4,  # a spot node may be taken away more than once
        "on_finish_action": "delete_pod",
        "log_events_on_failure": True,
        "log_pod_spec_on_failure": False,
        "termination_message_policy": "FallbackToLogsOnError",
    }
