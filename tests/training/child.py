"""A training in a process of its own: `python -m tests.training.child ENV_FILE DATASET RECIPE_JSON OUT`.

Prints a line after each step, so that a test can end it there. Under `torchrun` each rank is one of these.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import torch

from oi_tasks.errors import Stopped
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import Store
from oi_tasks.jobs.base import JobIO, _listen_for_stop
from oi_tasks.jobs.train_classifier import TrainClassifier
from oi_tasks.profile import Classifier as Recipe
from oi_tasks.settings import Settings
from oi_tasks.training import loop
from oi_tasks.training.device import prepare
from oi_tasks.training.practice import Practice
from oi_tasks.training.ranks import leave, rank
from oi_tasks.training.schedules import transfer_stages
from tests.training.conftest import make_learner


def train(settings: Settings, dataset_id: str, recipe: Recipe, out: Path) -> list[dict]:
    """Train from the newest state to the end; rank 0 writes the weights to `out`. Returns the figures by epoch."""
    prepare(recipe.seed)
    dataset = Outputs(Store(settings), settings.cache).get("shards", dataset_id)
    practice = Practice.of(recipe, recipe.sampling)
    learner = make_learner(
        dataset, practice, backbone=recipe.backbone, loss=recipe.loss, batch=recipe.batch, dropout=DROPOUT
    )
    epochs = recipe.epochs
    stages = transfer_stages(
        epochs.frozen,
        epochs.unfrozen,
        recipe.rate,
        recipe.encoder_rate,
        each_stage=epochs.each_stage,
        encoder_stages=2,
        decay=recipe.stage_decay,
        schedule=recipe.schedule,
        average=recipe.average,
    )
    job = TrainClassifier(dataset=dataset_id, recipe=recipe)
    with tempfile.TemporaryDirectory() as scratch:
        io = JobIO(settings, job, Path(scratch))
        if __name__ == "__main__":
            _listen_for_stop(job, io)
        history = loop.fit(io, learner, stages, recipe.seed, None)
    if rank() == 0:
        torch.save(learner.model.state_dict(), out)
    leave()
    return history


DROPOUT = True


def main() -> None:
    """Train, telling of each step."""
    global DROPOUT
    env, dataset_id, recipe, out = sys.argv[1:]
    learn = loop.learn

    def told(learner, batch, state, say) -> float:
        loss = learn(learner, batch, state, say)
        line = f"step {state.progress.steps + 1} photos {' '.join(batch.ids)}\n"
        os.write(sys.stdout.fileno(), line.encode())  # at once: ranks share the stream
        return loss

    loop.learn = told
    asked = json.loads(recipe)
    DROPOUT = asked.pop("dropout", True)
    settings = Settings(_env_file=env, cache=Path(env).parent / "cache")
    try:
        train(settings, dataset_id, Recipe.model_validate(asked), Path(out))
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.exit_code)


if __name__ == "__main__":
    main()
