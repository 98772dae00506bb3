"""What was asked once: one request, or all requests that repeat it under one Idempotency-Key."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from benchmarks.torture.history import Operation, Request

WRITES: frozenset[Operation] = frozenset(
    {
        *("create", "extend", "configure", "delete"),
        *("observe", "sequence", "learn", "clear_stm", "clear_all", "submit"),
        *("retire", "un_retire", "purge"),
    }
)


class Outcome(Enum):
    DONE = "done"
    REFUSED = "refused"
    """Nothing was done."""
    UNKNOWN = "unknown"
    """No response, or one that leaves it open: done once at any time after the start, or never."""


def outcome_of(request: Request) -> Outcome:
    if request.status is None or request.status >= 500:
        return Outcome.UNKNOWN
    return Outcome.DONE if request.status < 300 else Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Act:
    requests: tuple[Request, ...]
    outcome: Outcome
    start: float
    """Before this it was not done."""
    end: float
    """By this it was done; infinite if that is not known."""
    answered: Request | None
    """The first request that reported it done."""

    @property
    def asked(self) -> Request:
        return self.requests[0]

    @property
    def told(self) -> Request:
        """The request that a story tells of."""
        return self.answered or self.requests[0]

    @property
    def done(self) -> bool:
        return self.outcome is Outcome.DONE

    @property
    def refused(self) -> bool:
        return self.outcome is Outcome.REFUSED


def act_of(requests: Iterable[Request]) -> Act:
    attempts = tuple(sorted(requests, key=lambda request: request.start))
    done = [request for request in attempts if outcome_of(request) is Outcome.DONE]
    if done:
        answered = min(done, key=lambda request: request.end)
        return Act(attempts, Outcome.DONE, _beginning(attempts, done), answered.end, answered)
    known = all(outcome_of(request) is Outcome.REFUSED for request in attempts)
    outcome = Outcome.REFUSED if known else Outcome.UNKNOWN
    return Act(attempts, outcome, attempts[0].start, math.inf, None)


def _beginning(attempts: tuple[Request, ...], done: list[Request]) -> float:
    """When the one that was performed began: a repeated response is that of an attempt without one."""
    performed = [request for request in done if not request.replayed]
    lost = [request for request in attempts if outcome_of(request) is Outcome.UNKNOWN]
    return min(request.start for request in performed or lost or done)


def body_of(request: Request) -> str:
    return json.dumps([request.operation, request.arguments], sort_keys=True)


def acts_of(requests: Iterable[Request]) -> Iterator[Act]:
    """The writes of one session, or of one node, in no order."""
    repeated: dict[tuple[str, str], list[Request]] = {}
    for request in requests:
        if request.operation not in WRITES:
            continue
        if request.idempotency_key is None:
            yield act_of([request])
        else:
            repeated.setdefault((request.idempotency_key, body_of(request)), []).append(request)
    for attempts in repeated.values():
        yield act_of(attempts)
