"""P2 and P4: whatever runs concurrently, in any process, the outcome is one of the serial ones (G1, G3–G5).

Every request uses a connection of its own, so that the kernel spreads them over the four worker processes.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import WebServer
from sessions_app import cache
from tests.support.connections import fresh_connections
from tests.support.deadlines import time_left
from tests.support.races import at_once
from tests.support.sessions import NewSession, observation, observations


class Api:
    """One session, each request on a new connection."""

    def __init__(self, client: httpx.Client, session_id: str) -> None:
        self._client = client
        self.id = session_id
        self._base = f"/sessions/{session_id}"

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._client.request(method, f"{self._base}{path}", **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def delete(self) -> httpx.Response:
        return self.request("DELETE", "")

    def observe(self, *strings: str) -> httpx.Response:
        return self.post("/observe", json=observation(*strings))

    def stm(self) -> list[list[str]]:
        events: list[list[str]] = self.get("/stm").json()["stm"]
        return events

    def time_left(self, node_id: str) -> timedelta:
        return time_left(self._client, self.id, node_id=node_id)


@pytest.fixture
def api(server: WebServer, new_session: NewSession) -> Iterator[Callable[..., Api]]:
    with fresh_connections(server.url) as client:
        yield lambda **body: Api(client, new_session(**body))


@pytest.mark.parametrize("repetition", range(20))
def test_ten_concurrent_observes_are_ten_events(api: Callable[..., Api], repetition: int) -> None:
    """G1, R01, R02."""
    session = api()
    answers = at_once([partial(session.observe, f"s{n}") for n in range(10)])
    assert [answer.status_code for answer in answers] == [200] * 10
    assert sorted(session.stm()) == [[f"s{n}"] for n in range(10)]
    # Acknowledged in commit order: each event is at the position that its client received.
    stm = session.stm()
    for n, answer in enumerate(answers):
        assert stm[answer.json()["stm_length"] - 1] == [f"s{n}"]
        assert answer.json()["time"] == answer.json()["stm_length"]


def test_renewing_the_life_of_a_session_writes_nothing_else(api: Callable[..., Api]) -> None:
    """G1, R02: between ten observes there are ten requests that only touch (a wrong path names the session too)."""
    for _ in range(10):
        session = api()
        observes = [partial(session.observe, f"s{n}") for n in range(10)]
        touches = [partial(session.get, "/unknown")] * 10
        answers = at_once([call for pair in zip(observes, touches, strict=True) for call in pair])
        assert [answer.status_code for answer in answers] == [200, 404] * 10
        assert sorted(session.stm()) == [[f"s{n}"] for n in range(10)]


def test_observes_of_emotives_and_metadata_are_all_accumulated(api: Callable[..., Api]) -> None:
    session = api()
    at_once([partial(session.post, "/observe", json={"emotives": {"joy": float(n)}}) for n in range(10)])
    assert session.get("/percept-data").json()["percept_data"]["emotives"] == {"joy": 4.5}


def test_a_clear_and_an_observe_end_in_one_of_the_serial_outcomes(api: Callable[..., Api]) -> None:
    """G3, R05: never the old events back, not even when the STM grows again."""
    outcomes = set()
    for _ in range(100):
        session = api()
        session.observe("old")
        cleared, observed = at_once([partial(session.post, "/clear-stm"), partial(session.observe, "new")])
        assert (cleared.status_code, observed.status_code) == (200, 200)
        stm = session.stm()
        cleared_first = observed.json()["stm_length"] == 1
        assert stm == ([["new"]] if cleared_first else [])
        assert [session.observe(symbol).status_code for symbol in "xyz"] == [200] * 3
        assert session.stm() == [*stm, ["x"], ["y"], ["z"]]
        outcomes.add(cleared_first)
    assert outcomes == {True, False}, "the two never overlapped: the test shows nothing"


def test_a_sequence_and_an_observe_do_not_mix(api: Callable[..., Api]) -> None:
    batch = {"observations": [observation(f"b{n}") for n in range(20)]}
    for _ in range(20):
        session = api()
        at_once([partial(session.post, "/observe-sequence", json=batch), partial(session.observe, "single")])
        stm = session.stm()
        expected = [[f"b{n}"] for n in range(20)]
        assert stm in ([["single"], *expected], [*expected, ["single"]])


def test_config_extend_and_observe_all_take_effect(api: Callable[..., Api]) -> None:
    """G4, R06, R07."""
    for _ in range(30):
        session = api(node_id="extended in a race", ttl_seconds=100)
        answers = at_once(
            [
                partial(session.post, "/config", json={"recall_threshold": 0.77}),
                partial(session.post, "/config", json={"persistence": 7}),
                partial(session.post, "/extend?ttl_seconds=5000"),
                partial(session.observe, "kept"),
                partial(session.get, "/stm"),
            ]
        )
        assert {answer.status_code for answer in answers} == {200}
        config = session.get("/config").json()["config"]
        assert (config["recall_threshold"], config["persistence"]) == (0.77, 7)
        assert session.stm() == [["kept"]]
        assert 4980 <= session.get("").json()["ttl_seconds"] <= 5000
        assert session.time_left("extended in a race") >= timedelta(seconds=4980)


@pytest.mark.usefixtures("steady_count")
def test_no_concurrent_write_brings_a_deleted_session_back(api: Callable[..., Api], client: httpx.Client) -> None:
    """G5, R08: the concurrent write came first (200) or found nothing (404)."""
    before = client.get("/sessions/count").json()["active_session_count"]
    for _ in range(100):
        session = api()
        deleted, observed = at_once([partial(session.delete), partial(session.observe, "x")])
        assert deleted.status_code == 200
        assert observed.status_code in (200, 404)
        assert session.get("/exists").json()["exists"] is False
        assert session.observe("y").status_code == 404
    assert client.get("/sessions/count").json()["active_session_count"] == before


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "/observe", {"json": observation("x")}),
        ("POST", "/observe-sequence", {"json": {"observations": observations("x")}}),
        ("POST", "/config", {"json": {"persistence": 7}}),
        ("POST", "/extend?ttl_seconds=100", {}),
        ("POST", "/clear-stm", {}),
        ("GET", "/stm", {}),
        ("GET", "", {}),
    ],
)
def test_no_operation_resurrects(api: Callable[..., Api], method: str, path: str, options: dict[str, Any]) -> None:
    for _ in range(5):
        session = api()
        deleted, other = at_once(
            [
                partial(session.delete),
                partial(session.request, method, path, **options),
            ]
        )
        assert deleted.status_code == 200
        assert other.status_code in (200, 404)
        assert session.get("/exists").json()["exists"] is False


def test_a_deleted_session_leaves_nothing_behind(api: Callable[..., Api], database: psycopg.Connection) -> None:
    """The same holds for an observation that is committed while the deletion waits for it."""
    deleted = []
    for _ in range(50):
        session = api()
        session.observe("before")
        at_once([partial(session.delete), *[partial(session.observe, f"s{n}") for n in range(3)]])
        deleted.append(session.id)
    left = database.execute("SELECT count(*) FROM sessions_app_entry WHERE session_id = ANY(%s)", [deleted]).fetchone()
    assert left == (0,)


def test_two_deletes_have_one_winner(api: Callable[..., Api]) -> None:
    for _ in range(20):
        session = api()
        answers = at_once([session.delete, session.delete])
        assert sorted(answer.status_code for answer in answers) == [200, 404]


def test_no_read_of_a_long_session_is_older_than_a_write_that_was_acknowledged_before(api: Callable[..., Api]) -> None:
    """P1, P3: its contents come from the cache, which reads fill while others write."""
    session = api()
    session.post("/observe-sequence", json={"observations": observations(*[["s"]] * (cache.WORTH_CACHING + 10))})
    length = len(session.stm())
    written = length

    def write() -> None:
        nonlocal written
        for _ in range(200):
            session.observe("w")
            written += 1

    def read() -> None:
        while written < length + 200:
            before = written
            assert len(session.stm()) >= before

    at_once([write, read, read, read])
    assert len(session.stm()) == length + 200
