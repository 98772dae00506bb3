"""Behaviours 11–13 and 16: of many concurrent requests every one succeeds, not 95 of a hundred."""

import time
from collections import Counter
from functools import partial

import pytest

from benchmarks.stack import WebServer
from tests.api.behaviours.session import Session, create, new_node
from tests.support.clients import LIBRARIES, AiohttpClient, Client

SESSIONS = 100
EVENTS = 10
STM_LIMIT = 1000


def test_a_hundred_sessions_on_a_hundred_nodes_ten_at_a_time(api: Client) -> None:
    """Behaviour 11."""
    started = time.monotonic()
    sessions = [create(api) for _ in range(SESSIONS)]
    assert (time.monotonic() - started) / SESSIONS < 0.050

    def clear_and_observe(session: Session) -> list[list[str]]:
        session.clear_stm()
        for number in range(EVENTS):
            session.observe(f"{session.id}-{number}")
            time.sleep(0.001)
        stm: list[list[str]] = session.stm()
        return stm

    started = time.monotonic()
    memories = api.gather([partial(clear_and_observe, session) for session in sessions], at_most=10)
    assert SESSIONS * EVENTS / (time.monotonic() - started) > 20
    assert memories == [[[f"{session.id}-{number}"] for number in range(EVENTS)] for session in sessions]

    api.gather([session.delete for session in sessions], at_most=50)
    assert not any(api.gather([session.exists for session in sessions], at_most=10))


@pytest.mark.exhaustive
def test_the_stm_keeps_the_newest_thousand_events(api: Client) -> None:
    """Behaviour 12."""
    session = create(api)

    lengths = [session.observe(f"event-{number}")["stm_length"] for number in range(1100)]

    assert lengths == [min(number + 1, STM_LIMIT) for number in range(1100)]
    assert session.stm() == [[f"event-{number}"] for number in range(100, 1100)]


@pytest.mark.parametrize("library", LIBRARIES)
def test_ten_observes_at_once_on_one_session_are_ten_events(server: WebServer, library: str) -> None:
    """Behaviour 16, twenty times over (G1); new connections each time, so that different processes get them."""
    processes: set[str] = set()
    for _ in range(20):
        with LIBRARIES[library](server.url) as api:
            session = create(api)
            observe = partial(api.request, "POST", f"{session.path}/observe")

            answers = api.gather([partial(observe, json={"strings": [f"event-{number}"]}) for number in range(10)])

            assert [answer.status for answer in answers] == [200] * 10
            assert sorted(session.stm()) == [[f"event-{number}"] for number in range(10)]
            processes.update(answer.answered_by for answer in answers)
    assert len(processes) >= 4, "not every process took part, so this has shown less than it says"


def _cycle(api: Client) -> str:
    """Create, observe, delete; return `succeeded` or the first failure."""
    created = api.request("POST", "/sessions", json={"node_id": new_node()})
    if created.status != 200:
        return f"create: {created.status} {created.body}"
    path = f"/sessions/{created.body['session_id']}"
    observed = api.request("POST", f"{path}/observe", json={"strings": ["a", "b"]})
    if observed.status != 200 or observed.body["stm_length"] != 1:
        return f"observe: {observed.status} {observed.body}"
    deleted = api.request("DELETE", path)
    if deleted.status != 200:
        return f"delete: {deleted.status} {deleted.body}"
    return "succeeded"


def test_fifty_cycles_ten_at_a_time_all_succeed(api: Client) -> None:
    """Behaviour 13, the stress scenario of the incident."""
    assert Counter(api.gather([partial(_cycle, api)] * 50, at_most=10)) == {"succeeded": 50}


@pytest.mark.exhaustive
def test_a_thousand_cycles_fifty_at_a_time_all_succeed(server: WebServer) -> None:
    """Behaviour 13, with the library of the incident, whose fifty connections reach any process."""
    with AiohttpClient(server.url) as api:
        assert Counter(api.gather([partial(_cycle, api)] * 1000, at_most=50)) == {"succeeded": 1000}
