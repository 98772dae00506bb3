"""What listeners of `/ws/events` hear: each creation and deletion once, and nothing else (docs/events.md)."""

from collections import Counter
from collections.abc import Iterator

from benchmarks.torture.checker.acts import Act
from benchmarks.torture.checker.node import Node
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import Session
from benchmarks.torture.checker.sessions import Alive
from benchmarks.torture.history import Event, Fault, Listening, Request

PATIENCE = 10.0  # seconds in which an event comes, once everything works

CREATED, DESTROYED = "session.created", "session.destroyed"


def _kind(event: Event) -> str:
    kind: str = event.event["event_type"]
    return kind


def _due(moment: float, faults: list[Fault]) -> float:
    """When an event of this moment must have come. `faults` in the order of their starts."""
    due = moment + PATIENCE
    for fault in faults:
        if fault.start <= due and fault.well + PATIENCE > due:
            due = fault.well + PATIENCE
    return due


def _witnesses(session: Session, act: Act) -> Iterator[Listening]:
    """Those that listened from before the request began until after its event was due."""
    faults = sorted((fault for fault in session.faults if fault.well > act.start), key=lambda fault: fault.start)
    due = _due(act.end, faults)
    return (one for one in session.listening if one.start < act.start and one.end > due)


def reaches_everyone(session: Session, judge: Judge) -> None:
    """Every listener that was connected all the time receives the event of every acknowledged creation and deletion."""
    received = {(event.listener, _kind(event)) for event in session.events}
    for act in session.acts:
        if act.done and act.asked.operation in ("create", "delete"):
            kind = CREATED if act.asked.operation == "create" else DESTROYED
            for listener in _witnesses(session, act):
                judge.compared()
                if (listener.listener, kind) not in received:
                    judge.violated(f"{listener.listener} did not receive {kind}", act.told, listener)


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
    no expiry of a session that lives."""
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
            if witness is not None:
                judge.violated("a living session was announced as expired", witness, event)


def _asked_for(operation: str, session: Session, event: Event, judge: Judge) -> None:
    asked = [act for act in session.acts if act.asked.operation == operation and not act.refused]
    if not any(act.start < event.at for act in asked):
        judge.violated(f"nobody had asked for {operation}", event, *(act.told for act in asked[:1]))


def nobody_unknown(node: Node, judge: Judge) -> None:
    """A session that is announced on a node was created there: it is that of a response, or of a request without
    one."""
    known = {name for request in node.own if (name := _created(request)) is not None}
    open_creations = [act for act in node.acts if act.asked.operation == "create" and not act.refused and not act.done]
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


def _created(request: Request) -> str | None:
    answer = request.answer if isinstance(request.answer, dict) else {}
    name: str | None = answer.get("session_id")
    return name


OF_A_NODE = (nobody_unknown,)
RULES = (reaches_everyone, once, only_what_happened)
