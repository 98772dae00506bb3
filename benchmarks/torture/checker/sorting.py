"""The first pass: each entry goes to a file with the others of its session, and of its node, if they need it.

A rule looks at one session or one node at a time, so the checker holds one such file in memory, which is as large as
the largest session or node, or `TARGET` where many are small.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from zlib import crc32

from benchmarks.torture.checker.acts import Outcome, outcome_of
from benchmarks.torture.history import Event, Fault, Listening, Operation, Request, entry_of, read

TARGET = 4_000_000  # bytes of a file
MOST_FILES = 400

# What the rules about a node need of its sessions. On a `words-` node, everything.
OF_A_NODE: frozenset[Operation] = frozenset({"create", "clear_all", "predict", "submit", "read_job"})

WORDS = "words-"


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


def sort(history: Path, folder: Path) -> Iterator[Request | Sorted]:
    """Yield every request as it is read, then what was sorted."""
    number = min(1 + history.stat().st_size // TARGET, MOST_FILES)
    result = Sorted()
    job_sessions: dict[str, str] = {}
    with ExitStack() as open_files:
        result.sessions, by_session = _files(folder, "session", number, open_files)
        result.nodes, by_node = _files(folder, "node", number, open_files)

        def keep(files: list[TextIO], name: str) -> None:
            files[crc32(name.encode()) % number].write(line)

        for line in open_files.enter_context(history.open(encoding="utf-8")):
            match entry := entry_of(line):
                case Listening():
                    result.listening.append(entry)
                case Fault():
                    result.faults.append(entry)
                case Event():
                    data = entry.event.get("data", {})
                    if "session_id" in data:
                        keep(by_session, data["session_id"])
                    if "node_id" in data:
                        keep(by_node, data["node_id"])
                case Request():
                    yield entry
                    session = session_of(entry)
                    job = job_of(entry)
                    if job is not None:
                        session = job_sessions.setdefault(job, session) if session else job_sessions.get(job)
                    if session is not None:
                        keep(by_session, session)
                    if entry.node.startswith(WORDS) or entry.operation in OF_A_NODE:
                        keep(by_node, entry.node)
    yield result


def groups(path: Path, *, by_node: bool) -> Iterator[tuple[str, list[Request | Event]]]:
    """The entries of each session, or node, in one file, one after the other."""
    found: dict[str, list[Request | Event]] = {}
    job_sessions: dict[str, str] = {}
    for entry in read(path):
        if isinstance(entry, Event):
            name = entry.event["data"]["node_id" if by_node else "session_id"]
            found.setdefault(name, []).append(entry)
        elif isinstance(entry, Request):
            name = entry.node if by_node else _owner(entry, job_sessions)
            found.setdefault(name, []).append(entry)
    while found:
        yield found.popitem()


def _owner(request: Request, job_sessions: dict[str, str]) -> str:
    session, job = session_of(request), job_of(request)
    if job is not None and session is not None:
        job_sessions.setdefault(job, session)
    return session or job_sessions[job or ""]
