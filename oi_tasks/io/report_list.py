"""The reports in the store: what each is about, and what it says in a few words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.store import REPORTS, WORK

# Jobs that write pages, and what the one that a result calls its `report` is about. Of a run the verdicts come first.
WITH_PAGES = {
    "report": "retrain",
    "validate": "data quality",
    "evaluate": "errors",
    "collapse": "classes",
    "compare_variants": "variants",
    "compare_detector": "baseline",
}


@dataclass(frozen=True)
class Page:
    """A report: where it stands in the store (`bucket/key`), what it is about, and what it says in a few words."""

    place: str
    about: str
    at: datetime
    says: str = ""


def newest_pages(outputs: Outputs, count: int) -> tuple[Page, ...]:
    """The newest pages of any run, newest first."""
    found = [
        (page, output) for job in WITH_PAGES for output in outputs.newest(job, count) for page in _pages_in(output)
    ]
    found.sort(key=lambda one: one[0].at, reverse=True)
    return tuple(replace(page, says=_says(outputs, output)) for page, output in found[:count])


def pages_of(outputs: Outputs, dag_id: str, run_id: str) -> tuple[Page, ...]:
    """The pages that the steps of a run wrote or reused, by their results, in the order of `WITH_PAGES`.

    Not those that are no longer there.
    """
    results = (outputs.store.get_json(WORK, key) for key in outputs.store.list(WORK, f"runs/{dag_id}/{run_id}/"))
    with_pages = [said for said in results if said["job"] in WITH_PAGES]
    with_pages.sort(key=lambda said: [*WITH_PAGES].index(said["job"]))
    made = [_found(outputs, said["job"], said["id"]) for said in with_pages]
    return tuple(
        replace(page, says=_says(outputs, output))
        for output in made
        if output is not None
        for page in _pages_in(output)
    )


def _pages_in(output: Output) -> Iterator[Page]:
    """The pages that an output's result names, by what they are about."""
    at = datetime.fromisoformat(output.manifest.produced["at"])
    for field, value in output.result.items():
        if isinstance(value, str) and value.startswith(f"{REPORTS}/"):
            yield Page(value, WITH_PAGES[output.job] if field == "report" else field, at)


def _says(outputs: Outputs, output: Output) -> str:
    """What a job found: version, verdict and profile, as far as they are known."""
    fields, result = output.manifest.fields, output.result
    if output.job == "report":
        return _verdict(_found(outputs, "gate", fields["verdict"]), fields.get("promoted") is not None)
    if output.job == "evaluate":
        return f"version {result['candidate']}"
    if output.job == "validate":
        fit = "fit to train on" if result["verdict"] == "pass" else "not fit to train on"
        return f"snapshot {fields['snapshot'][:8]}: {fit}"
    if output.job == "collapse":
        return f"{result['classes']} classes, {len(result['clusters'])} clusters"
    if output.job == "compare_variants":
        return f"profile {fields['profile']['name']}"
    compared = _found(outputs, "evaluate", fields["evaluation"])
    return f"version {compared.result['candidate']} and the detector" if compared is not None else ""


def _verdict(verdict: Output | None, promoted: bool) -> str:
    if verdict is None:
        return ""
    passed = verdict.result["verdict"] == "promote"
    how = "promoted" if promoted else "passed, not promoted" if passed else "refused"
    return f"version {verdict.result['candidate']}: {how}, profile {verdict.manifest.fields['profile']}"


def _found(outputs: Outputs, job: str, output_id: str) -> Output | None:
    """An output that housekeeping may have removed."""
    try:
        return outputs.get(job, output_id)
    except BadInput:
        return None
