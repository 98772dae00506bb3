"""What clients saw, one line of JSON per request, event and fault, in the order in which they ended.

The checker knows nothing else of the service. Times are seconds on one monotonic clock, that of the recording process.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

Operation = Literal[
    "create",
    "observe",
    "sequence",  # observe-sequence
    "learn",
    "clear_stm",
    "clear_all",
    "retire",  # patterns of the node, as the two that follow
    "un_retire",
    "purge",
    "delete",
    "extend",
    "configure",
    "read_session",
    "read_stm",
    "read_config",
    "predict",
    "submit",  # a job: the request that is answered with 202
    "read_job",
]


@dataclass(frozen=True, slots=True)
class Request:
    """One request and its response.

    `number` counts requests in the order of their starts; the symbols that it observes are made from it, so that
    none is observed twice. `status` is None if no response came (the connection broke, or the client left), and `end`
    is then when the client knew: the service may have done what was asked at any later time, or never.
    `arguments` is the body that was sent; `answer` the body that was received, or None if it is no JSON.
    """

    number: int
    client: str
    start: float
    end: float
    operation: Operation
    session: str | None
    node: str
    arguments: dict[str, Any]
    idempotency_key: str | None
    status: int | None
    answer: Any
    instance: str | None = None
    """The process that answered (`X-Kato-Instance`)."""
    retry_after: str | None = None
    replayed: bool = False
    """Whether the service said that this is the first response to the key, repeated."""
    error: str | None = None
    """Why no response came: for people."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a listener of `/ws/events` received: `listener` names one connection of one client."""

    listener: str
    at: float
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listening:
    """A listener was connected from `start`, when it was welcome, until `end`."""

    listener: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Fault:
    """`name` was done at `start`; its cause was gone at `end`. `well` is when all parts worked again."""

    name: str
    start: float
    end: float
    well: float
    details: dict[str, Any] = field(default_factory=dict)


Entry = Request | Event | Listening | Fault
_KINDS: dict[str, type[Entry]] = {kind.__name__.lower(): kind for kind in (Request, Event, Listening, Fault)}
_FIELDS = {kind: [one.name for one in fields(kind)] for kind in _KINDS.values()}


class Recorder:
    """Writes entries from any thread as they end, so that a run needs no more memory the longer it takes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        kind = type(entry)
        # Not asdict: it copies every answer, which costs more than to write it.
        parts = {name: getattr(entry, name) for name in _FIELDS[kind]}
        line = json.dumps({"kind": kind.__name__.lower(), **parts}, separators=(",", ":"))
        with self._lock:
            self._file.write(line + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class NoHistory(Exception):
    """A file that no run has written, or not to its end."""


def entry_of(line: str) -> Entry:
    """Raises ValueError for a line that is no entry."""
    parts = json.loads(line)
    try:
        return _KINDS[parts.pop("kind")](**parts)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no entry of a history: {error!r}") from error


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """For commands: a history that cannot be read is one line on standard error, and exit status 2."""
    try:
        yield
    except (OSError, NoHistory) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        sys.stderr.write(f"{path}: {reason}\n")
        sys.exit(2)


def read(path: Path) -> Iterator[Entry]:
    """Raises ValueError for a line that is no entry."""
    with path.open(encoding="utf-8") as lines:
        yield from map(entry_of, lines)
