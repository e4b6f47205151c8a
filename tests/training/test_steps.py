"""One step: parts of a batch, precision, what is frozen, lost memory, and a loss that is no number."""

from collections.abc import Callable

import pytest
import torch
from torch.amp import GradScaler

from oi_tasks.errors import OiError
from oi_tasks.training.checkpoints import Progress, TrainingState
from oi_tasks.training.classifier import ClassifierLearner
from oi_tasks.training.practice import Practice
from oi_tasks.training.schedules import Stage, optimiser_of, schedule_of
from oi_tasks.training.steps import learn

Make = Callable[..., ClassifierLearner]
WHOLE = Stage("unfrozen", 1, {"head": 1e-2, "encoder": 1e-2})


def begin(learner: ClassifierLearner, stage: Stage = WHOLE, parts: int = 1) -> TrainingState:
    learner.enter(stage, lambda photos: None)
    learner.mode(learning=True)
    optimiser = optimiser_of(learner.model, stage)
    scaler = GradScaler("cpu", enabled=learner.practice.precision == "fp16")
    return TrainingState(
        learner.model, optimiser, schedule_of(optimiser, stage, 20), scaler, None, Progress(parts=parts)
    )


def first_batches(learner: ClassifierLearner, count: int = 2) -> list:
    return list(learner.learning_batches(learner.plan([0, 0, 0])[:count], [0, 0, 0]))


def weights(learner: ClassifierLearner) -> torch.Tensor:
    return torch.cat([parameter.detach().ravel() for parameter in learner.model.parameters()])


@pytest.mark.parametrize("loss", ["bce", "focal", "asymmetric", "softmax"])
@pytest.mark.parametrize("parts", [2, 3])
def test_a_batch_in_parts_teaches_the_same(learner: Make, loss: str, parts: int) -> None:
    """With layer normalisation, which knows nothing of batches; and what is known differs from photo to photo."""
    found = []
    for count in (1, parts):
        made = learner(backbone="test_convnext", loss=loss, dropout=False)
        state = begin(made, parts=count)
        batch = first_batches(made, 1)[0]
        batch.known[:3, 1:] = False
        batch.targets[0] = 0
        value = learn(made, batch, state, print)
        gradient = torch.cat([parameter.grad.ravel() for parameter in made.model.parameters()])
        found.append((value, gradient))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-6 + 1e-4 * float(found[0][1].abs().max()))
    assert found[0][1].abs().max() > 0


def test_what_is_frozen_stays_as_it_is_and_its_statistics_too(learner: Make) -> None:
    made = learner()
    encoder = made.model.encoder
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    state = begin(made, Stage("frozen", 1, {"head": 1e-2}))
    head = made.model.head[-1].weight.detach().clone()
    for batch in first_batches(made):
        learn(made, batch, state, print)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())
    assert not torch.equal(made.model.head[-1].weight, head)


def test_a_stage_that_unfreezes_the_top_leaves_the_rest_with_its_statistics(learner: Make) -> None:
    made = learner()
    before = {name: tensor.clone() for name, tensor in made.model.encoder.backbone.state_dict().items()}
    state = begin(made, Stage("top 1", 1, {"head": 1e-2, "encoder": 1e-2}, depth=1))
    for batch in first_batches(made):
        learn(made, batch, state, print)
    after = made.model.encoder.backbone.state_dict()
    changed = {name.split(".")[0] for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed == {"layer4"}
    assert not torch.equal(after["layer4.0.bn1.running_mean"], before["layer4.0.bn1.running_mean"])


def test_with_norm_eval_normalisation_learns_its_weights_and_keeps_its_statistics(learner: Make) -> None:
    made = learner(Practice(norm_eval=True))
    before = {name: tensor.clone() for name, tensor in made.model.encoder.state_dict().items()}
    state = begin(made)
    for batch in first_batches(made):
        learn(made, batch, state, print)
    after = made.model.encoder.state_dict()
    statistics = {name for name in after if name.rpartition(".")[2] in ("running_mean", "running_var")}
    assert statistics
    assert all(torch.equal(after[name], before[name]) for name in statistics)
    learnt = {name for name, _ in made.model.encoder.named_parameters()}
    assert any(".bn1." in name for name in learnt)
    assert all(not torch.equal(after[name], before[name]) for name in learnt)


def test_kept_features_teach_the_same_as_photos(learner: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from oi_tasks.training import features

    found = []
    for limit in (features.LIMIT, 0):
        monkeypatch.setattr(features, "LIMIT", limit)
        made = learner(dropout=False)
        state = begin(made, Stage("frozen", 1, {"head": 1e-2}))
        batches = first_batches(made, 4)
        assert all((batch.photos is None) == (limit > 0) for batch in batches)
        values = [learn(made, batch, state, print) for batch in batches]
        found.append((values, weights(made)))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near_the_whole_and_keeps_weights_whole(learner: Make, precision: str) -> None:
    whole, half = learner(dropout=False), learner(Practice(precision=precision), dropout=False)
    values = []
    for made in (whole, half):
        state = begin(made)
        values.append([learn(made, batch, state, print) for batch in first_batches(made)])
    assert values[1] == pytest.approx(values[0], rel=0.05)
    assert values[1] != values[0]
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}
    with half.arithmetic():
        assert half.model(torch.rand(1, 3, 64, 64)).dtype == getattr(
            torch, {"bf16": "bfloat16", "fp16": "float16"}[precision]
        )
    assert half.logits(first_batches(half, 1)[0]).dtype == torch.float32


def test_channels_innermost_or_not_is_the_same(learner: Make) -> None:
    values = []
    for innermost in (True, False):
        made = learner(Practice(channels_last=innermost), dropout=False)
        state, batches = begin(made), first_batches(made)
        assert batches[0].photos.is_contiguous(memory_format=torch.channels_last) == innermost
        values.append([learn(made, batch, state, print) for batch in batches])
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_a_compiled_network_teaches_the_same(learner: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the tracing of torch.compile and not its code generation, which takes minutes."""
    compiled, real = [], torch.compile

    def traced(network: torch.nn.Module) -> object:
        compiled.append(network)
        return real(network, backend="eager")

    monkeypatch.setattr(torch, "compile", traced)
    values = []
    for switch in (False, True):
        made = learner(Practice(compile=switch), dropout=False)
        state = begin(made)
        values.append([learn(made, batch, state, print) for batch in first_batches(made, 1)])
    assert len(compiled) == 1
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_memory_that_runs_out_halves_the_parts_and_goes_on(learner: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = learner(backbone="test_convnext", dropout=False)
    value = learn(expected, first_batches(expected, 1)[0], begin(expected), print)

    made = learner(backbone="test_convnext", dropout=False)
    state, batch = begin(made), first_batches(made, 1)[0]
    encode, sizes, told = made.model.encode, [], []

    def tight(photos: torch.Tensor) -> tuple[torch.Tensor, ...]:
        sizes.append(len(photos))
        if len(photos) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(photos)

    monkeypatch.setattr(made.model, "encode", tight)
    assert learn(made, batch, state, told.append) == pytest.approx(value, rel=1e-5)
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert told == [f"memory ran out: a batch is computed in {parts} parts from here on" for parts in (2, 4)]
    assert state.progress.parts == 4
    assert torch.allclose(weights(made), weights(expected), atol=1e-4)
    sizes.clear()
    monkeypatch.setattr(made.model, "encode", lambda photos: (_ for _ in ()).throw(torch.OutOfMemoryError("no")))
    with pytest.raises(OiError, match="the GPU's memory does not hold a batch") as ended:
        learn(made, batch, state, told.append)
    assert ended.value.code == "memory"


@pytest.mark.parametrize("parts", [1, 4])
def test_a_loss_that_is_no_number_names_its_photos_and_changes_nothing(learner: Make, parts: int) -> None:
    made = learner()
    state, (batch, _) = begin(made, parts=parts), first_batches(made)
    before = weights(made)
    batch.photos[5] = float("nan")
    with pytest.raises(OiError, match="the loss of a batch is nan") as ended:
        learn(made, batch, state, print)
    named = str(ended.value).split("photos ")[1].split(";")[0].split(", ")
    assert batch.ids[5] in named
    assert len(named) == len(batch) // parts
    assert ended.value.code == "loss"
    assert torch.equal(weights(made), before)


def test_augmentation_changes_the_share_of_photos_that_is_asked_for(learner: Make) -> None:
    from oi_tasks.profile import Augment

    for share in (0.0, 0.25, 1.0):
        made = learner(Practice(augment=Augment(share=share, set="modest")))
        made.enter(WHOLE, lambda photos: None)
        changed = total = 0
        for epoch in range(6):
            seed = [0, 0, epoch]
            plan = made.plan(seed)
            plain = made.reader.read(made.train, plan)
            for seen, own in zip(made.learning_batches(plan, seed), plain, strict=True):
                changed += int((seen.photos != own.photos).flatten(1).any(1).sum())
                total += len(seen)
        assert total == 6 * 72
        assert changed / total == pytest.approx(share, abs=0.08)
