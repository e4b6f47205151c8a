"""A job as a pod: the template says how a pod looks, the profile how large it is, the DAG which job it runs."""

from pathlib import Path
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import Context
from kubernetes.client import models as k8s
from oi_tasks.settings import settings

from jobs import POD_TEMPLATES, TRAINING, JobTask


class PodJobOperator(JobTask, KubernetesPodOperator):
    """Runs a job in a pod, without holding a worker while it waits."""

    template_fields = (*KubernetesPodOperator.template_fields, *JobTask.job_fields)

    def __init__(
        self, *, job: str, profile: Any, inputs: dict[str, Any], mapped: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.job, self.profile, self.inputs, self.mapped = job, profile, inputs, mapped or {}

    def build_pod_request_obj(self, context: Context | None = None, *, dry_run: bool = False) -> k8s.V1Pod:
        """The template with this job's words, name, labels and size."""
        assert context is not None
        self.arguments = self.arguments_for(context)
        kind = "gpu" if self.job in TRAINING else "cpu"
        self.container_resources = _resources(self.profile["pods"][kind])
        queue = self.profile["pods"]["queue"]
        self.labels = {"oi/job": self.job} | ({"kueue.x-k8s.io/queue-name": queue} if queue and kind == "gpu" else {})
        return super().build_pod_request_obj(context, dry_run=dry_run)

    def trigger_reentry(self, context: Context, event: dict[str, Any]) -> Any:
        """When the pod is done: its result from the store, as this task's result."""
        super().trigger_reentry(context, event)
        result = self.read_result(context)
        context["ti"].xcom_push(key="return_value", value=result)  # the operator keeps do_xcom_push for its sidecar
        return result


def _resources(pod: dict[str, Any]) -> k8s.V1ResourceRequirements:
    size = {"cpu": pod["cpu"], "memory": pod["memory"]}
    gpus = {"nvidia.com/gpu": str(pod["gpus"])} if pod["gpus"] else {}
    return k8s.V1ResourceRequirements(requests=size | gpus, limits={"memory": pod["memory"]} | gpus)


def pod_arguments(job: str) -> dict[str, Any]:
    """What every pod of a job is started with."""
    found = settings()
    templates: Path = found.pod_templates or POD_TEMPLATES
    return {
        "name": f"oi-{job.replace('_', '-')}",
        "namespace": found.namespace,
        "image": found.trainer_image,
        "cmds": ["oi"],
        "pod_template_file": str(templates / ("gpu.yaml" if job in TRAINING else "cpu.yaml")),
        "env_from": [k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=found.pod_secret))],
        "config_file": str(found.kubeconfig) if found.kubeconfig else None,
        "in_cluster": found.kubeconfig is None,
        "deferrable": True,
        "poll_interval": 1.0,
        "startup_check_interval_seconds": 1,
        "startup_timeout_seconds": 1800,
        "schedule_timeout_seconds": 6 * 3600,
        "on_finish_action": "delete_pod",
        "log_events_on_failure": True,
        "log_pod_spec_on_failure": False,
        "termination_message_policy": "FallbackToLogsOnError",
    }
