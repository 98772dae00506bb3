"""A key whose requests wait in line, and clients without a key, do not use up all memory for bodies."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from benchmarks.stack import WebServer, eventually
from tests.access.conftest import NewKey
from tests.access.keys import Key
from tests.support.raw_sockets import everything_from, many_connected, request
from tests.support.transactions import locked

BODY = b'{"strings": ["a"]}' + b" " * 300_000
AT_ONCE = 10


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    """One process with memory for six such bodies."""
    environment = {"KATO_ACCESS": "keys", "KATO_BODY_MEMORY_MB": "2", "MAX_REQUEST_SIZE": "1000000"}
    with WebServer(workers=1, **environment) as running:
        yield running


def observe(key: Key, session_id: str) -> httpx.Response:
    return key.client.post(f"/sessions/{session_id}/observe", content=BODY)


def session_of(key: Key) -> str:
    session_id: str = key.client.post("/sessions", json={"node_id": "memory"}).json()["session_id"]
    return session_id


def test_bodies_that_wait_for_the_turn_of_their_key_take_half_of_the_memory_at_most(
    new_key: NewKey, database: psycopg.Connection
) -> None:
    busy, other = new_key(), new_key()
    blocked, free = session_of(busy), session_of(other)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        with locked(database, blocked):
            waiting = [pool.submit(observe, busy, blocked) for _ in range(AT_ONCE)]
            eventually(lambda: sum(one.done() for one in waiting) == AT_ONCE - 3, "those beyond its half are refused")
            assert [observe(other, free).status_code for _ in range(2)] == [200, 200]
        answers = [one.result() for one in waiting]
    refused = {answer.json()["detail"] for answer in answers if answer.status_code == 503}
    assert refused == {"The service is receiving too many large request bodies with this access key at the moment"}
    assert [answer.status_code for answer in answers].count(200) == 3
    assert observe(busy, blocked).status_code == 200, "the memory is free again"


def test_clients_without_a_valid_key_share_half_of_it_whatever_tokens_they_invent(
    server: WebServer, new_key: NewKey
) -> None:
    key = new_key()
    session_id = session_of(key)
    unfinished = [
        request("POST", f"/sessions/{session_id}/observe", *headers, announced=len(BODY), body=BODY[:-1])
        for headers in ([], [f"Authorization: Bearer kato_{12 * '0'}_{43 * '0'}"], ["Authorization: odd"])
    ]
    with (
        many_connected(2, server, unfinished[0]) as first,
        many_connected(2, server, unfinished[1]) as second,
        many_connected(2, server, unfinished[2]) as third,
    ):
        assert [observe(key, session_id).status_code for _ in range(2)] == [200, 200]
        refused = 0
        for one in [*first, *second, *third]:
            one.shutdown(1)
            refused += b"without a valid access key" in everything_from(one)
        assert refused == 3
