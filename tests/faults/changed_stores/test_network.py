"""What is between a running service and its stores changes: a firewall, the files that it may open."""

import resource
from collections import Counter
from pathlib import Path

import httpx
import psycopg
import pytest

from benchmarks.stack import eventually
from katoproject.configuration.keepalive import IDLE
from tests.faults.changed_stores.stack import THREADS, Stack, from_all_threads, wait_for_all_threads
from tests.support.raw_sockets import many_connected
from tests.support.readiness import part

pytestmark = pytest.mark.long


def test_a_firewall_that_forgets_all_connections_costs_a_process_one_wait(
    stack: Stack, client: httpx.Client, session_id: str
) -> None:
    """Nothing closes them. Each thread's connection alone would wait for six seconds, one request after the other."""
    assert set(from_all_threads(stack, lambda one: one.get(f"/sessions/{session_id}/stm"))) == {200}
    stack.postgres.forget()
    stack.redis.forget()
    statuses = Counter(client.get(f"/sessions/{session_id}/stm").status_code for _ in range(3 * THREADS))
    assert statuses[503] <= 1
    assert statuses[200] >= 3 * THREADS - 1


def test_idle_connections_are_kept_known_to_firewalls(stack: Stack) -> None:
    eventually(lambda: bool(part(stack.web.url, "redis")["ok"]), "what the test before has broken is replaced")
    [pid] = stack.web.worker_pids
    for port in (stack.postgres.port, stack.redis.port):
        eventually(lambda port=port: bool(kept_alive(pid, port)), "the connection is idle")  # type: ignore[misc]
        assert max(kept_alive(pid, port)) <= IDLE


def kept_alive(pid: int, port: int) -> list[float]:
    """Seconds until the kernel asks whether the other end of an idle connection to this port is still there."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, _, remote, _, _, timer, *_ = line.split()
            kind, _, jiffies = timer.partition(":")
            if remote.endswith(f":{port:04X}") and kind == "02":
                found.append(int(jiffies, 16) / 100)
    return found


def test_a_process_without_files_to_open_says_so_once_and_goes_on(
    stack: Stack, client: httpx.Client, session_id: str, database: psycopg.Connection
) -> None:
    [pid] = stack.web.worker_pids
    allowed = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    complaint = "The connections cannot be examined"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())), allowed[1]))
    try:
        with many_connected(20, stack.web):
            eventually(lambda: complaint in stack.log.read_text(), "the log says why")
            # 503 in a thread that must connect to PostgreSQL again, which is a file, too.
            assert client.get(f"/sessions/{session_id}/stm").status_code in (200, 503)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, allowed)
    wait_for_all_threads(stack, database)
    _, *told = stack.log.read_text().split(complaint)
    assert len(told) == 1
    assert "Traceback" not in told[0]
