"""What the simulated service keeps, and which faults it can have."""

from dataclasses import dataclass, field
from typing import Any

Event = tuple[str, ...]

FAULTS = (
    "announced too early",
    "another order",
    "another order of predictions",
    "another response to a key",
    "another session's STM",
    "another similarity",
    "another time to live",
    "clear ignored",
    "clear-all forgets nothing",
    "deleted session lives",
    "deletion called an expiry",
    "event of the STM twice",
    "event twice",
    "expiry not announced",
    "extension lost",
    "false 404",
    "first length wrong",
    "half a sequence",
    "job done twice",
    "job forgotten",
    "job goes back",
    "key ignored",
    "key shared",
    "learned twice",
    "learned, and not told",
    "learned, and still there",
    "lost configuration",
    "lost event",
    "lost event of the STM",
    "no Retry-After",
    "no settings",
    "not learned",
    "old frequency",
    "pattern missing",
    "pattern of another node",
    "refused, and done",
    "retired, and learned",
    "retired, and predicted",
    "stale configuration",
    "stale read",
    "window not learned",
)


@dataclass
class Session:
    id: str
    node: str
    ttl: float
    deadline: float
    settings: dict[str, Any]
    stm: list[Event] = field(default_factory=list)
    time: int = 0
    deleted: bool = False
    promised: float = 0.0
    """The end of an extension."""
    older: list[Event] = field(default_factory=list)
    """The STM before the last write, for stale reads."""
    older_settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Job:
    id: str
    session: str | None
    node: str
    body: dict[str, Any]
    state: str = "waiting"
    done: int = 0
    result: Any = None

    @property
    def total(self) -> int:
        return len(self.body.get("observations", self.body.get("sequences", [])))

    @property
    def answer(self) -> dict[str, Any]:
        return {
            "job_id": self.id,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "result": self.result,
            "session_id": self.session,
        }


def common(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence."""
    best = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, symbol in enumerate(one):
        for j, against in enumerate(other):
            best[i + 1][j + 1] = best[i][j] + 1 if symbol == against else max(best[i][j + 1], best[i + 1][j])
    return best[-1][-1]


def flat(events: list[Event]) -> list[str]:
    return [symbol for event in events for symbol in event]
