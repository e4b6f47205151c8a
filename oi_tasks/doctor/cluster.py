"""Whether pods can run: the cluster, the rights in its namespace, the secret, the image, and room on the nodes."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from oi_tasks.doctor.checks import Check, made_of
from oi_tasks.errors import OiError
from oi_tasks.pods.manifest import read_template, template_path
from oi_tasks.profile import Pods
from oi_tasks.settings import Settings

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, CoreV1Api

TIMEOUT = (2.0, 4.0)  # seconds to connect and to answer
NEEDED = (
    *(("pods", "", verb) for verb in ("create", "get", "list", "watch", "patch", "delete")),
    ("pods", "log", "get"),
    ("events", "", "list"),
)
IN_SECRET = ("OI_STORE_ENDPOINT", "OI_STORE_ACCESS_KEY", "OI_STORE_SECRET_KEY", "OI_MLFLOW_URL")
GPU = "nvidia.com/gpu"
LISTED = 50  # the most images that a kubelet tells of


def templates(settings: Settings) -> list[Check]:
    """Both pod templates can be used."""
    for kind in ("cpu", "gpu"):
        read_template(template_path(kind, settings))
    return [Check("pod templates", "ok", str(template_path("cpu", settings).parent))]


def cluster(settings: Settings, pods: Pods) -> list[Check]:
    """All that can be asked of the cluster. Where it does not answer, the rest is not asked."""
    if settings.execution != "kubernetes" and settings.kubeconfig is None:
        said = "steps run on this machine (OI_EXECUTION=local)"
        return [Check("cluster", "not configured", said, "for pods: OI_EXECUTION=kubernetes and OI_KUBECONFIG")]
    try:
        client = connect(settings)
        version = _version(client)
    except OiError as error:
        return [made_of("cluster", error)]
    found = [Check("cluster", "ok", f"{client.configuration.host} answers, Kubernetes {version}")]
    return found + list(_inside(client, settings, pods))


def connect(settings: Settings) -> "ApiClient":
    """A client that gives up soon. Raises OiError when the kubeconfig cannot be used."""
    where = str(settings.kubeconfig or "the pod's service account")
    try:
        from kubernetes import client, config
    except ImportError:
        raise OiError(
            "the Python package kubernetes is missing here",
            fix="use the orchestrator's environment",
            code="cluster_down",
        ) from None
    configuration = client.Configuration()
    try:
        if settings.kubeconfig is not None:
            config.load_kube_config(str(settings.kubeconfig), client_configuration=configuration)
        else:
            config.load_incluster_config(client_configuration=configuration)
    except Exception as error:  # it raises whatever a broken file leads to
        text = " ".join(str(error).split())[:160]
        fix = "OI_KUBECONFIG is the path of a kubeconfig; without it, oi must run in a pod of the cluster"
        raise OiError(
            f"the cluster's address and key cannot be read: {text}", where, fix, code="cluster_down"
        ) from None
    configuration.retries = False
    return client.ApiClient(configuration)


def _version(client: "ApiClient") -> str:
    """The version of Kubernetes. Raises OiError when it does not answer."""
    from kubernetes.client import ApiException, VersionApi
    from urllib3.exceptions import HTTPError

    host = client.configuration.host
    try:
        return str(VersionApi(client).get_code(_request_timeout=TIMEOUT).git_version)
    except ApiException as error:
        fix = "the kubeconfig's key may have run out"
        raise OiError(f"the cluster answers {error.status} {error.reason}", host, fix, code="cluster_down") from None
    except (HTTPError, OSError) as error:
        fix = "is the address in the kubeconfig right, and the cluster up?"
        raise OiError(f"the cluster does not answer: {type(error).__name__}", host, fix, code="cluster_down") from None


def _inside(client: "ApiClient", settings: Settings, pods: Pods) -> Iterator[Check]:
    """The checks that need an answering cluster; one that the rights do not allow is unknown."""
    from kubernetes.client import ApiException, CoreV1Api

    core = CoreV1Api(client)
    checks: dict[str, Callable[[], Check]] = {
        "namespace": lambda: _namespace(core, settings),
        "rights": lambda: _rights(client, settings),
        "secret": lambda: _secret(core, settings),
        "image": lambda: _image(core, settings),
        "room for pods": lambda: _room(core, pods),
    }
    for name, check in checks.items():
        try:
            yield check()
        except ApiException as error:
            if error.status == 403:
                yield Check(name, "unknown", "these rights do not allow to look")
            else:
                yield Check(name, "failed", f"the cluster answers {error.status} {error.reason}")
        except Exception as error:
            yield made_of(name, error)


def _namespace(core: "CoreV1Api", settings: Settings) -> Check:
    from kubernetes.client import ApiException

    name = settings.namespace
    try:
        phase = core.read_namespace(name, _request_timeout=TIMEOUT).status.phase
    except ApiException as error:
        if error.status != 404:
            raise
        fix = f"`kubectl create namespace {name}`, or k8s/, or set OI_NAMESPACE"
        return Check("namespace", "failed", f"there is no namespace {name}", fix)
    return Check("namespace", "ok" if phase == "Active" else "failed", f"{name} is {phase}")


def _rights(client: "ApiClient", settings: Settings) -> Check:
    """Ask the cluster what this key may do, as the operator will do it."""
    from kubernetes.client import AuthorizationV1Api

    reviews, missing = AuthorizationV1Api(client), []
    for resource, part, verb in NEEDED:
        asked = {"namespace": settings.namespace, "resource": resource, "subresource": part, "verb": verb}
        body = {"spec": {"resourceAttributes": asked}}
        if not reviews.create_self_subject_access_review(body, _request_timeout=TIMEOUT).status.allowed:
            missing.append(f"{verb} {resource}{f'/{part}' if part else ''}")
    if missing:
        fix = "bind the role oi-pod-launcher of k8s/base to this user or service account"
        return Check("rights", "failed", f"in {settings.namespace} this key may not {', '.join(missing)}", fix)
    return Check("rights", "ok", f"pods can be started, watched and deleted in {settings.namespace}")


def _secret(core: "CoreV1Api", settings: Settings) -> Check:
    """The secret with the keys of the jobs, and addresses in it that a pod can reach."""
    import base64

    from kubernetes.client import ApiException

    name = f"{settings.namespace}/{settings.pod_secret}"
    try:
        held = core.read_namespaced_secret(settings.pod_secret, settings.namespace, _request_timeout=TIMEOUT).data or {}
    except ApiException as error:
        if error.status != 404:
            raise
        fix = f"make it with {', '.join(IN_SECRET)}: see docs/kubernetes.md"
        return Check("secret", "failed", f"there is no secret {name}", fix)
    if missing := [line for line in IN_SECRET if not held.get(line)]:
        return Check("secret", "failed", f"{name} lacks {', '.join(missing)}", "add them: pods read these variables")
    for line in ("OI_STORE_ENDPOINT", "OI_MLFLOW_URL"):
        url = base64.b64decode(held[line]).decode(errors="replace")
        if urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1"):
            fix = "give the address that pods reach it at, such as http://minio.oi-system:9000"
            return Check("secret", "failed", f"{line} in {name} is {url}, which in a pod is the pod itself", fix)
    return Check("secret", "ok", f"{name} holds what pods need")


def _image(core: "CoreV1Api", settings: Settings) -> Check:
    """The image is on a node, or can be fetched."""
    image = settings.trainer_image
    lists = [node.status.images or [] for node in core.list_node(_request_timeout=TIMEOUT).items]
    names = {name.removeprefix("docker.io/library/") for images in lists for one in images for name in one.names or []}
    if image.removeprefix("docker.io/library/") in names:
        return Check("image", "ok", f"{image} is on a node")
    host = image.split("/")[0]
    if "/" in image and ("." in host or ":" in host):
        return Check("image", "unknown", f"no node has {image} yet: the first pod fetches it from {host}")
    fix = "load it onto the nodes, or push it to a registry and set OI_TRAINER_IMAGE to its whole name"
    all_told = all(len(images) < LISTED for images in lists)
    return Check("image", "failed" if all_told else "unknown", f"no node tells of the image {image}", fix)


def _room(core: "CoreV1Api", pods: Pods) -> Check:
    """Some node is large enough for each kind of pod, when it is empty."""
    from kubernetes.utils import parse_quantity

    def held(node: dict[str, str]) -> dict[str, float]:
        return {name: float(parse_quantity(node.get(name, "0"))) for name in ("cpu", "memory", GPU)}

    nodes = [held(node.status.allocatable or {}) for node in core.list_node(_request_timeout=TIMEOUT).items]
    for kind, size in (("cpu", pods.cpu), ("gpu", pods.gpu)):
        asks = held({"cpu": size.cpu, "memory": size.memory, GPU: str(size.gpus)})
        if any(all(node[name] >= asked for name, asked in asks.items()) for node in nodes):
            continue
        most = {name: max((node[name] for node in nodes), default=0.0) for name in asks}
        said = f"no node can hold a pod of pods.{kind}: it asks for {size.cpu} cores, {size.memory}, {size.gpus} GPUs"
        has = f"{most['cpu']:g} cores, {most['memory'] / 2**30:.0f}Gi, {most[GPU]:g} GPUs"
        return Check("room for pods", "failed", f"{said}; the most that nodes have is {has}", f"lower pods.{kind}")
    return Check("room for pods", "ok", f"{len(nodes)} nodes; both kinds of pod fit on one")
