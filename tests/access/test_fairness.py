"""A key that keeps a whole process busy does not keep out another key."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import httpx
import psutil
import psycopg
import pytest

from access_app import operations
from benchmarks.stack import WebServer, eventually
from foundation.callers import Scope
from tests.access.conftest import WORKERS, NewKey
from tests.access.keys import Key, client_with
from tests.support.transactions import locked, waits_for_locks

SLOTS = 8  # of each process
PATIENCE = 3.0  # seconds; PostgreSQL lets the blocked requests wait for longer


Send = Callable[..., httpx.Response]


@contextmanager
def kept_busy(senders: Sequence[Send], session_id: str, database: psycopg.Connection) -> Iterator[None]:
    """Inside the block each sender has more requests under way than all threads, as far as the service lets it."""
    path = f"/sessions/{session_id}/observe"
    number = 4 * SLOTS * WORKERS
    with ThreadPoolExecutor(number * len(senders)) as pool:
        with locked(database, session_id):
            waiting = [
                pool.submit(send, path, json={"strings": ["a"]}, timeout=60) for _ in range(number) for send in senders
            ]
            eventually(lambda: waits_for_locks(database) >= SLOTS // 2 * WORKERS, "its share of each process is taken")
            yield
            assert not any(one.done() for one in waiting), "they were blocked all the time"
        assert {one.result().status_code for one in waiting} <= {200, 503}


def session_of(key: Key) -> str:
    session_id: str = key.client.post("/sessions", json={"node_id": "fair"}).json()["session_id"]
    return session_id


def refusals(key: Key, path: str) -> list[str]:
    answers = [key.client.get(path, timeout=PATIENCE) for _ in range(10 * WORKERS)]
    return [answer.text for answer in answers if answer.status_code != 200]


def test_requests_of_another_key_are_answered_while_one_key_has_more_under_way_than_all_threads(
    new_key: NewKey, database: psycopg.Connection
) -> None:
    busy, other = new_key(), new_key()
    free = session_of(other)
    with kept_busy([busy.client.post], session_of(busy), database):
        assert refusals(other, f"/sessions/{free}/stm") == []


def test_a_key_that_is_being_rotated_has_one_share_for_both_of_its_tokens(
    server: WebServer, new_key: NewKey, database: psycopg.Connection
) -> None:
    busy, other = new_key(), new_key()
    blocked, free = session_of(busy), session_of(other)
    issued = operations.rotate(key=busy.id, overlap=timedelta(hours=1))
    with client_with(server.url, issued.token) as rotated:
        for _ in range(10 * WORKERS):  # until each process knows both
            assert rotated.get("/sessions/count").status_code == 200
        with kept_busy([busy.client.post, rotated.post], blocked, database):
            assert refusals(other, f"/sessions/{free}/stm") == []


def test_both_tokens_have_one_share_of_a_process_that_meets_them_at_the_same_moment(
    new_key: NewKey, database: psycopg.Connection
) -> None:
    """All its requests are there before the process has asked PostgreSQL whose they are."""
    busy, other = new_key(), new_key()
    blocked, free = session_of(busy), session_of(other)
    issued = operations.rotate(key=busy.id, overlap=timedelta(hours=1))
    with (
        WebServer(workers=1, KATO_ACCESS="keys") as new,
        client_with(new.url, busy.token) as former,
        client_with(new.url, issued.token) as present,
        client_with(new.url, other.token) as third,
        ThreadPoolExecutor(2 * SLOTS) as pool,
        locked(database, blocked),
    ):
        with psycopg.connect(database.info.dsn) as keys:
            keys.execute("LOCK TABLE access_app_accessversion")
            answers = [
                pool.submit(client.post, f"/sessions/{blocked}/observe", json={"strings": ["a"]}, timeout=60)
                for _ in range(SLOTS)
                for client in (former, present)
            ]
            [process] = map(psutil.Process, new.worker_pids)
            eventually(lambda: waits_for_locks(database) > 0, "it asks for the keys")
            eventually(lambda: established(process, new.port) >= len(answers), "all requests have been sent")
        eventually(lambda: waits_for_locks(database) == SLOTS // 2, "one share of the process waits for the session")
        assert [third.get(f"/sessions/{free}/stm", timeout=PATIENCE).status_code for _ in range(10)] == [200] * 10
        assert waits_for_locks(database) == SLOTS // 2


def established(process: psutil.Process, port: int) -> int:
    """How many connections clients have to this port of the process."""
    return sum(one.laddr.port == port and bool(one.raddr) for one in process.net_connections("tcp"))


@pytest.mark.parametrize("path", ["/health", "/health/ready/", "/status"])
def test_what_is_always_answered_does_not_wait_for_the_turn_of_its_key(
    new_key: NewKey, database: psycopg.Connection, path: str
) -> None:
    busy = new_key(Scope.WRITE, Scope.MONITOR)
    with kept_busy([busy.client.post], session_of(busy), database):
        assert busy.client.get(path, timeout=PATIENCE).status_code == 200
