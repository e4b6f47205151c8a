"""Pretrained weights: what fits is loaded, kept in the store and found there; what does not is refused by name."""

import hashlib
from pathlib import Path

import pytest
import timm
import torch

from oi_tasks.errors import BadInput, Unreachable
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.models.backbones import Encoder
from oi_tasks.models.weights import load_pretrained, match_in_order, package_file
from oi_tasks.profile import Weights, load_profile


def saved(state: dict[str, torch.Tensor], path: Path) -> Weights:
    torch.save(state, path)
    return Weights(address=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def trained() -> dict[str, torch.Tensor]:
    """A backbone with its own head, as weights are published."""
    torch.manual_seed(3)
    return timm.create_model("test_resnet", pretrained=False).state_dict()


def test_weights_are_loaded_by_name_and_then_come_from_the_store(trained, store: Store, tmp_path: Path) -> None:
    weights = saved(trained, tmp_path / "own.pth")
    encoder = Encoder("test_resnet")
    load_pretrained(encoder, "test_resnet", weights, store, tmp_path)
    for name, tensor in encoder.backbone.state_dict().items():
        assert torch.equal(tensor, trained[name])
    (tmp_path / "own.pth").unlink()
    assert store.exists(RAW, photo_key(weights.sha256))
    again = Encoder("test_resnet")
    load_pretrained(again, "test_resnet", weights, store, tmp_path)
    assert torch.equal(again.backbone.state_dict()["conv1.0.weight"], trained["conv1.0.weight"])


def test_a_file_that_changed_is_refused_and_not_kept(trained, store: Store, tmp_path: Path) -> None:
    weights = saved(trained, tmp_path / "a.pth").model_copy(update={"sha256": "1" * 64})
    with pytest.raises(BadInput, match=f"not {'1' * 64}"):
        load_pretrained(Encoder("test_resnet"), "test_resnet", weights, store, tmp_path)
    assert not store.exists(RAW, photo_key("1" * 64))


def test_what_is_missing_or_of_another_shape_is_named(trained, store: Store, tmp_path: Path) -> None:
    without = {name: tensor for name, tensor in trained.items() if name != "layer1.0.conv1.weight"}
    weights = saved(without, tmp_path / "b.pth")
    with pytest.raises(BadInput, match=r"the weights lack layer1\.0\.conv1\.weight"):
        load_pretrained(Encoder("test_resnet"), "test_resnet", weights, store, tmp_path)
    weights = saved(trained | {"conv1.0.weight": torch.zeros(1, 2)}, tmp_path / "c.pth")
    with pytest.raises(BadInput, match=r"conv1\.0\.weight is \(1, 2\)"):
        load_pretrained(Encoder("test_resnet"), "test_resnet", weights, store, tmp_path)


def test_weights_never_run_code(store: Store, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    weights = saved({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BadInput, match="the weights cannot be read"):
        load_pretrained(Encoder("test_resnet"), "test_resnet", weights, store, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_matching_in_order_names_the_first_that_does_not_fit(trained) -> None:
    model = timm.create_model("test_resnet", pretrained=False)
    renamed = {f"other.{name}": tensor for name, tensor in trained.items()}
    found = match_in_order(renamed, model, "here")
    assert all(torch.equal(found[name], trained[name]) for name in trained)
    swapped = dict(reversed(renamed.items()))
    with pytest.raises(BadInput, match="stands where"):
        match_in_order(swapped, model, "here")
    del renamed[f"other.{next(reversed(trained))}"]
    with pytest.raises(BadInput, match=f"{len(trained) - 1} tensors, the backbone {len(trained)}"):
        match_in_order(renamed, model, "here")


def test_the_weights_of_the_real_photos_profile_fit(store: Store, tmp_path: Path) -> None:
    recipe = load_profile("real-photos").classifier
    encoder = Encoder(recipe.backbone)
    load_pretrained(encoder, recipe.backbone, recipe.weights, store, tmp_path)
    published = torch.load(package_file(recipe.weights.address), weights_only=True)
    assert torch.equal(next(iter(encoder.backbone.parameters())), next(iter(published.values())))


@pytest.mark.parametrize(
    ("address", "error", "what"),
    [
        ("/nowhere/weights.pth", BadInput, "there is no file of weights"),
        ("python-package:no_such_package/a.pth", BadInput, "the package 'no_such_package' is not installed"),
        ("http://127.0.0.1:9/weights.pth", Unreachable, "the weights cannot be fetched"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line(
    address: str, error: type[Exception], what: str, store: Store, tmp_path: Path
) -> None:
    weights = Weights(address=address, sha256="2" * 64)
    with pytest.raises(error, match=what) as refused:
        load_pretrained(Encoder("test_resnet"), "test_resnet", weights, store, tmp_path)
    assert "\n" not in str(refused.value)
