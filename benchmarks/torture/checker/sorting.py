"""The first pass: each entry goes to a file with the others of its session, and of its node.

A rule looks at one session or one node at a time, so the checker holds one such file in memory, which is as large as
the largest session or node, or `TARGET` where many are small.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from zlib import crc32

from benchmarks.torture.checker.acts import Outcome, body_of, outcome_of
from benchmarks.torture.history import Entry, Event, Fault, Listening, NoHistory, Operation, Request, entry_of

TARGET = 4_000_000  # bytes of a file
MOST_FILES = 400

# Of no use to the rules about a node.
OF_A_SESSION: frozenset[Operation] = frozenset({"read_config", "read_session", "extend", "delete"})

WORDS = "words-"
NODES = (WORDS, "unique-")  # those of the clients; the harness may have others
SEPARATOR = "\t"  # in a file, between the name of the group and the entry


def session_of(request: Request) -> str | None:
    """The session that a request is about; for a creation, the one that it made."""
    if request.operation == "create":
        answer = request.answer
        return answer.get("session_id") if isinstance(answer, dict) and outcome_of(request) is Outcome.DONE else None
    return request.session


def job_of(request: Request) -> str | None:
    """The job that a request accepted or looked at."""
    answer: dict[str, Any] = request.answer if isinstance(request.answer, dict) else {}
    asked = request.arguments.get("job_id") if request.operation == "read_job" else None
    return asked or answer.get("job_id")


class _Creations:
    """Which session a creation made whose response was lost: the one that the same request made under its key."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str, str], str] = {}
        self._waiting: dict[tuple[str, str, str], list[str]] = {}

    def lines_of(self, request: Request, line: str) -> tuple[str | None, list[str]]:
        """The session, if it is known by now, and the lines to keep for it."""
        session = session_of(request)
        if request.idempotency_key is None:
            return session, [line]
        name = (request.node, request.idempotency_key, body_of(request))
        session = self._made.setdefault(name, session) if session is not None else self._made.get(name)
        lines = [*self._waiting.pop(name, []), line]
        if session is None:
            self._waiting[name] = lines
        return session, lines


@dataclass
class Sorted:
    """What every rule may look at, and the files."""

    listening: list[Listening] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    sessions: list[Path] = field(default_factory=list)
    nodes: list[Path] = field(default_factory=list)


def _files(folder: Path, kind: str, number: int, open_files: ExitStack) -> tuple[list[Path], list[TextIO]]:
    paths = [folder / f"{kind}-{place}" for place in range(number)]
    return paths, [open_files.enter_context(path.open("w", encoding="utf-8")) for path in paths]


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, Entry]]:
    number = requests = 0
    try:
        for line in lines:
            number += 1
            entry = entry_of(line)
            requests += isinstance(entry, Request)
            yield line, entry
    except ValueError as error:
        raise NoHistory(f"line {number}: {error}") from error
    if not requests:
        raise NoHistory("a history without requests")


def sort(history: Path, folder: Path) -> Iterator[Request | Sorted]:
    """Yield every request as it is read, then what was sorted. Raises NoHistory, and OSError."""
    number = min(1 + history.stat().st_size // TARGET, MOST_FILES)
    result = Sorted()
    job_sessions: dict[str, str] = {}
    creations = _Creations()
    with ExitStack() as open_files:
        result.sessions, by_session = _files(folder, "session", number, open_files)
        result.nodes, by_node = _files(folder, "node", number, open_files)

        def keep(files: list[TextIO], name: str, lines: list[str]) -> None:
            files[crc32(name.encode()) % number].writelines(f"{json.dumps(name)}{SEPARATOR}{line}" for line in lines)

        for line, entry in _entries(open_files.enter_context(history.open(encoding="utf-8"))):
            match entry:
                case Listening():
                    result.listening.append(entry)
                case Fault():
                    result.faults.append(entry)
                case Event():
                    data = entry.event.get("data", {})
                    if "session_id" in data:
                        keep(by_session, data["session_id"], [line])
                        if data.get("node_id", "").startswith(NODES):
                            keep(by_node, data["node_id"], [line])
                case Request():
                    yield entry
                    if entry.operation == "create":
                        session, lines = creations.lines_of(entry, line)
                    else:
                        session, lines = owner_of(entry, job_sessions), [line]
                    if session is not None:
                        keep(by_session, session, lines)
                    if entry.operation not in OF_A_SESSION:
                        keep(by_node, entry.node, [line])
    yield result


def groups(path: Path) -> Iterator[tuple[str, list[Request | Event]]]:
    """The entries of each session, or node, in one file."""
    found: dict[str, list[Request | Event]] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            name, _, rest = line.partition(SEPARATOR)
            entry = entry_of(rest)
            assert isinstance(entry, Request | Event)
            found.setdefault(name, []).append(entry)
    while found:
        name, entries = found.popitem()
        yield json.loads(name), entries


def owner_of(request: Request, job_sessions: dict[str, str]) -> str | None:
    """The session that a request, or the job that it looks at, is about."""
    session, job = session_of(request), job_of(request)
    if job is None:
        return session
    return job_sessions.setdefault(job, session) if session is not None else job_sessions.get(job)
