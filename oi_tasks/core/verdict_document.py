"""The verdict as a document: what the gate publishes, the report shows and the ledger refers to.

Its JSON schema is published as `docs/verdict.schema.json`.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class DocumentPart(BaseModel):
    """A part of the document: frozen, and nothing beside what it names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReasonRow(DocumentPart):
    """Why the candidate is refused."""

    code: str = Field(description="one of the gate's codes")
    text: str = Field(description="the reason in a sentence")
    part: str = Field("", description="the model it concerns; empty: all of it")


class JudgedRow(DocumentPart):
    """One number that was judged."""

    part: str
    number: str
    value: float | None
    floor: float | None
    may_lose: float | None
    lost_at_most: float | None = Field(description="the worse end of the interval of the paired difference")
    passed: bool
    ceiling: float | None = None
    champion: float | None = None
    difference: float | None = None


class ChampionsPhotos(DocumentPart):
    """The same comparison on test photos of the dataset that the champion comes from."""

    dataset: str = Field(description="id of the champion's dataset")
    left_out: str = Field("", description="why nothing was judged on its photos; empty: it was")
    photos: int = Field(0, description="its test photos that no part of the candidate was trained or tuned on")
    seen: int = Field(0, description="its test photos that one was, which are left out")
    judged: tuple[JudgedRow, ...] = ()
    not_judged: tuple[str, ...] = Field((), description="numbers that too few of the photos show, and why")


class ChangedRow(DocumentPart):
    """A slice, with the paired difference to the champion's and the ends of its 95 % interval."""

    kind: str
    value: str
    name: str
    metric: str
    photos: int
    candidate: float | None
    champion: float | None
    difference: float | None
    low: float | None
    high: float | None


class CostRow(DocumentPart):
    """What was used of machines and store, and its price where the profile has prices."""

    cpu_seconds: float = Field(description="seconds of cores")
    gpu_seconds: float = Field(description="seconds of GPUs held")
    stored_bytes: int = Field(description="bytes newly stored")
    price: float | None = Field(None, description="of all three, what was stored for one month; null without prices")


class Cost(DocumentPart):
    """What it cost up to the verdict."""

    run: CostRow | None = Field(description="the run's steps before the gate, reused ones free; null outside of a run")
    version: CostRow = Field(description="making the version, whenever its steps ran: shards, trainings, evaluation")
    currency: str = Field("", description="of the prices; empty where the profile has none")


class VerdictDocument(DocumentPart):
    """Candidate, champion, numbers, thresholds, and a reason for each failure."""

    decision: Literal["promote", "refuse"]
    reasons: tuple[ReasonRow, ...]
    note: str = Field(description="against what it was judged")
    candidate: int = Field(description="version of oi-cascade")
    champion: int | None = Field(description="the version in use at the evaluation")
    evaluation: str = Field(description="id of the evaluation that was judged")
    profile: str
    judged: tuple[JudgedRow, ...]
    thresholds: dict[str, Any] = Field(description="the profile's gate")
    changed_most: tuple[ChangedRow, ...] = Field((), description="the slices that differ most from the champion's")
    champions_photos: ChampionsPhotos | None = Field(None, description="null: both come from the same dataset")
    kept: tuple[str, ...] = Field((), description="clusters that failed, and keep the champion's model")
    cost: Cost | None = Field(None, description="up to the verdict, in the run that made it; null: not written down")
