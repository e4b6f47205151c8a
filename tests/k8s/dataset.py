"""A dataset to train on, made in this process."""

from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings


def dataset_of(profile: Profile, settings: Settings) -> str:
    """Every job before training, in this process. Returns the id of the shards."""
    said: dict[str, str] = {}
    steps = {
        "fetch": (),
        "tables": ("release",),
        "photos": ("release", "tables"),
        "snapshot": ("release", "tables", "photos"),
        "validate": ("snapshot",),
        "collapse": ("validated",),
        "shards": ("validated", "classes"),
    }
    gives = {"fetch": "release", "validate": "validated", "collapse": "classes"}
    for name, inputs in steps.items():
        job = job_class(name).from_profile(profile, **{one: said[one] for one in inputs})
        said[gives.get(name, name)] = execute(job, settings)["id"]
    return said["shards"]
