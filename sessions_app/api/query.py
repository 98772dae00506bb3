"""Query parameters of the session and job routes. Each function raises InvalidRequest if the value is invalid."""

from typing import Annotated, Literal

from django.http import HttpRequest
from pydantic import Field, TypeAdapter

from foundation import callers
from foundation.http.bodies import parse_query
from memory_app.node_ids import NodeId
from sessions_app import reads
from sessions_app.models.jobs import Kind, State
from sessions_app.shapes.bodies import MAX_TTL

MAX_SKIP = 2**31
MAX_LIMIT, DEFAULT_LIMIT = 1000, 100
DEFAULT_TTL = 3600

_SKIP = TypeAdapter(Annotated[int, Field(ge=0, le=MAX_SKIP)])
_LIMIT = TypeAdapter(Annotated[int, Field(ge=1, le=MAX_LIMIT)])
_NODE = TypeAdapter(NodeId)
_TEXT = TypeAdapter(str)
_STATE = TypeAdapter(State)
_KIND = TypeAdapter(Kind)
_MODE = TypeAdapter(Literal["sync", "async"])
_TTL = TypeAdapter(Annotated[int, Field(ge=1, le=MAX_TTL)])


def skip_and_limit(request: HttpRequest) -> tuple[int, int]:
    return parse_query(request, "skip", _SKIP, 0), parse_query(request, "limit", _LIMIT, DEFAULT_LIMIT)


def after(request: HttpRequest) -> reads.Cursor | None:
    text: str | None = parse_query(request, "after", _TEXT, None)
    return None if text is None else reads.cursor_of(text)


def node_id(request: HttpRequest) -> str | None:
    """Raises ForeignNode, too."""
    value: str | None = parse_query(request, "node_id", _NODE, None)
    if value is not None:
        callers.current().require_node(value)
    return value


def job_state(request: HttpRequest) -> State | None:
    value: State | None = parse_query(request, "state", _STATE, None)
    return value


def job_kind(request: HttpRequest) -> Kind | None:
    value: Kind | None = parse_query(request, "kind", _KIND, None)
    return value


def is_async(request: HttpRequest) -> bool:
    mode: str = parse_query(request, "mode", _MODE, "sync")
    return mode == "async"


def ttl_seconds(request: HttpRequest) -> int:
    value: int = parse_query(request, "ttl_seconds", _TTL, DEFAULT_TTL)
    return value
