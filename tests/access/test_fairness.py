"""A key that keeps a whole process busy does not keep out another key."""

from concurrent.futures import ThreadPoolExecutor

import psycopg

from benchmarks.stack import eventually
from tests.access.conftest import WORKERS, NewKey

SLOTS = 8  # of each process
PATIENCE = 3.0  # seconds; PostgreSQL lets the blocked requests wait for longer


def test_requests_of_another_key_are_answered_while_one_key_has_more_under_way_than_all_threads(
    new_key: NewKey, database: psycopg.Connection
) -> None:
    busy, other = new_key(), new_key()
    blocked = busy.client.post("/sessions", json={"node_id": "busy"}).json()["session_id"]
    free = other.client.post("/sessions", json={"node_id": "other"}).json()["session_id"]
    path = f"/sessions/{blocked}/observe"
    with ThreadPoolExecutor(4 * SLOTS * WORKERS) as pool:
        with database.transaction():
            database.execute("SELECT FROM sessions_app_session WHERE id = %s FOR UPDATE", [blocked])
            waiting = [
                pool.submit(busy.client.post, path, json={"strings": ["a"]}, timeout=60)
                for _ in range(4 * SLOTS * WORKERS)
            ]
            eventually(lambda: _blocked(database) >= SLOTS // 2 * WORKERS, "its share of each process is taken")
            answers = [other.client.get(f"/sessions/{free}/stm", timeout=PATIENCE) for _ in range(10 * WORKERS)]
            assert [answer.status_code for answer in answers] == [200] * len(answers)
            assert not any(one.done() for one in waiting), "they were blocked all the time"
        assert {one.result().status_code for one in waiting} <= {200, 503}


def _blocked(database: psycopg.Connection) -> int:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kato' AND wait_event_type = 'Lock'"
    [(number,)] = database.execute(waiting).fetchall()
    return int(number)
