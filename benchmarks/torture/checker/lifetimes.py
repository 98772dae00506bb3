"""How long a session is said to live (docs/specification/http.md 2.3). Only the clock of the database counts; where two
of its times are compared, it does not matter what it shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.torture.checker.acts import Act
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import Session
from benchmarks.torture.checker.sessions import DEFAULT_TTL, ROUNDING, own_ttl
from benchmarks.torture.history import Request


def as_asked(session: Session, judge: Judge) -> None:
    """The response to a creation or an extension says the time to live that was asked for."""
    for request in session.requests:
        if request.operation not in ("create", "extend") or request.status != 200:
            continue
        asked, told = request.arguments.get("ttl_seconds"), request.answer.get("ttl_seconds")
        if asked is not None and told is not None:
            judge.compared()
            if asked != told:
                judge.violated(f"asked for {asked} seconds, and got {told}", request)


@dataclass(frozen=True, slots=True)
class _Deadline:
    """When the session must end, on the clock of the history: between two times."""

    low: float
    high: float
    told: Request


def _performed(session: Session, operation: str) -> list[Act]:
    return [act for act in session.acts if act.asked.operation == operation and not act.refused]


def _extension(act: Act, seen: float) -> _Deadline:
    seconds = float(act.asked.arguments.get("ttl_seconds", DEFAULT_TTL))
    return _Deadline(act.start + seconds, min(act.end, seen) + seconds, act.told)


def _deadlines(session: Session) -> Iterator[tuple[Request, _Deadline]]:
    """Of each read of the session, what it may promise: its own life from then on, or what the last extension set."""
    ttl = own_ttl(session)
    extensions = _performed(session, "extend")
    for request in session.requests:
        if request.operation != "read_session" or request.status != 200:
            continue
        low, high, told = request.start + ttl, request.end + ttl, request
        before = [act for act in extensions if act.end < request.start]
        last = max(before, key=lambda act: act.start, default=None)
        possible = [
            _extension(act, request.end)
            for act in extensions
            if act.start < request.end and (last is None or act.end >= last.start)
        ]
        if last is not None:
            # Any of those that no later one has surely replaced.
            low = max(low, min(deadline.low for deadline in possible))
            told = last.told
        yield request, _Deadline(low, max([high, *(deadline.high for deadline in possible)]), told)


def _time(answer: Any, name: str) -> float | None:
    return datetime.fromisoformat(answer[name]).timestamp() if name in answer else None


def as_promised(session: Session, judge: Judge) -> None:
    """A read of a session shows the end of its life: its time to live from the read on, or what the last extension set
    if that is later, both as seconds that are left and as a time after its creation."""
    created = next(iter(_performed(session, "create")), None)
    for request, deadline in _deadlines(session):
        answer = request.answer
        left = answer.get("ttl_seconds")
        if left is not None:
            judge.compared()
            low, high = deadline.low - request.end - 1, deadline.high - request.start  # whole seconds, rounded down
            if not low - ROUNDING <= left <= high + ROUNDING:
                judge.violated(
                    f"{left} seconds left, between {low:.1f} and {high:.1f} expected", deadline.told, request
                )
        ends, began = _time(answer, "expires_at"), _time(answer, "created_at")
        if ends is None or began is None or created is None or not created.done:
            continue
        judge.compared()
        low, high = deadline.low - created.end, deadline.high - created.start
        if not low - ROUNDING <= ends - began <= high + ROUNDING:
            what = f"it ends {ends - began:.1f} seconds after its creation, between {low:.1f} and {high:.1f} expected"
            judge.violated(what, deadline.told, request)


RULES = (as_asked, as_promised)
