"""Encoders and the networks on them, for photos of all three shapes."""

import pytest
import torch

from oi_tasks.errors import BadInput
from oi_tasks.models.backbones import Encoder
from oi_tasks.models.classifier import Classifier
from oi_tasks.models.saved import ModelMeta, load_model, save_model
from oi_tasks.models.semseg import Semseg

BACKBONES = ("test_resnet", "resnet18", "convnext_atto", "tf_efficientnet_lite0", "mobilenetv3_small_050")
CANVASES = ((64, 64), (64, 128), (128, 64))  # height, width


@pytest.mark.parametrize("backbone", BACKBONES)
def test_shapes(backbone: str) -> None:
    classifier, semseg = Classifier(backbone, 5).eval(), Semseg(backbone, 3).eval()
    with torch.inference_mode():
        for height, width in CANVASES:
            photos = torch.rand(2, 3, height, width)
            assert classifier(photos).shape == (2, 5)
            assert semseg(photos).shape == (2, 3, height // 8, width // 8)
            maps = semseg.encoder.pyramid(photos)
            assert [tuple(level.shape[2:]) for level in maps] == [
                (height // stride, width // stride) for stride in (8, 16, 32)
            ]
            assert [level.shape[1] for level in maps] == semseg.encoder.pyramid_channels


@pytest.mark.parametrize("backbone", BACKBONES)
def test_one_pass_gives_the_last_maps_and_the_pyramid(backbone: str) -> None:
    encoder, photos = Encoder(backbone).eval(), torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        last, pyramid = encoder.with_pyramid(photos)
        torch.testing.assert_close(last, encoder(photos), rtol=0, atol=0)
        for ours, alone in zip(pyramid, encoder.pyramid(photos), strict=True):
            torch.testing.assert_close(ours, alone, rtol=0, atol=0)


def test_a_mirroring_classifier_says_the_same_of_a_mirrored_photo() -> None:
    plain, mirroring = Classifier("test_resnet", 4).eval(), Classifier("test_resnet", 4, mirror=True).eval()
    mirroring.load_state_dict(plain.state_dict())
    photos = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        both = (plain(photos) + plain(photos.flip(3))) / 2  # its head is linear: the mean of maps is that of logits
        torch.testing.assert_close(mirroring(photos), both)
        torch.testing.assert_close(mirroring(photos), mirroring(photos.flip(3)))
        assert not torch.allclose(plain(photos), plain(photos.flip(3)))


def test_photos_are_normalised_inside_as_the_backbone_was_trained() -> None:
    import timm

    encoder = Encoder("tf_efficientnet_lite0").eval()
    photos = torch.rand(1, 3, 64, 64)
    config = timm.get_pretrained_cfg("tf_efficientnet_lite0")
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (config.mean, config.std))
    with torch.inference_mode():
        assert torch.allclose(encoder(photos), encoder.backbone((photos - mean) / std))


@pytest.mark.parametrize(
    ("backbone", "what"),
    [("resnet19", "did you mean"), ("vit_tiny_patch16_224", "choose a convolutional one"), ("", "names them all")],
)
def test_a_backbone_that_cannot_be_used_is_one_line(backbone: str, what: str) -> None:
    with pytest.raises(BadInput, match=what) as refused:
        Encoder(backbone)
    assert "\n" not in str(refused.value)


def test_a_saved_model_answers_the_same(tmp_path) -> None:
    meta = ModelMeta(
        kind="classifier",
        backbone="test_resnet",
        classes=("/m/a", "/m/b"),
        names=("A", "B"),
        thresholds=(0.5, 0.25),
        canvases={"1x1": (64, 64), "2x1": (64, 32), "1x2": (32, 64)},
        loss="bce",
        activation="sigmoid",
        dataset="0" * 20,
    )
    model = Classifier("test_resnet", 2).eval()
    save_model(tmp_path, model, meta)
    loaded, found = load_model(tmp_path)
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())
    photos = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(photos), model(photos))
    assert found == meta
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "model.json"}
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(BadInput) as refused:
        load_model(tmp_path)
    assert "\n" not in str(refused.value)
