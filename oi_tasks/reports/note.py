"""What happened in a run, in one sentence: the note that stands on the run's page in Airflow."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from oi_tasks.core.cost import Used, total
from oi_tasks.reports.page import plural

LONGEST = 1000  # characters; Airflow takes no more
REASONS = 3  # that a note tells; the report has all of them
STATUS = re.compile(r"^\w+ ended with status \d+: (oi: )?")  # how a task's failure begins; the note says where it was
LOOKS = ("plan",)  # jobs that only look how things stand: their result says nothing new about data or models
LAST = {"report", "compare_detector"}  # jobs that come after all trainings: the run went on in spite of what failed
NEW = "nothing new: every step was reused"
Said = Mapping[str, Any]


def run_note(dag: str, said: Mapping[str, Any], failed: Mapping[str, str], asked: str = "") -> str:
    """The sentence for a run of a DAG.

    `said`: by job, what its task returned; a list of them where it was mapped, None where it did not run. `failed`: by
    task, why it failed. `asked`: the reason that the person who started the run gave.
    """
    done = {job: value for job, value in said.items() if value}
    if failed and done.keys() & LAST:  # one cluster's training may fail without the others
        text = f"{SENTENCES[dag](done)}; {_failure(failed)}{_cost(done)}"
    elif failed:
        text = _failure(failed)
    elif not done:
        text = "nothing was done: " + ("no dataset is published yet" if dag in NEED_DATASET else "no step had to run")
    else:
        text = SENTENCES[dag](done) + _cost(done)
    if asked.strip():
        text += f" (started because: {asked.strip()})"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _failure(failed: Mapping[str, str]) -> str:
    (task, why), *more = failed.items()
    place = "stopped at the data gate" if task == "data_gate" else f"failed at {task}"
    others = f"; so did {', '.join(name for name, _ in more)}" if more else ""
    return f"{place}: {STATUS.sub('', why) or 'its log says why'}{others}"


def _ingest(done: Mapping[str, Any]) -> str:
    snapshot, validated, classes = (done.get(job) for job in ("snapshot", "validate", "collapse"))
    text = "no snapshot was made" if snapshot is None else f"snapshot {snapshot['id'][:8]}"
    if snapshot is not None and validated is not None:
        photos, warnings = snapshot["result"]["photos"], validated["result"]["warnings"]
        text += f" accepted: {photos:,} photos, {plural(warnings, 'warning')}"
    if classes is not None:
        text += f"; {plural(classes['result']['classes'], 'class', 'classes')}"
        text += f" in {plural(len(classes['result']['clusters']), 'cluster')} to train"
    return f"{NEW}; {text}" if nothing_new(done) else text


def _retrain(done: Mapping[str, Any]) -> str:
    verdict = done.get("gate")
    if verdict is None:
        return "ended before the gate"
    text = _outcome(done, f"version {verdict['result']['candidate']}", verdict["result"])
    return f"{NEW}; {text}" if nothing_new(done) else text


def refusal(said: Mapping[str, Any]) -> str:
    """The sentence on a candidate that the gate, the serve check, a person or the time refused; else empty.

    `said` is as for `run_note`. What failed is no refusal, and what a night found unchanged was told before.
    """
    done = {job: value for job, value in said.items() if value}
    verdict, served = done.get("gate"), done.get("serve_check")
    if verdict is None or "promote" in done or nothing_new(done):
        return ""
    unserved = served is not None and served["result"]["verdict"] != "serves"
    refused = verdict["result"]["verdict"] != "promote" or unserved or "turn_down" in done
    return " ".join(_retrain(done).split()) if refused else ""


def _outcome(done: Mapping[str, Any], version: str, verdict: Said) -> str:
    """What became of a candidate."""
    promoted, turned_down, served = (done.get(job) for job in ("promote", "turn_down", "serve_check"))
    kept = verdict.get("kept") or ()
    beside = f"; {', '.join(kept)} failed and kept the champion's model" if kept else ""
    if verdict["verdict"] != "promote":
        return f"refused: {version} of oi-cascade: {_reasons(verdict['reasons'])}"
    if promoted is not None:
        if promoted.get("reused"):
            return f"{version} of oi-cascade stays the champion{beside}"
        before = promoted["result"].get("previous")
        instead = f", before it was version {before}" if before not in (None, verdict["candidate"]) else ""
        return f"promoted {version} of oi-cascade{instead}{beside}"
    if turned_down is not None:
        by, why = (turned_down["result"].get(name) for name in ("by", "why"))
        return f"{version} of oi-cascade was turned down{f' by {by}' if by else ''}{f': {why}' if why else ''}"
    if served is not None and served["result"]["verdict"] != "serves":
        return f"not promoted: {version} of oi-cascade does not serve: {_reasons(served['result']['reasons'])}"
    return f"{version} of oi-cascade passed the gate, and was not promoted"


def _roll_back(done: Mapping[str, Any]) -> str:
    result = done["roll_back"]["result"]
    left = f" instead of version {result['left']}" if result.get("left") is not None else ""
    return f"version {result['version']} of oi-cascade is the champion again{left}"


def _ablation(done: Mapping[str, Any]) -> str:
    compared, models = done.get("compare_variants"), done.get("train_classifier") or ()
    if compared is None:
        return "no variant was compared"
    trained = sum(not model["reused"] for model in models)
    found = [
        f"{', '.join(compared['result'][word])} {word if len(compared['result'][word]) == 1 else many}"
        for word, many in (("helps", "help"), ("hurts", "hurt"))
        if compared["result"][word]
    ]
    text = f"{plural(len(models), 'training')} compared, {trained} of them new"
    return f"{NEW}; " * nothing_new(done) + f"{text}: {'; '.join(found) or 'no variant helps or hurts'}"


def _baseline(done: Mapping[str, Any]) -> str:
    compared = done.get("compare_detector")
    if compared is None:
        return "nothing was compared"
    found = {model: numbers.get("map") for model, numbers in compared["result"]["numbers"].items()}
    told = ", ".join(
        f"{'none' if value is None else f'{value:.3f}'} of the {model}" for model, value in sorted(found.items())
    )
    return f"{NEW}; " * nothing_new(done) + f"mean average precision {told}"


def _housekeeping(done: Mapping[str, Any]) -> str:
    found = done["housekeeping"]["result"]
    kinds = {"outputs": "output", "objects": "object", "work_files": "work file", "model_versions": "model version"}
    listed = ", ".join(plural(found[name], shown) for name, shown in kinds.items() if found[name])
    if not listed:
        return "nothing is past its time"
    listed += f" ({found['megabytes']:,.0f} MB)"
    return f"removed {listed}" if found["removed"] else f"past their time: {listed}; nothing was removed"


def _watch(done: Mapping[str, Any]) -> str:
    found = done["alias_watch"]["result"]
    champion, entries = found["champion"], plural(found["entries"], "entry", "entries")
    now = "there is no champion" if champion is None else f"version {champion} of oi-cascade is the champion"
    if found["moved"] is not None:
        return f"{now}: moved by hand, which entry {found['moved']} of the ledger says now"
    return f"{now}, as the ledger of {entries} says"


SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "oi_ingest": _ingest,
    "oi_retrain": _retrain,
    "oi_rollback": _roll_back,
    "oi_ablation": _ablation,
    "oi_baseline": _baseline,
    "oi_housekeeping": _housekeeping,
    "oi_watch": _watch,
}
NEED_DATASET = ("oi_retrain", "oi_ablation", "oi_baseline")


def nothing_new(done: Mapping[str, Any]) -> bool:
    """Whether every step of a run found its output published: nothing was trained, nothing written."""
    return all(one["reused"] for job, value in done.items() if job not in LOOKS for one in _each(value))


def _cost(done: Mapping[str, Any]) -> str:
    """What the run used, if it used anything."""
    used = total(Used.of(one.get("used")) for value in done.values() for one in _each(value))
    if nothing_new(done) or not used.cpu_seconds:
        return ""
    gpu = f", {used.gpu_seconds:,.0f} GPU seconds" if used.gpu_seconds else ""
    return f"; it took {used.cpu_seconds:,.0f} CPU seconds{gpu}, and stored {used.stored_bytes / 1e6:,.1f} MB"


def _each(value: Any) -> Iterator[Said]:
    yield from [value] if isinstance(value, Mapping) else value


def _reasons(reasons: Sequence[Said]) -> str:
    told = "; ".join(str(reason["text"]) for reason in reasons[:REASONS])
    return told + (f"; and {len(reasons) - REASONS} more" if len(reasons) > REASONS else "")
