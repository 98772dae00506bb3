"""Errors of the store: the responses while they last, and the actual state of the session (decisions.md R17–R19)."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.baseline.faults import MOST_CONNECTIONS
from benchmarks.investigation.findings import Of, Table, equal
from benchmarks.investigation.schedules import SERVICES, Processes
from benchmarks.stack import eventually

AT_ONCE = MOST_CONNECTIONS + 10
STALL = 0.4  # seconds, as in decisions.md R17

Refusing = Callable[[], AbstractContextManager[None]]


def statuses_in_a_stall(processes: Processes, *, refused: int) -> Counter[int]:
    """Statuses of concurrent observations, each for its own session, that arrive while the store of A stalls.

    It stalls for STALL seconds at least, and until as many observations as given by `refused` have been answered.
    """
    sessions = [processes.new_session() for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        processes.gate.hold_all()
        observations = [
            pool.submit(processes.ask_a, "POST", f"{session}/observe", {"strings": ["x"]}) for session in sessions
        ]
        time.sleep(STALL)
        eventually(lambda: sum(one.done() for one in observations) >= refused, "observations are refused")
        processes.gate.let_go()
        return Counter(observation.result().status for observation in observations)


def answers_without_store(processes: Processes) -> str:
    """Statuses of process A, which cannot reach its store, for a session that is alive all the time, as B shows."""
    session = processes.new_session("before")
    requests: list[tuple[str, str, Any]] = [
        ("GET", f"{session}/stm", None),
        ("POST", f"{session}/observe", {"strings": ["x"]}),
        ("DELETE", session, None),
    ]
    processes.gate.cut()
    try:
        answers = [processes.ask_a(*request).status for request in requests]
    finally:
        processes.gate.reconnect()
    assert processes.stm(session) == ["before"], "the session must be alive all the time"
    return ", ".join(map(str, answers))


def write_to_refusing_store(processes: Processes, refusing: Refusing) -> str:
    """The status of an observation that the store refuses to write, and the number of events afterwards."""
    session = processes.new_session("before")
    with refusing():
        observed = processes.ask_b("POST", f"{session}/observe", {"strings": ["refused"]})
    return f"{observed.status}, then {len(processes.stm(session))} event"


def compared(old: Processes, ours: Processes, old_refuses: Refusing, ours_refuses: Refusing) -> Table:
    table = Table("store trouble", SERVICES)
    refused = AT_ONCE - MOST_CONNECTIONS
    of_old, of_ours = statuses_in_a_stall(old, refused=refused), statuses_in_a_stall(ours, refused=0)
    table.compare(
        f"{AT_ONCE} observations at once, each for its own session, while the store stalls for {STALL:g} s",
        equal(f"{MOST_CONNECTIONS} × 200, {refused} × 404", _text(of_old)),
        Of("200 or 503", _text(of_ours), set(of_ours) <= {200, 503}),
    )
    table.compare(
        "the store cannot be reached; read, observe, delete a session that lives",
        equal("404, 404, 404", answers_without_store(old)),
        equal("503, 503, 503", answers_without_store(ours)),
    )
    table.compare(
        "the store refuses to write; observe, then read",
        equal("200, then 1 event", write_to_refusing_store(old, old_refuses)),
        equal("503, then 1 event", write_to_refusing_store(ours, ours_refuses)),
    )
    return table


def _text(statuses: Counter[int]) -> str:
    return ", ".join(f"{times} × {status}" for status, times in sorted(statuses.items()))
