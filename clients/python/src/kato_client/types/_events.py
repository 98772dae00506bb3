"""What the stream of session events sends."""

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


SessionEvent = SessionCreated | SessionDestroyed
