"""What listeners of `/ws/events` hear: each creation and deletion once, and nothing else (docs/events.md)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.torture.checker.acts import Act, Outcome, outcome_of
from benchmarks.torture.checker.node import Node
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import Session
from benchmarks.torture.checker.sessions import Alive, over_by
from benchmarks.torture.history import Event, Fault, Request

PATIENCE = 10.0  # seconds in which an event comes, once everything works
LATEST = 20.0  # seconds after which it is too late, however busy the machine is
CLEANED = 20.0  # seconds in which the clean-up finds a session whose life is over

CREATED, DESTROYED = "session.created", "session.destroyed"


def _kind(event: Event) -> str:
    kind: str = event.event["event_type"]
    return kind


def _due(moment: float, faults: list[Fault], patience: float = PATIENCE) -> float:
    """When an event of this moment must have come. `faults` in the order of their starts."""
    due = moment + patience
    for fault in faults:
        if fault.start <= due and fault.well + patience > due:
            due = fault.well + patience
    return due


@dataclass(frozen=True, slots=True)
class _Happening:
    """Something that every listener must hear of. It happened between two times."""

    kind: str
    start: float
    end: float
    told: Request | Event


def _faults(session: Session) -> list[Fault]:
    start = session.requests[0].start
    return sorted((fault for fault in session.faults if fault.well > start), key=lambda fault: fault.start)


def _known(session: Session) -> Iterator[_Happening]:
    """What responses, or the time, say."""
    for act in session.acts:
        if act.done and act.asked.operation in ("create", "delete"):
            kind = CREATED if act.asked.operation == "create" else DESTROYED
            yield _Happening(kind, act.start, act.end, act.told)
    found = [request for request in session.requests if outcome_of(request) is Outcome.DONE]
    over = over_by(session)
    if over is not None and found:
        yield _Happening(DESTROYED, found[-1].start, over + CLEANED, found[-1])


def _heard(session: Session) -> Iterator[_Happening]:
    """What some listener heard."""
    for kind in (CREATED, DESTROYED):
        event = min((one for one in session.events if _kind(one) == kind), key=lambda one: one.at, default=None)
        if event is None:
            continue
        found = [request for request in session.requests if outcome_of(request) is Outcome.DONE]
        if kind == CREATED:
            starts = [act.start for act in session.acts if act.asked.operation == "create"]
        elif event.event["data"].get("reason") == "explicit_delete":
            starts = [act.start for act in session.acts if act.asked.operation == "delete" and not act.refused]
        else:
            starts = [max((request.start for request in found if request.start < event.at), default=event.at)]
        if starts:
            yield _Happening(kind, min(starts), event.at, event)


def reaches_everyone(session: Session, judge: Judge) -> None:
    """Every listener that was connected all the time receives the event of every acknowledged creation and deletion, of
    every session whose life is surely over, and whatever another listener received."""
    received = {(event.listener, _kind(event)) for event in session.events}
    faults = _faults(session)
    for happening in (*_known(session), *_heard(session)):
        due = _due(happening.end, faults)
        for listener in session.listening:
            if listener.start < happening.start and listener.end > due:
                judge.compared()
                if (listener.listener, happening.kind) not in received:
                    received.add((listener.listener, happening.kind))
                    what = f"{listener.listener} did not receive {happening.kind}"
                    judge.violated(what, happening.told, listener)


def in_time(session: Session, judge: Judge) -> None:
    """An event comes within twenty seconds: counted from the response to what it tells of, from when the clean-up must
    have found that the session's life is over, or from the end of a fault."""
    faults = _faults(session)
    for happening in _known(session):
        due = _due(happening.end, faults, LATEST)
        for event in session.events:
            if _kind(event) == happening.kind:
                judge.compared()
                if event.at > due:
                    judge.violated(f"it came {event.at - happening.end:.1f} s later", happening.told, event)


def once(session: Session, judge: Judge) -> None:
    """No listener receives an event twice, or the end of a session before its creation."""
    counts = Counter((event.listener, _kind(event)) for event in session.events)
    judge.compared(len(session.events))
    for (listener, kind), number in counts.items():
        if number > 1:
            repeated = [event for event in session.events if (event.listener, _kind(event)) == (listener, kind)]
            judge.violated(f"{listener} received {kind} {number} times", *repeated[:2])
    destroyed = {event.listener: event for event in session.events if _kind(event) == DESTROYED}
    for event in session.events:
        end = destroyed.get(event.listener)
        if _kind(event) == CREATED and end is not None and end.at < event.at:
            judge.violated("destroyed came before created", end, event)


def only_what_happened(session: Session, judge: Judge) -> None:
    """Nothing is announced that did not happen: no creation before it was asked for, no deletion without a request,
    no expiry of a session that lives, or that was deleted."""
    alive: Alive | None = None
    for event in session.events:
        judge.compared()
        if _kind(event) == CREATED:
            _asked_for("create", session, event, judge)
        elif event.event["data"].get("reason") == "explicit_delete":
            _asked_for("delete", session, event, judge)
        else:
            alive = alive or Alive(session)
            witness = alive.witness(event.at, event.at)
            deleted = next((act for act in session.acts if act.asked.operation == "delete" and act.done), None)
            if witness is not None:
                judge.violated("a living session was announced as expired", witness, event)
            elif deleted is not None:
                judge.violated("a deleted session was announced as expired", deleted.told, event)


def _asked_for(operation: str, session: Session, event: Event, judge: Judge) -> None:
    asked = [act for act in session.acts if act.asked.operation == operation and not act.refused]
    if not any(act.start < event.at for act in asked):
        judge.violated(f"nobody had asked for {operation}", event, *(act.told for act in asked[:1]))


def nobody_unknown(node: Node, judge: Judge) -> None:
    """A session that is announced on a node was created there: it is that of a response, or of a request without
    one."""
    known = {name for request in node.own if (name := _created(request)) is not None}
    open_creations = node.open_creations
    strange = {
        event.event["data"]["session_id"]: event
        for event in node.events
        if event.event["data"]["session_id"] not in known
    }
    judge.compared(len(node.events))
    if len(strange) > len(open_creations):
        judge.violated(
            f"{len(strange)} sessions without a response, {len(open_creations)} requests without one",
            *strange.values(),
            *(act.told for act in open_creations),
        )


@dataclass(frozen=True, slots=True)
class Strangers:
    """Sessions that events name and no request does, and the creations without a response, of all nodes."""

    events: list[list[Event]]
    creations: list[Act]


def someone_created(strangers: Strangers, judge: Judge) -> None:
    """A session whose end is announced is that of a request, or one that a creation without a response made."""
    ended = [found for events in strangers.events if (found := [one for one in events if _kind(one) == DESTROYED])]
    judge.compared(len(ended))
    if len(ended) > len(strangers.creations):
        what = f"the ends of {len(ended)} sessions that no request names, {len(strangers.creations)} open creations"
        judge.violated(what, *(events[0] for events in ended), *(act.told for act in strangers.creations))


def _created(request: Request) -> str | None:
    answer = request.answer if isinstance(request.answer, dict) else {}
    name: str | None = answer.get("session_id")
    return name


OF_A_NODE = (nobody_unknown,)
RULES = (reaches_everyone, in_time, once, only_what_happened)
