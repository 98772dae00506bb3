"""Two processes of one service, and a request of one that is held before each of its commands to the store in turn.

While it is held another request runs in the other process, to its end or until it waits for the first; then the first
continues. This is repeated for every command of the first request, with a new session each time: not a search for an
unlucky moment, but all possible moments.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from benchmarks.investigation.gate import Gate
from benchmarks.stack import eventually
from katoproject.diagnosis.remote import Answer, BaseUrl, Connection

# The columns of the comparison.
SERVICES = ("baseline", "this service")


@dataclass(frozen=True)
class Processes:
    """Process A, which reaches its store through the gate, and process B, which reaches it directly."""

    a: int
    b: int
    gate: Gate
    # Does a request wait for a lock of the store?
    is_lock_awaited: Callable[[], bool]
    # Makes the next read renew the life of the session, if not every read does.
    make_touch_due: Callable[[str], None]

    def ask_a(self, method: str, path: str, body: Any = None) -> Answer:
        return _ask(self.a, method, path, body)

    def ask_b(self, method: str, path: str, body: Any = None) -> Answer:
        return _ask(self.b, method, path, body)

    def new_session(self, *events: str, node: str = "races") -> str:
        """Create a session that has observed these events; return its path."""
        created = self.ask_b("POST", "/sessions", {"node_id": node})
        path = f"/sessions/{created.body['session_id']}"
        for event in events:
            self.ask_b("POST", f"{path}/observe", {"strings": [event]})
        return path

    def stm(self, session: str) -> list[str]:
        """The one symbol of each event."""
        return [symbol for [symbol] in self.ask_b("GET", f"{session}/stm").body["stm"]]


def _ask(port: int, method: str, path: str, body: Any) -> Answer:
    connection = Connection(BaseUrl("http", "127.0.0.1", port, ""), "127.0.0.1")
    try:
        return connection.request(method, path, body)
    finally:
        connection.close()


@dataclass
class Explored:
    """The commands at which the first request was held, and whether the outcome was then wrong."""

    stops: list[str] = field(default_factory=list)
    wrong: list[bool] = field(default_factory=list)

    @property
    def text(self) -> str:
        """For example `wrong at 2 of 5: GET, EXPIRE, GET, **EXPIRE**, **SETEX**`."""
        number = len(self.wrong)
        commands = (f"**{stop}**" if wrong else stop for stop, wrong in zip(self.stops, self.wrong, strict=True))
        wrong_ones = sum(self.wrong)
        verdict = f"wrong at {wrong_ones} of {number}" if wrong_ones else f"right at {number} of {number}"
        return f"{verdict}: {', '.join(commands)}"


@dataclass(frozen=True)
class Case:
    """One race on a session of its own: two requests, and whether their outcome is wrong."""

    first: Callable[[], Answer]
    second: Callable[[], Answer]
    is_wrong: Callable[[Answer, Answer], bool]


def explore(processes: Processes, race: Callable[[Processes], Case]) -> Explored:
    """Run the second request while the first one is held."""
    found = Explored()
    for case, first in _stopped_everywhere(processes, race, found, is_over=Future.done):
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(case.second)
            eventually(partial(_is_done_or_waits, second, processes), "the second ends or waits for the first")
            processes.gate.let_go()
            found.wrong.append(case.is_wrong(first.result(), second.result()))
    return found


def explore_after_the_answer(processes: Processes, race: Callable[[Processes], Case], *, work: float) -> Explored:
    """Start the second request when the first one is answered, even if work that the first one left is held.

    `work`: for how many seconds after its response a request may still start something.
    """
    found = Explored()
    for case, first in _stopped_everywhere(processes, race, found, is_over=_since(work)):
        if not first.done():
            processes.gate.let_go()
        found.wrong.append(case.is_wrong(first.result(), case.second()))
        processes.gate.let_go()
        # The next case counts commands, so this one must have sent its last.
        eventually(partial(_is_right_now, case, first), "the acknowledged write becomes visible")
    return found


def _stopped_everywhere(
    processes: Processes,
    race: Callable[[Processes], Case],
    found: Explored,
    *,
    is_over: Callable[[Future[Answer]], bool],
) -> Iterator[tuple[Case, Future[Answer]]]:
    """New cases, with the first request held before its first command, its second, …, its last."""
    gate = processes.gate
    with ThreadPoolExecutor(1) as pool:
        for number in count(1):
            case = race(processes)
            gate.stop_at(number)
            try:
                first = pool.submit(case.first)
                eventually(partial(_stops_or_ends, gate, first, is_over), "the first stops or ends")
                if not gate.stopped.is_set():
                    return
                found.stops.append(gate.stopped_command)
                yield case, first
            finally:
                gate.let_go()


def _stops_or_ends(gate: Gate, first: Future[Answer], is_over: Callable[[Future[Answer]], bool]) -> bool:
    return gate.stopped.is_set() or is_over(first)


def _is_done_or_waits(second: Future[Answer], processes: Processes) -> bool:
    return second.done() or processes.is_lock_awaited()


def _is_right_now(case: Case, first: Future[Answer]) -> bool:
    return not case.is_wrong(first.result(), case.second())


def _since(seconds: float) -> Callable[[Future[Answer]], bool]:
    """Has the future been done for that many seconds?"""
    done_at: dict[Future[Answer], float] = {}

    def is_over(future: Future[Answer]) -> bool:
        return future.done() and time.monotonic() - done_at.setdefault(future, time.monotonic()) > seconds

    return is_over
