"""Why a pod failed, from what the API says of it: each reason is told apart, in one line, with what to change."""

from typing import Any

import pytest

from oi_tasks.pods.faults import end_fault, quota_fault, start_fault, unscheduled
from oi_tasks.profile import Pod

SIZE = Pod(cpu="4", memory="32Gi", gpus=2, hours=12)


def pod(state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """A pod with a container beside the job's, which must not be taken for it."""
    beside = {"name": "proxy", "state": {"terminated": {"exitCode": 1, "reason": "Error", "message": "proxy"}}}
    base = [{"name": "base", "state": state}] if state is not None else []
    return {
        "metadata": {"name": "oi-train-semseg-x", "namespace": "oi"},
        "spec": {"containers": [{"name": "proxy"}, {"name": "base", "image": "oi-trainer:7"}]},
        "status": {"phase": "Failed", "containerStatuses": [beside, *base], **status},
    }


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


PREEMPTED = condition(
    "DisruptionTarget", "True", "PreemptionByScheduler", "preempting to accommodate a higher priority pod"
)
NO_GPU = condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
CASES = {
    "memory": (pod(ended(137, "OOMKilled")), ("OOMKilled", "32Gi", "raise pods.gpu.memory", "batch"), True),
    "hangs": (pod(ended(137), reason="DeadlineExceeded"), ("12 hours", "pods.gpu.hours"), False),
    "evicted": (pod(reason="Evicted", message="low on ephemeral-storage"), ("evicted", "ephemeral-storage"), False),
    "bad input": (pod(ended(2, message="a\noi: no such field\n\n")), ("status 2: oi: no such field",), True),
    "refused": (pod(ended(3, message="oi: refused")), ("status 3: oi: refused",), True),
    "fault": (pod(ended(1, message="oi: a fault")), ("status 1: oi: a fault",), False),
    "killed": (pod(ended(137)), ("status 137: Error",), False),
    "preempted": (pod(ended(143), **PREEMPTED), ("higher priority pod", "a retry goes on"), False),
    "saved": (pod(ended(75, message="oi: stopped")), ("oi: stopped", "a retry goes on"), False),
    "bad input while preempted": (pod(ended(2, message="oi: no"), **PREEMPTED), ("status 2: oi: no",), True),
    "no room": (pod(phase="Pending", **NO_GPU), ("3 Insufficient nvidia.com/gpu", "4 cores, 32Gi, 2 GPUs"), False),
    "unknown": (pod(), ("the pod of train_semseg failed: Failed",), False),
}


@pytest.mark.parametrize("name", CASES)
def test_each_way_to_end_is_told_apart(name: str) -> None:
    found, words, final = CASES[name]
    fault = end_fault(found, "train_semseg", SIZE)
    assert all(word in str(fault) for word in words), str(fault)
    assert "\n" not in str(fault)
    assert fault.final is final


def test_a_step_without_a_batch_is_not_told_to_lower_it() -> None:
    said = str(end_fault(pod(ended(137, "OOMKilled")), "tables", Pod()))
    assert "raise pods.cpu.memory" in said
    assert "batch" not in said


REFUSED = (
    'pods "oi-evaluate-x" is forbidden: exceeded quota: jobs, requested: requests.cpu=2,requests.memory=1Gi, '
    "used: requests.cpu=3,requests.memory=7Gi, limited: requests.cpu=4,requests.memory=8Gi"
)


def test_a_quota_without_room_is_waited_for_and_one_that_is_too_small_is_not() -> None:
    size = Pod(cpu="2", memory="1Gi")
    full = quota_fault(REFUSED, "evaluate", size)
    assert full is not None
    assert not full.final
    assert "the quota jobs has no room for the pod of evaluate" in str(full)
    assert "requests.cpu=3,requests.memory=7Gi of requests.cpu=4,requests.memory=8Gi is used" in str(full)
    small = quota_fault(REFUSED.replace("limited: requests.cpu=4", "limited: requests.cpu=1500m"), "evaluate", size)
    assert small is not None
    assert small.final
    assert "see pods.cpu in the profile, which asks for 2 cores, 1Gi, or raise the quota" in small.line
    demanding = 'pods "x" is forbidden: failed quota: strict: must specify limits.cpu for: base'
    lacks = quota_fault(demanding, "evaluate", size)
    assert lacks is not None
    assert lacks.final
    assert "the quota strict asks that the pod of evaluate says limits.cpu for: base" in str(lacks)
    assert quota_fault('pods is forbidden: User "ann" cannot create resource "pods"', "evaluate", size) is None


@pytest.mark.parametrize("rest", [", resources: limits.memory,requests.cpu", ""])
def test_a_quota_that_is_too_new_to_be_counted_is_waited_for(rest: str) -> None:
    fault = quota_fault(f'pods "x" is forbidden: status unknown for quota: jobs{rest}', "evaluate", Pod())
    assert fault is not None
    assert not fault.final
    assert fault.code == "quota"
    assert "the pod of evaluate before what uses the quota jobs is counted" in str(fault)


def test_what_keeps_a_pod_from_starting() -> None:
    image = start_fault(pod({"waiting": {"reason": "ErrImagePull", "message": "no such\nhost"}}))
    assert "the image oi-trainer:7 cannot be pulled: no such host (namespace oi)" in str(image)
    secret = start_fault(pod({"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "k" not found'}}))
    assert 'secret "k" not found (namespace oi); make it' in str(secret)


@pytest.mark.parametrize(
    "state", [None, {"waiting": {"reason": "ContainerCreating"}}, {"waiting": {}}, {"running": {"startedAt": "now"}}]
)
def test_a_pod_that_may_still_start_is_not_at_fault(state: dict[str, Any] | None) -> None:
    assert start_fault(pod(state, phase="Pending")) is None


def test_a_pod_that_has_a_node_is_not_unscheduled() -> None:
    assert unscheduled(pod(**condition("PodScheduled", "True", ""))) == ""
    assert unscheduled(pod(**condition("PodScheduled", "False", "SchedulingGated"))) == "SchedulingGated"
