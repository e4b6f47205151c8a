"""The fields of the trigger forms. Airflow refuses a value that its field does not allow before a run is made.

A field that may be left empty allows null: without that, Airflow's page asks for it, and its button stays off.
"""

import os

from airflow.sdk import Param
from oi_tasks.profile import profile_files

NEWEST = "newest"


def profile_param() -> Param:
    """The choice of profile."""
    default = os.environ.get("OI_PROFILE", "demo")
    return Param(default, enum=_names(default), title="Profile", description="what to run: a file in oi_tasks/profiles")


def dataset_param() -> Param:
    """The choice of a published dataset, by its profile."""
    text = f"the profile whose last dataset is taken; {NEWEST}: the last one of any, or the one that started the run"
    return Param(NEWEST, enum=[NEWEST, *_names()], title="Dataset of", description=text)


def source_param() -> Param:
    """Another place to read the release from."""
    text = (
        "a folder in the form of a release, or s3://bucket/prefix, in place of the profile's release; empty: that one"
    )
    return Param("", type=["null", "string"], maxLength=500, title="Source", description=text)


def force_param() -> Param:
    """The choice to compute everything anew."""
    return Param(
        False, type="boolean", title="Compute anew", description="do not reuse what an equal step has published"
    )


def clusters_param() -> Param:
    """The choice of clusters to train anew."""
    text = "names of clusters to train though nothing changed, such as fish, one a line; empty: only what changed"
    items = {"type": "string"}
    return Param([], type=["null", "array"], items=items, title="Clusters to train anew", description=text)


def reason_param() -> Param:
    """Why the run is started."""
    text = "why; it stands in the run's note"
    return Param("", type=["null", "string"], maxLength=300, title="Reason", description=text)


def _names(*others: str) -> list[str]:
    return sorted({*profile_files(), *others})
