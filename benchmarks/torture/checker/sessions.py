"""The life of a session: it ends once, for good, and not before it must (docs/specification/http.md 2.3)."""

import math
from bisect import bisect_left
from dataclasses import dataclass

from benchmarks.torture.checker.acts import Act, Outcome, outcome_of
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import Session
from benchmarks.torture.history import Request

DEFAULT_TTL = 3600.0
ROUNDING = 1.0  # seconds by which a deadline may look different from outside
LONG_BATCH = 120.0  # seconds that a long sequence adds

# These say nothing of the session's life: a job and the act of creation are not in it.
_OUTSIDE = frozenset({"create", "read_job"})


def _of_session(session: Session) -> list[Request]:
    return [request for request in session.requests if request.operation not in _OUTSIDE]


def _deletes(session: Session) -> list[Act]:
    return [act for act in session.acts if act.asked.operation == "delete" and not act.refused]


def ids_are_new(session: Session, judge: Judge) -> None:
    """No two creations return the same id."""
    made = [act for act in session.acts if act.asked.operation == "create" and act.done]
    judge.compared(len(made))
    for other in made[1:]:
        judge.violated("two creations have this id", made[0].told, other.told)


def its_own_answers(session: Session, judge: Judge) -> None:
    """A response names the session that was asked, and its node."""
    for request in session.requests:
        if not isinstance(request.answer, dict) or outcome_of(request) is not Outcome.DONE:
            continue
        judge.compared()
        if request.answer.get("session_id", session.id) not in (session.id, None):
            judge.violated("the response is of another session", request)
        elif {request.answer.get(name) for name in ("node_id", "processor_id")} - {request.node, None}:
            judge.violated("the response names another node", request)


def gone_for_good(session: Session, judge: Judge) -> None:
    """Once a delete was acknowledged, or a request was told that the session is gone, every request that begins later
    is told the same."""
    requests = _of_session(session)
    ends = [
        request
        for request in requests
        if request.status == 404 or (request.operation == "delete" and outcome_of(request) is Outcome.DONE)
    ]
    if not ends:
        return
    gone = min(ends, key=lambda request: request.end)
    for request in requests:
        if request.start > gone.end:
            judge.compared()
            if outcome_of(request) is Outcome.DONE:
                judge.violated("the session is there again", gone, request)


def deleted_once(session: Session, judge: Judge) -> None:
    """Of all deletes of a session one is acknowledged; the others are told that it is gone."""
    done = [act for act in _deletes(session) if act.done]
    judge.compared(len(done))
    for other in done[1:]:
        judge.violated("two deletes were acknowledged", done[0].told, other.told)


def own_ttl(session: Session) -> float:
    """Seconds for which it lives after an access."""
    created = next((act.told for act in session.acts if act.asked.operation == "create"), None)
    told = created.answer if created is not None and isinstance(created.answer, dict) else {}
    asked = created.arguments if created is not None else {}
    return float(asked.get("ttl_seconds") or told.get("ttl_seconds") or DEFAULT_TTL)


def _replaces(request: Request) -> bool:
    """Whether it surely was an extension, which replaces what all earlier requests granted."""
    return request.operation == "extend" and not request.replayed and outcome_of(request) is Outcome.DONE


@dataclass(frozen=True, slots=True)
class Life:
    """How long the requests for a session keep it alive."""

    session: Session
    ttl: float

    @classmethod
    def of(cls, session: Session) -> "Life":
        return cls(session, own_ttl(session))

    def granted(self, request: Request) -> float:
        """Seconds from a request on for which the session lives at least. A repeated extension is an access only."""
        if request.operation == "extend" and not request.replayed:
            return float(request.arguments.get("ttl_seconds", DEFAULT_TTL))
        return self.ttl

    def possible(self, request: Request) -> float:
        """Seconds from a request on for which it may live because of it."""
        granted = self.granted(request) if _replaces(request) else max(self.granted(request), self.ttl)
        return granted + min(granted * 0.05, 60) + (LONG_BATCH if request.operation == "sequence" else 0)

    def surely(self, requests: list[Request], start: float, end: float) -> Request | None:
        """A request that keeps the session alive for all this time, unless it is deleted."""
        alive = [
            request
            for request in requests
            if request.end <= start
            and not (request.operation == "create" and request.replayed)
            and outcome_of(request) is Outcome.DONE
            and request.start + self.granted(request) > end + ROUNDING
        ]
        if not alive:
            return None
        witness = max(alive, key=lambda request: request.start)
        shortened = any(
            act.asked.operation == "extend"
            and not act.refused
            and act.end > witness.start
            and act.start < end
            and act.start + self.granted(act.asked) <= end + ROUNDING
            for act in self.session.acts
        )
        return None if shortened else witness


class Reach:
    """Until when a session may live. Its accesses are added in the order of their starts."""

    def __init__(self, session: Session) -> None:
        self._life = Life.of(session)
        self._accesses: list[Request] = []
        self.last: Request | None = None
        """The one because of which it may live longest."""

    @property
    def until(self) -> float:
        return self._end(self.last) if self.last is not None else math.inf

    def add(self, request: Request) -> None:
        if _replaces(request):
            # As long as it has not ended, it may itself still let the session live: so it counts from its start on.
            self._accesses = [access for access in self._accesses if access.end >= request.start]
            self.last = max(self._accesses, key=self._end, default=None)
        self._accesses.append(request)
        if self.last is None or self._end(request) > self.until:
            self.last = request

    def _end(self, access: Request) -> float:
        return access.end + self._life.possible(access)


class Alive:
    """Whether a session surely lived, asked many times."""

    def __init__(self, session: Session) -> None:
        self._life = Life.of(session)
        self._requests = sorted(
            (request for request in session.requests if request.operation != "read_job"),
            key=lambda request: request.end,
        )
        self._ends = [request.end for request in self._requests]
        self._first_delete = min((act.start for act in _deletes(session)), default=math.inf)

    def witness(self, start: float, end: float) -> Request | None:
        if self._first_delete < end:
            return None
        before = bisect_left(self._ends, start)
        # Those that granted most began last, or were extensions: the last ones of a sorted list, and all extensions.
        recent = self._requests[max(0, before - 50) : before]
        extensions = [request for request in self._requests[:before] if request.operation == "extend"]
        return self._life.surely([*recent, *extensions], start, end)


def found_while_it_lives(session: Session, judge: Judge) -> None:
    """A session that was not deleted is found as long as its life lasts from the last access, or from an extension."""
    missing = [request for request in _of_session(session) if request.status == 404]
    if not missing:
        return
    alive = Alive(session)
    for request in missing[:100]:
        judge.compared()
        witness = alive.witness(request.start, request.end)
        if witness is not None:
            judge.violated("a living session was not found", witness, request)


def gone_when_expired(session: Session, judge: Judge) -> None:
    """A session is gone when its life has ended since the last access to it, with what the service may add: 5 % of the
    life, a minute at most. An extension replaces what the accesses before it granted, and so may shorten the life."""
    if session.jobs:
        return  # A job is an access, too, at a time that nobody sees.
    reach = Reach(session)
    for request in session.requests:
        if outcome_of(request) is Outcome.DONE and request.operation not in _OUTSIDE:
            judge.compared()
            if request.start > reach.until + ROUNDING:
                judge.violated("an expired session was found", reach.last, request)
        if outcome_of(request) is Outcome.UNKNOWN:
            return  # It may be an access at any later time.
        if request.operation != "read_job":
            reach.add(request)


def over_by(session: Session) -> float | None:
    """When the life of a session that nobody deleted was over at the latest, if that is known."""
    unknown = any(outcome_of(request) is Outcome.UNKNOWN for request in session.requests)
    if unknown or session.jobs or _deletes(session):
        return None
    reach = Reach(session)
    for request in session.requests:
        if request.status != 404:
            reach.add(request)
    return reach.until + ROUNDING if reach.last is not None else None


RULES = (ids_are_new, its_own_answers, gone_for_good, deleted_once, found_while_it_lives, gone_when_expired)
