"""The images of the project, built from this checkout and handed to the cluster; one that it has is not built again."""

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.common import CHECKOUT, say
from tests.shared_cluster import Cluster, base_image, load, printed

BUILT_FROM = {
    "trainer": ("locks/uv.txt", "locks/trainer.txt", "oi_tasks", "expectations"),
    "mlflow": ("locks/uv.txt", "locks/server.txt", "oi_tasks"),
    "minio": ("locks/go.txt", "oi_tasks/local/minio_binary.py"),
}


def tag(name: str) -> str:
    """The tag of an image, which changes with what it is built from."""
    digest = hashlib.sha256()
    for place in (f"docker/{name}.Dockerfile", *BUILT_FROM[name]):
        path = CHECKOUT / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def have_all(cluster: Cluster) -> dict[str, str]:
    """All images on the cluster's node: name and tag of each.

    They are built side by side: one compiles, others fetch. They are handed over one by one, and are the node's alone
    from then on: on its way an image of gigabytes is on the disk three times.
    """
    wanted = {name: f"oi-{name}:{tag(name)}" for name in BUILT_FROM}
    missing = [name for name, image in wanted.items() if not cluster.has(image)]
    if missing:
        base = base_image()
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(lambda name: _build(name, wanted[name], base), missing))
    for name in missing:
        _hand_over(wanted[name])
    return wanted


def _build(name: str, image: str, base: str) -> None:
    say(f"image: building {image} on {base}")
    words = ("--network", "host", "--quiet", "--build-arg", f"BASE_IMAGE={base}", "-t", image)
    printed("docker", "build", *words, "-f", CHECKOUT / "docker" / f"{name}.Dockerfile", CHECKOUT)


def _hand_over(image: str) -> None:
    size = int(printed("docker", "image", "inspect", "--format", "{{.Size}}", image))
    free = shutil.disk_usage("/").free
    say(f"image: loading {image}, {size / 1e6:.0f} MB; {free / 1e9:.0f} GB of the disk are free")
    load(image)
    printed("docker", "image", "rm", image)
