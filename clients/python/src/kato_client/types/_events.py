"""What the stream of events sends: about sessions, and about acts on patterns."""

from typing import Literal, NotRequired, TypedDict


class SnapshotData(TypedDict):
    active_sessions: int
    system_status: str
    worker_pid: NotRequired[int]


class CreatedData(TypedDict):
    session_id: str
    node_id: str
    created_at: str


class DestroyedData(TypedDict):
    session_id: str
    destroyed_at: str
    reason: str


class ActData(TypedDict):
    """`patterns`: their names without `PTRN|`, at most a thousand of them. `count`: of all."""

    node_id: str
    patterns: list[str]
    count: int


class Snapshot(TypedDict):
    event_type: Literal["state.snapshot"]
    timestamp: str
    data: SnapshotData


class SessionCreated(TypedDict):
    event_type: Literal["session.created"]
    timestamp: str
    data: CreatedData


class SessionDestroyed(TypedDict):
    event_type: Literal["session.destroyed"]
    timestamp: str
    data: DestroyedData


class PatternsActedOn(TypedDict):
    event_type: Literal["patterns.retired", "patterns.un-retired", "patterns.purged"]
    timestamp: str
    data: ActData


SessionEvent = SessionCreated | SessionDestroyed | PatternsActedOn
"""`event_type` says which one it is; events of patterns have no `session_id`."""
