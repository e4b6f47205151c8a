"""Pretrained weights: fetched once into the store, by their sha256; loaded without running any code of theirs."""

import importlib.util
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
import urllib3
from torch import Tensor, nn

from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.errors import BadInput, Unreachable
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.profile import Weights

PACKAGE = "python-package:"


def obtain(weights: Weights, store: Store, cache: Path) -> Path:
    """The file of weights, from the cache, else from the store, else from its address into the store.

    Raises BadInput when the address holds nothing or something else, Unreachable when it does not answer.
    """
    path = cache / "weights" / weights.sha256
    if path.exists():
        return path
    key = photo_key(weights.sha256)
    if store.exists(RAW, key):
        store.get_file(RAW, key, path)
        return path
    with tempfile.TemporaryDirectory() as folder:
        found = _fetch(weights.address, Path(folder))
        sha256 = sha256_of_file(found)
        if sha256 != weights.sha256:
            what = f"the weights are not those that the profile names: their sha256 is {sha256}"
            raise BadInput(what, where=weights.address, fix="check classifier.weights", code="weights_sha256")
        store.put_file(RAW, key, found)
    store.get_file(RAW, key, path)
    return path


def _fetch(address: str, folder: Path) -> Path:
    if address.startswith(PACKAGE):
        package, _, inside = address.removeprefix(PACKAGE).partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise BadInput(f"the Python package {package} is not installed", where=address, fix="install it once")
        path = Path(spec.submodule_search_locations[0]) / inside
    elif address.startswith(("http://", "https://")):
        path = folder / "weights"
        try:
            answer = urllib3.request("GET", address, preload_content=False, retries=5, timeout=60)
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"the weights cannot be fetched: {type(error).__name__}", where=address) from None
        if answer.status != 200:
            raise Unreachable(f"the weights cannot be fetched: status {answer.status}", where=address)
        with path.open("wb") as file:
            for block in answer.stream(1 << 20):
                file.write(block)
    else:
        path = Path(address).expanduser()
    if not path.is_file():
        raise BadInput("there is no file of weights", where=address, fix="check classifier.weights in the profile")
    return path


def load_into(model: nn.Module, path: Path, layout: str) -> None:
    """Load a file of weights into a model: a plain state dict (`weights_only`), or safetensors.

    `layout`: `named` matches tensors by name; `ordered` by their order, for the same network under other names.
    Raises BadInput naming the first tensor that does not fit, with both shapes.
    """
    given = _read(path)
    own = model.state_dict()
    if layout == "ordered":
        given = _renamed(given, own)
    for name, tensor in own.items():
        if name not in given:
            raise BadInput(f"the weights lack {name} {tuple(tensor.shape)}", where=str(path), code="weights_fit")
        if given[name].shape != tensor.shape:
            shapes = f"{tuple(given[name].shape)} in the file, {tuple(tensor.shape)} in the network"
            raise BadInput(f"the weights do not fit: {name} is {shapes}", where=str(path), code="weights_fit")
    model.load_state_dict({name: given[name] for name in own})


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.open("rb").read(1) in (b"P", b"\x80"):
            state = torch.load(path, map_location="cpu", weights_only=True)
        else:
            from safetensors.torch import load_file

            state = load_file(path)
    except Exception as error:
        text = " ".join(str(error).split())[:120]
        raise BadInput(f"the weights cannot be read: {type(error).__name__} {text}", where=str(path)) from None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BadInput("the weights are no plain state dict of tensors", where=str(path), code="weights_fit")
    return dict(state)


def _renamed(given: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the network's names, by their order; what stands after the last is left out (a head)."""
    renamed = {}
    for (name, tensor), (other, value) in zip(own.items(), given.items(), strict=False):
        if tensor.shape != value.shape:
            shapes = f"{tuple(value.shape)} in the file, {tuple(tensor.shape)} in the network"
            raise BadInput(f"the weights do not fit by order: {name} meets {other}, {shapes}", code="weights_fit")
        renamed[name] = value
    return renamed
