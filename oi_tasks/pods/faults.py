"""Why a pod does not start, or failed, in one line that says what to change. Pods are in the words of the API."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes.utils import parse_quantity

from oi_tasks.errors import coded
from oi_tasks.pods.manifest import BASE, kind_of
from oi_tasks.profile import Pod

IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
SAYS_ITSELF = {2, 3}  # bad input, a gate's refusal: the job's last line says what is wrong
SAVED = 75
# As the API server's quota plugin says it: lists such as requests.cpu=2,requests.memory=1Gi, of what is exceeded.
QUOTA = re.compile(
    r"exceeded quota: (?P<name>\S+), requested: (?P<asked>\S+), used: (?P<used>\S+), limited: (?P<limit>[^\s\"]+)"
)
DEMANDS = re.compile(r"failed quota: (?P<name>[^:\s]+): must specify (?P<what>[^;\"]+)")
UNCOUNTED = re.compile(r"status unknown for quota: (?P<name>[^,\s\"]+)")  # one made a moment ago


@dataclass(frozen=True)
class Fault:
    """What is wrong with a pod."""

    text: str
    code: str
    final: bool = False
    """Whether a retry would end the same way."""

    def __str__(self) -> str:
        return " ".join(self.text.split())

    @property
    def line(self) -> str:
        """The same with its code at the end; where the job's own last line has one, that stands."""
        return coded(self.text, self.code)


def start_fault(pod: Mapping[str, Any]) -> Fault | None:
    """What keeps a pod from starting; None while it may still start by itself.

    A pod that waits for a node is not at fault: a queue for GPUs may be long.
    """
    waiting = (_base_state(pod).get("waiting")) or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    where = f"namespace {pod['metadata'].get('namespace', 'default')}"
    if reason in IMAGE:
        image = _base(pod).get("image", "")
        fix = (
            "push it, or set OI_TRAINER_IMAGE; a registry that asks for a login needs imagePullSecrets in the template"
        )
        return Fault(f"the image {image} cannot be pulled: {message or reason} ({where}); {fix}", "image")
    if reason in CONFIG:
        fix = "make it: `oi doctor` tells what a pod needs" if "not found" in message else "see the pod template"
        return Fault(f"the container cannot be made: {message or reason} ({where}); {fix}", "container")
    return None


def quota_fault(refusal: str, job: str, size: Pod) -> Fault | None:
    """That the namespace's quota has no room for a pod, by the words in which the API refuses it; None for other words.

    It is final when the pod asks for more than the whole quota. Pods that wait for a node count as if they had one.
    """
    if lacks := DEMANDS.search(refusal):
        text = f"the quota {lacks['name']} asks that the pod of {job} says {lacks['what']}"
        fix = "set it in the pod template (OI_POD_TEMPLATES), or give the namespace a LimitRange"
        return Fault(f"{text}; {fix}", "quota", final=True)
    if new := UNCOUNTED.search(refusal):
        text = f"there is no room for the pod of {job} before what uses the quota {new['name']} is counted"
        return Fault(text, "quota")
    found = QUOTA.search(refusal)
    if found is None:
        return None
    asked, limit = (dict(pair.split("=", 1) for pair in found[group].split(",")) for group in ("asked", "limit"))
    never = [name for name, amount in asked.items() if parse_quantity(amount) > parse_quantity(limit[name])]
    text = f"the quota {found['name']} has no room for the pod of {job}: it asks for {found['asked']}"
    if never:
        fix = f"see pods.{kind_of(job)} in the profile, which asks for {_asks(size)}, or raise the quota"
        return Fault(f"{text}, and the whole quota is {found['limit']}; {fix}", "quota", final=True)
    return Fault(f"{text}, and {found['used']} of {found['limit']} is used", "quota")


def unscheduled(pod: Mapping[str, Any]) -> str:
    """Why no node takes the pod, in the scheduler's words; empty once one has."""
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("message") or condition.get("reason") or "it waits for a node")
    return ""


def end_fault(pod: Mapping[str, Any], job: str, size: Pod) -> Fault:
    """Why a pod that has ended, or that was given up, did not do its job."""
    status, field = pod.get("status", {}), f"pods.{kind_of(job)}"
    ended = _base_state(pod).get("terminated") or {}
    code = ended.get("exitCode")
    if status.get("reason") == "DeadlineExceeded":
        return Fault(
            f"{job} ran for {size.hours:g} hours, the limit, and was stopped; raise {field}.hours if it needs more",
            "too_long",
        )
    if ended.get("reason") == "OOMKilled":
        less = ", or lower the batch" if kind_of(job) == "gpu" else ""
        text = f"{job} was killed for want of memory (OOMKilled): its pod may use {size.memory}"
        return Fault(f"{text}; raise {field}.memory in the profile{less}", "pod_memory", final=True)
    if status.get("reason") == "Evicted":
        return Fault(f"the node evicted the pod of {job}: {status.get('message', '')}", "evicted")
    if code in SAYS_ITSELF:
        return Fault(f"{job} ended with status {code}: {_last_line(ended)}", "step_failed", final=True)
    if (taken := _disruption(status)) or code == SAVED:
        return Fault(
            f"the pod of {job} was stopped by the cluster: {taken or _last_line(ended)}; a retry goes on from there",
            "evicted",
        )
    if code is not None:
        return Fault(f"{job} ended with status {code}: {_last_line(ended)}", "step_failed")
    if why := unscheduled(pod):
        return Fault(
            f"no node took the pod of {job}: {why}; it asks for {_asks(size)}, see {field} in the profile", "no_node"
        )
    return start_fault(pod) or Fault(
        f"the pod of {job} failed: {status.get('message') or status.get('phase', 'unknown')}", "step_failed"
    )


def _asks(size: Pod) -> str:
    gpus = f", {size.gpus} GPUs" if size.gpus else ""
    return f"{size.cpu} cores, {size.memory}{gpus}"


def _disruption(status: Mapping[str, Any]) -> str:
    """Why the cluster took the pod away, if it did."""
    for condition in status.get("conditions") or []:
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return str(condition.get("message") or condition.get("reason"))
    return ""


def _base(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    found = [one for one in pod.get("spec", {}).get("containers") or [] if one.get("name") == BASE]
    return found[0] if found else {}


def _base_state(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of the container that runs the job."""
    for one in pod.get("status", {}).get("containerStatuses") or []:
        if one.get("name") == BASE:
            state: Mapping[str, Any] = one.get("state") or {}
            return state
    return {}


def _last_line(ended: Mapping[str, Any]) -> str:
    """The last thing the job said; the kubelet keeps the end of its output."""
    lines = [line.strip() for line in (ended.get("message") or "").splitlines() if line.strip()]
    return lines[-1] if lines else str(ended.get("reason") or "it said nothing")
