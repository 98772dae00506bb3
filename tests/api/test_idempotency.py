"""Idempotency-Key: a repeated request under the same key is performed once and returns the same response (R26)."""

from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.races import at_once
from tests.support.sessions import NewSession, observations, observe

KEY = {"Idempotency-Key": "key-1"}


def stm(client: httpx.Client, session_id: str) -> list[list[str]]:
    events: list[list[str]] = client.get(f"/sessions/{session_id}/stm").json()["stm"]
    return events


def test_a_repeat_returns_the_first_response_and_does_nothing(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    answers = [observe(client, session_id, "a", headers=KEY) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    assert stm(client, session_id) == [["a"]]


def test_ten_concurrent_requests_under_one_key_are_one(client: httpx.Client, new_session: NewSession) -> None:
    for _ in range(10):
        session_id = new_session()
        answers = at_once(
            [partial(client.post, f"/sessions/{session_id}/observe", json={"strings": ["a"]}, headers=KEY)] * 10
        )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert stm(client, session_id) == [["a"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [("observe", {"strings": ["b"]}), ("observe-sequence", {"observations": []}), ("extend?ttl_seconds=5", None)],
)
def test_another_request_under_the_key_is_refused(
    client: httpx.Client, new_session: NewSession, path: str, body: dict[str, Any] | None
) -> None:
    session_id = new_session()
    observe(client, session_id, "a", headers=KEY)
    response = client.post(f"/sessions/{session_id}/{path}", json=body, headers=KEY)
    assert response.status_code == 422
    [problem] = response.json()["detail"]
    assert (problem["type"], problem["loc"]) == ("idempotency_key_reused", ["header", "Idempotency-Key"])
    assert stm(client, session_id) == [["a"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("observe-sequence", {"observations": observations("a")}),
        ("config", {"persistence": 3}),
        ("extend?ttl_seconds=100", None),
        ("clear-stm", None),
    ],
)
def test_every_post_of_a_session_takes_a_key(
    client: httpx.Client, new_session: NewSession, path: str, body: dict[str, Any] | None
) -> None:
    session_id = new_session()
    first, second = (client.post(f"/sessions/{session_id}/{path}", json=body, headers=KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert "Idempotency-Replayed" in second.headers


def test_creation_takes_a_key_per_node(client: httpx.Client) -> None:
    key = {"Idempotency-Key": "create-1"}
    first, second = (client.post("/sessions", json={"node_id": "once"}, headers=key).json() for _ in range(2))
    assert first == second
    assert client.post("/sessions", json={"node_id": "elsewhere"}, headers=key).status_code == 200
    assert client.post("/sessions", json={"node_id": "once", "ttl_seconds": 5}, headers=key).status_code == 422
    assert client.get("/sessions", params={"node_id": "once"}).json()["total"] == 1


def test_keys_of_different_sessions_are_independent(client: httpx.Client, new_session: NewSession) -> None:
    for session_id in (new_session(), new_session()):
        observe(client, session_id, "a", headers=KEY)
        assert stm(client, session_id) == [["a"]]


def test_a_failed_request_does_not_use_up_the_key(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    path = f"/sessions/{session_id}/observe"
    assert client.post(path, json={"strings": "wrong"}, headers=KEY).status_code == 422
    assert client.post(path, json={"strings": ["a"]}, headers=KEY).status_code == 200
    assert stm(client, session_id) == [["a"]]


def test_a_repeat_for_a_session_that_is_gone_is_a_404(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    path = f"/sessions/{session_id}/observe"
    client.post(path, json={"strings": ["a"]}, headers=KEY)
    client.delete(f"/sessions/{session_id}")
    assert client.post(path, json={"strings": ["a"]}, headers=KEY).status_code == 404


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_of_the_wrong_length_is_refused(client: httpx.Client, new_session: NewSession, key: str) -> None:
    session_id = new_session()
    response = observe(client, session_id, "a", headers={"Idempotency-Key": key})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["header", "Idempotency-Key"]
    assert stm(client, session_id) == []


def test_chunked_bodies_are_distinguished(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    headers = {**KEY, "Content-Type": "application/json"}
    statuses = [
        client.post(
            f"/sessions/{session_id}/observe", content=iter([b'{"strings": ["', symbol, b'"]}']), headers=headers
        ).status_code
        for symbol in (b"first", b"first", b"second")
    ]
    assert statuses == [200, 200, 422]
    assert stm(client, session_id) == [["first"]]


def test_the_longest_node_id_takes_the_longest_key(client: httpx.Client) -> None:
    body = {"node_id": "\U0001f600" * 512}
    answers = [client.post("/sessions", json=body, headers={"Idempotency-Key": "k" * 255}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
