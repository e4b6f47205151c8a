"""What a chain leaves in MLflow's lists: experiments, names, headline figures, few parameters."""

from pathlib import Path

import pytest
from mlflow.entities import Run

from oi_tasks.io.tracking import EXPERIMENTS, NOTE, Tracking
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings
from oi_tasks.training.run import params_of
from tests.conftest import Chain
from tests.io.registry import SmallRegistry

pytestmark = pytest.mark.slow
JOBS = {"train_classifier": "classifier", "train_semseg": "{cluster} masks", "evaluate": "cascade"}


def run_of(chain: Chain, job: str) -> Run:
    return Tracking(chain.settings).client.get_run(chain.said[job]["result"]["mlflow_run"])


@pytest.mark.parametrize("job", JOBS)
def test_a_run_stands_in_the_experiment_of_its_job_and_its_name_tells_it_from_others(chain: Chain, job: str) -> None:
    run, client = run_of(chain, job), Tracking(chain.settings).client
    experiment = client.get_experiment(run.info.experiment_id)
    assert (experiment.name, experiment.tags[NOTE]) == EXPERIMENTS[job]
    what = JOBS[job].format(cluster=chain.said["train_semseg"]["result"]["cluster"])
    assert run.info.run_name == f"{what} small {chain.said[job]['key'][:6]}"
    assert run.data.tags["profile"] == "small"
    assert run.data.tags[NOTE]


@pytest.mark.parametrize("job", ["train_classifier", "train_semseg"])
def test_headline_figures_are_curves_that_end_with_what_is_published(chain: Chain, job: str) -> None:
    client, run, history = (
        Tracking(chain.settings).client,
        run_of(chain, job),
        chain.output(job).read_json("curves.json"),
    )
    published = {name: value for name, value in chain.said[job]["result"]["metrics"].items() if "/" not in name}
    assert published
    for name, value in published.items():
        curve = client.get_metric_history(run.info.run_id, f"headline/{name}")
        # The last epoch has two points: the epoch's own, and what is published.
        assert [point.step for point in curve] == [*range(1, len(history) + 1), len(history)]
        assert [point.value for point in curve[:-1]] == pytest.approx([figures[f"tune_{name}"] for figures in history])
        assert run.data.metrics[f"headline/{name}"] == pytest.approx(value)
    headings = {name.split("/")[0] for name in run.data.metrics}
    assert sorted(headings - {"system"})[0] == "headline"
    assert {"headline", "learning", "steps"} <= headings <= {"headline", "learning", "per_class", "steps", "system"}


def test_the_headline_of_an_evaluation_is_its_numbers(chain: Chain) -> None:
    run, numbers = run_of(chain, "evaluate"), chain.said["evaluate"]["result"]["numbers"]
    assert run.data.metrics["headline/macro_f1"] == pytest.approx(numbers["classifier"]["macro_f1"])
    assert run.data.metrics["headline/map"] == pytest.approx(numbers["cascade"]["map"])
    assert min(name for name in run.data.metrics).startswith("headline/")


def test_few_parameters_stand_in_a_list_and_the_whole_recipe_beside_it(chain: Chain, tmp_path: Path) -> None:
    client, run = Tracking(chain.settings).client, run_of(chain, "train_classifier")
    recipe = chain.profile.classifier
    assert run.data.params["network"] == "test_resnet"
    assert run.data.params["epochs.unfrozen"] == "3"
    assert len(run.data.params) < 15
    kept = client.download_artifacts(run.info.run_id, "recipe.json", str(tmp_path))
    assert type(recipe).model_validate_json(Path(kept).read_text()) == recipe


def test_a_parameter_that_is_not_the_usual_one_is_shown(small_profile: Profile) -> None:
    recipe = small_profile.classifier
    assert "schedule.kind" not in params_of(recipe)
    assert "precision" not in params_of(recipe)
    changed = recipe.model_copy(
        update={"precision": "bf16", "schedule": recipe.schedule.model_copy(update={"kind": "constant"})}
    )
    assert params_of(changed) == params_of(recipe) | {"precision": "bf16", "schedule.kind": "constant"}


def test_what_a_person_wrote_of_a_model_stays(settings: Settings, tmp_path: Path) -> None:
    """Described when it is made; an older one without a description gets it; a person's words are left alone."""
    registry = SmallRegistry(settings)
    registry.new_version()
    client = registry.tracking.client
    assert not client.get_registered_model(registry.model).description
    registry.tracking.describe_model(registry.model, "what it is")
    assert client.get_registered_model(registry.model).description == "what it is"
    client.update_registered_model(registry.model, "a person's words")
    registry.tracking.describe_model(registry.model, "what it is")
    assert client.get_registered_model(registry.model).description == "a person's words"
    registry.tracking.describe_model(f"{registry.model}-new", "what it is")
    assert client.get_registered_model(f"{registry.model}-new").description == "what it is"


def test_an_experiment_that_somebody_deleted_is_brought_back_by_the_next_run(settings: Settings) -> None:
    def begun() -> tuple[str, str]:
        with Tracking(settings).run("compare_detector", "both", "0" * 20, {}, {}) as run:
            found = Tracking(settings).client.get_experiment(
                Tracking(settings).client.get_run(run.id).info.experiment_id
            )
            return found.experiment_id, found.lifecycle_stage

    before, _ = begun()
    Tracking(settings).client.delete_experiment(before)
    assert begun() == (before, "active")


def test_the_page_of_a_run_begins_with_the_headline(chain: Chain) -> None:
    """The page shows metrics as the server gives them, which is as they came."""
    names = [name for name in run_of(chain, "train_classifier").data.metrics if not name.startswith("system/")]
    assert names[0].startswith("headline/")
