"""What each act of a session does to its STM."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from benchmarks.torture.checker.acts import Act, Outcome
from benchmarks.torture.checker.chain import event_name
from benchmarks.torture.checker.ordering import Placed
from benchmarks.torture.checker.session import Session


class Cut(IntEnum):
    """Whether it empties the STM, before it appends its events."""

    NEVER = 0
    PERHAPS = 1
    SURELY = 2


@dataclass(frozen=True, slots=True)
class Write:
    act: Act
    events: tuple[str, ...]
    """All that it observes, in order."""
    visible: tuple[str, ...]
    """The events that it leaves in the STM. If `cut` is PERHAPS, it may be fewer at the front."""
    cut: Cut

    @property
    def placed(self) -> Placed:
        return Placed(self.act.start, self.act.end, self.act.told, writes=True)


def _names(observations: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(event_name(observation["strings"]) for observation in observations)


def _lengths(answer: Any) -> list[int] | None:
    """The length of the STM after each observation, as the response says."""
    if not isinstance(answer, dict):
        return None
    answer = answer.get("result") or answer  # of a job
    items = answer.get("results", [answer])
    return [item["stm_length"] for item in items] if all("stm_length" in item for item in items) else None


def _observing(session: Session, act: Act, observations: list[dict[str, Any]]) -> Write:
    asked = act.asked.arguments
    events = _names(observations)
    learns = bool(asked.get("learn_at_end") or asked.get("learn_after_each")) and bool(events)
    if learns:
        return Write(act, events, (), Cut.SURELY if act.done else Cut.PERHAPS)
    if asked.get("clear_stm_between") and len(events) > 1:
        return Write(act, events, events[-1:], Cut.SURELY if act.done else Cut.PERHAPS)
    if not session.empties:
        return Write(act, events, events, Cut.NEVER)
    lengths = _lengths(act.answered.answer) if act.answered is not None else None
    if lengths is None or len(lengths) != len(events):
        return Write(act, events, events, Cut.PERHAPS)
    emptied = max((place for place, length in enumerate(lengths) if length == 0), default=None)
    if emptied is None:
        return Write(act, events, events, Cut.NEVER)
    return Write(act, events, events[emptied + 1 :], Cut.SURELY)


def writes_of(session: Session) -> Iterator[Write]:
    """In no order. Also those that were refused."""
    for act in session.acts:
        match act.asked.operation:
            case "observe":
                yield _observing(session, act, [act.asked.arguments])
            case "sequence":
                yield _observing(session, act, act.asked.arguments["observations"])
            case "learn" | "clear_stm" | "clear_all" if act.outcome is not Outcome.REFUSED:
                yield Write(act, (), (), Cut.SURELY if act.done else Cut.PERHAPS)
    for job in session.jobs:
        if job.observations:
            yield _observing(session, job.effect, job.observations)
