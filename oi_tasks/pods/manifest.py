"""The manifest of a job's pod: the template says how a pod looks, the profile how large it is, the caller what it runs.

The DAGs and `oi pod` both take it from here, so what can be looked at is what runs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from oi_tasks.errors import BadInput
from oi_tasks.profile import Pod, Pods
from oi_tasks.settings import Settings

TRAINING = ("train_classifier", "train_semseg", "train_detector")
BASE = "base"  # the container that runs the job; the pod operator looks for this name
SHIPPED = Path(__file__).resolve().parents[2] / "k8s" / "pods"
LABEL = re.compile(r"[^A-Za-z0-9._-]")


def kind_of(job: str) -> str:
    """Which template and which size a job's pod has: `gpu` for what trains, else `cpu`."""
    return "gpu" if job in TRAINING else "cpu"


def job_words(
    job: str, profile: Mapping[str, Any], fields: Mapping[str, Any], result: str = "", force: bool = False
) -> list[str]:
    """The words after `oi` that run a job on a profile; `result` is the key its result is written to."""
    words = [job, "--profile", json.dumps(profile)] + (["--result", result] if result else [])
    for name, value in fields.items():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return words + (["--force"] if force else [])


def input_labels(job: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Labels to find a pod by: its job, and each input that has a short name, such as `oi/dataset` or `oi/cluster`."""
    short = {name: value for name, value in fields.items() if isinstance(value, str) and len(value) <= 63}
    safe = {name: LABEL.sub("-", value).strip("-._") for name, value in short.items()}
    return {"oi/job": job} | {f"oi/{name.replace('_', '-')}": value for name, value in safe.items() if value}


def pod_manifest(
    job: str, pods: Pods, words: Sequence[str], labels: Mapping[str, str], settings: Settings
) -> dict[str, Any]:
    """The pod that runs `oi <words>`, in a process for each GPU. Raises BadInput when the template cannot be used."""
    kind = kind_of(job)
    size: Pod = getattr(pods, kind)
    made = read_template(template_path(kind, settings))
    queue = {"kueue.x-k8s.io/queue-name": pods.queue} if pods.queue and kind == "gpu" else {}
    metadata = made.get("metadata") or {}
    made["metadata"] = {
        **metadata,
        "name": f"oi-{job.replace('_', '-')}",
        "namespace": settings.namespace,
        "labels": {**(metadata.get("labels") or {}), **labels, **queue},
    }
    spec = made["spec"]
    spec["activeDeadlineSeconds"] = round(size.hours * 3600)
    base, others = _split(spec["containers"])
    keys = {"secretRef": {"name": settings.pod_secret}}
    # What a job says of its image, and where it leads people: Airflow's address, which no secret has.
    told = {"OI_IMAGE": settings.trainer_image, "OI_AIRFLOW_URL": settings.airflow_url}
    base |= {
        "image": settings.trainer_image,
        "command": ["oi"],
        "args": ["torchrun", str(size.gpus), *words] if kind == "gpu" and size.gpus > 1 else list(words),
        "env": [*(base.get("env") or []), *({"name": name, "value": value} for name, value in told.items() if value)],
        "envFrom": [*(base.get("envFrom") or []), keys],
        "resources": _resources(size),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    spec["containers"] = [base, *others]  # the pod operator merges by position
    return made


def template_path(kind: str, settings: Settings) -> Path:
    """The file of the template for a kind of pod."""
    return (settings.pod_templates or SHIPPED) / f"{kind}.yaml"


def read_template(path: Path) -> dict[str, Any]:
    """A pod template. Raises BadInput when the file is missing, is not a pod, or has no container named `base`."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = "OI_POD_TEMPLATES is the folder of cpu.yaml and gpu.yaml"
        raise BadInput("there is no such pod template", str(path), fix, code="pod_template") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(
            f"the pod template cannot be read: {' '.join(str(error).split())}", str(path), code="pod_template"
        ) from None
    if not isinstance(found, dict) or found.get("kind") != "Pod":
        raise BadInput("the pod template is not a manifest of kind Pod", str(path), code="pod_template")
    spec = found.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    names = [one.get("name") for one in containers or [] if isinstance(one, dict)]
    if BASE not in names:
        has = f"it has {', '.join(map(str, names))}" if names else "it has none"
        fix = f"the container that runs the job must have the name {BASE}"
        raise BadInput(f"the pod template has no container named {BASE}: {has}", str(path), fix, code="pod_template")
    return found


def _split(containers: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The container that runs the job, and those beside it."""
    (base,) = [one for one in containers if one["name"] == BASE]
    return base, [one for one in containers if one is not base]


def _resources(size: Pod) -> dict[str, dict[str, str]]:
    """What the scheduler sets aside, and what the kernel holds the pod to. No limit on cores: idle ones serve."""
    gpus = {"nvidia.com/gpu": str(size.gpus)} if size.gpus else {}
    return {
        "requests": {"cpu": size.cpu, "memory": size.memory, **gpus},
        "limits": {"memory": size.memory, **gpus},
    }
