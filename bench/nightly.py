"""The pods of one night on some GPUs, event by event: they queue, nodes are taken away, tasks are tried again."""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Work:
    """A step in a pod."""

    name: str
    gpus: int
    hours: float
    """If nothing takes it away."""
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """What the pods run on."""

    gpus: int
    lost_every: float = float("inf")
    """Hours between two times that one GPU's node is taken away, on average; each GPU for itself."""
    back_after: float = 0.0
    """Hours until a taken node is replaced."""
    checkpoint: float = 10 / 60
    """Hours between two states; what came after the last is done again."""
    start: float = 21 / 3600
    """Hours that a pod takes to start and to be cleared away."""
    tries: int = 5


@dataclass
class _Night:
    cluster: Cluster
    work: Sequence[Work]
    random: random.Random
    free: int = 0
    events: list[tuple[float, int, str, str]] = field(default_factory=list)
    left: dict[str, float] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    began: dict[str, float] = field(default_factory=dict)
    order: int = 0

    def push(self, at: float, kind: str, name: str) -> None:
        self.order += 1
        heapq.heappush(self.events, (at, self.order, kind, name))

    def lost_after(self, gpus: int) -> float:
        """Hours until the first of some GPUs is taken away."""
        if not gpus or self.cluster.lost_every == float("inf"):
            return float("inf")
        return self.random.expovariate(gpus / self.cluster.lost_every)

    def start_what_fits(self, now: float) -> None:
        """First come, first served; a small pod may pass by a large one that does not fit."""
        for work in self.work:
            ready = work.name in self.left and work.name not in self.began and set(work.after) <= self.done
            if ready and work.gpus <= self.free:
                self.free -= work.gpus
                self.began[work.name] = now
                ends = self.cluster.start + self.left[work.name]
                lost = self.lost_after(work.gpus)
                self.push(now + min(ends, lost), "lost" if lost < ends else "ended", work.name)


def night(work: Sequence[Work], cluster: Cluster, seed: int = 0) -> float | None:
    """Hours until all is done; None when a step failed in its last try, or asks for more GPUs than there are."""
    state = _Night(cluster, work, random.Random(seed), free=cluster.gpus)
    state.left = {one.name: one.hours for one in work}
    state.start_what_fits(0.0)
    sizes, now = {one.name: one.gpus for one in work}, 0.0
    while state.events:
        now, _, kind, name = heapq.heappop(state.events)
        if kind == "back":
            state.free += 1
        elif kind == "ended":
            state.free += sizes[name]
            state.done.add(name)
            del state.left[name], state.began[name]
        else:
            ran = max(0.0, now - state.began.pop(name) - cluster.start)
            kept = ran // cluster.checkpoint * cluster.checkpoint
            state.left[name] -= kept
            state.tries[name] = state.tries.get(name, 1) + 1
            if state.tries[name] > cluster.tries:
                return None
            state.free += sizes[name] - 1
            state.push(now + cluster.back_after, "back", name)
        state.start_what_fits(now)
    return now if not state.left else None
