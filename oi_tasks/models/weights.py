"""Pretrained weights: fetched once, checked, kept in the store, so that pods need no internet."""

import importlib.util
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Literal

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.errors import BadInput, Unreachable
from oi_tasks.io.store import RAW, NotFound, Store, photo_key
from oi_tasks.models.backbones import Encoder
from oi_tasks.profile import Weights

PACKAGE = "python-package:"
TIMEOUT = 60.0  # seconds without a byte
HUB_TIMEOUT = 5.0  # seconds; the hub's own client keeps trying for most of a minute

WeightsSetting = Literal["none", "imagenet"] | Weights


def load_pretrained(encoder: Encoder, backbone: str, setting: WeightsSetting, store: Store, scratch: Path) -> None:
    """Fill an encoder with the weights that a profile names. Raises BadInput or Unreachable."""
    if setting == "none":
        return
    if setting == "imagenet":
        load_backbone(encoder, load_file(fetch_imagenet(backbone, store, scratch)), backbone)
        return
    path = fetch_weights(setting, store, scratch)
    state = _read_state(path, setting.address)
    if setting.layout == "ordered":
        state = match_in_order(state, timm.create_model(backbone, pretrained=False), setting.address)
    load_backbone(encoder, state, setting.address)


def fetch_weights(weights: Weights, store: Store, scratch: Path) -> Path:
    """The file of weights: from the store by its sha256, else from its address, which then goes into the store."""
    path = scratch / f"weights-{weights.sha256[:12]}"
    try:
        store.get_file(RAW, photo_key(weights.sha256), path)
    except NotFound:
        _fetch(weights.address, path)
        found = sha256_of_file(path)
        if found != weights.sha256:
            text = f"the weights are not those of the profile: their sha256 is {found}, not {weights.sha256}"
            raise BadInput(text, where=weights.address, code="weights") from None
        store.put_file(RAW, photo_key(found), path)
    return path


def _fetch(address: str, path: Path) -> None:
    """Copy a local file, a file of an installed package, or a web address to a path."""
    if address.startswith(("http://", "https://")):
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT) as response, path.open("wb") as file:  # noqa: S310
                shutil.copyfileobj(response, file)
        except OSError as error:
            fix = "the trainer reads weights from the store once any run has fetched them"
            raise Unreachable(f"the weights cannot be fetched: {error}", address, fix, code="hub_down") from None
        return
    source = package_file(address) if address.startswith(PACKAGE) else Path(address).expanduser()
    if not source.is_file():
        raise BadInput(f"there is no file of weights {source}", where=address, code="weights")
    shutil.copyfile(source, path)


def package_file(address: str) -> Path:
    """The file that `python-package:NAME/PATH` names, found without importing the package."""
    name, _, inside = address.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            f"the package {name!r} is not installed",
            where=address,
            fix="install it, or change the address",
            code="weights",
        )
    return Path(next(iter(spec.submodule_search_locations))) / inside


def fetch_imagenet(backbone: str, store: Store, scratch: Path) -> Path:
    """ImageNet weights that timm publishes, as safetensors: from the store, else from timm's hub into the store."""
    config = timm.get_pretrained_cfg(backbone)
    if config is None or not (config.hf_hub_id or config.url):
        raise BadInput(
            f"timm publishes no weights for {backbone!r}",
            fix="choose another backbone, or weights: none",
            code="weights",
        )
    key = f"weights/timm/{backbone}.{config.tag or 'default'}.safetensors"
    path = scratch / "imagenet.safetensors"
    try:
        store.get_file(RAW, key, path)
    except NotFound:
        _check_hub(backbone, config.hf_hub_id)
        try:
            state = timm.create_model(backbone, pretrained=True).state_dict()
        except (OSError, RuntimeError) as error:
            raise _hub_unreachable(backbone, error) from None
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
        store.put_file(RAW, key, path)
    return path


def _check_hub(backbone: str, repository: str | None) -> None:
    """Raise Unreachable at once when the hub does not answer and its cache does not hold the weights."""
    from huggingface_hub import constants, try_to_load_from_cache

    if repository is None or isinstance(try_to_load_from_cache(repository, "model.safetensors"), str):
        return
    try:
        with urllib.request.urlopen(constants.ENDPOINT, timeout=HUB_TIMEOUT):  # noqa: S310
            pass
    except urllib.error.HTTPError:
        pass  # an answer all the same
    except OSError as error:
        raise _hub_unreachable(backbone, error) from None


def _hub_unreachable(backbone: str, error: Exception) -> Unreachable:
    fix = "set classifier.weights to none, or to a file's address and sha256"
    reason = " ".join(str(error).split())[:120]
    return Unreachable(f"the ImageNet weights of {backbone} cannot be fetched: {reason}", "timm's hub", fix, "hub_down")


def _read_state(path: Path, address: str) -> dict[str, Tensor]:
    """Tensors by name from a file of safetensors or of torch.save; never runs code of the file."""
    try:
        if address.endswith(".safetensors"):
            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise BadInput(f"the weights cannot be read: {reason}", where=address, code="weights") from None
    state = state.get("state_dict", state)
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}


def match_in_order(state: dict[str, Tensor], model: nn.Module, where: str) -> dict[str, Tensor]:
    """The tensors under the model's own names, matched by order. Raises BadInput naming the first that does not fit."""
    wanted = model.state_dict()
    for (theirs, tensor), (ours, place) in zip(state.items(), wanted.items(), strict=False):
        if tensor.shape != place.shape:
            raise BadInput(
                f"the weights do not fit in order: {theirs} {tuple(tensor.shape)} stands where {ours}"
                f" {tuple(place.shape)} is expected",
                where,
                code="weights",
            )
    if len(state) != len(wanted):
        raise BadInput(f"the weights hold {len(state)} tensors, the backbone {len(wanted)}", where, code="weights")
    return dict(zip(wanted, state.values(), strict=True))


def load_backbone(encoder: Encoder, state: dict[str, Tensor], where: str) -> None:
    """Copy tensors into the encoder's backbone by name; those of a head are left out.

    Raises BadInput naming the first that is missing or has another shape.
    """
    wanted = encoder.backbone.state_dict()
    for name, place in wanted.items():
        if name not in state:
            raise BadInput(
                f"the weights lack {name} {tuple(place.shape)}",
                where,
                "set layout: ordered, or another file",
                code="weights",
            )
        if state[name].shape != place.shape:
            found = f"{tuple(state[name].shape)}, not {tuple(place.shape)}"
            raise BadInput(f"the weights do not fit: {name} is {found}", where, code="weights")
    encoder.backbone.load_state_dict({name: state[name] for name in wanted})
