"""Failed requests are repeated, and a repeat never has a second effect."""

import time

import pytest

from benchmarks.stack import free_port
from kato_client import ConnectionFailed, InvalidRequest, Unavailable
from kato_client._responses import retry_after
from tests.client.conftest import Connect
from tests.client.relay import DROP, LOSE_ANSWER, Relay, Say

IDENTIFIED = ("X-Kato-Instance", "kato-django/0.1.0 (instance abc; host h; pid 1)")


def test_a_write_whose_answer_was_lost_is_performed_once(connect: Connect, relay: Relay, node: str) -> None:
    kato = connect(relay.url)
    with kato.session(node) as session:
        relay.faults.extend([LOSE_ANSWER, LOSE_ANSWER])
        answer = session.observe(["a"])
        assert answer["stm_length"] == 1
        assert session.stm()["stm"] == [["a"]]
        relay.faults.append(LOSE_ANSWER)
        session.observe(["b"])
        relay.faults.append(LOSE_ANSWER)
        name = session.learn()["pattern_name"]
        relay.faults.append(LOSE_ANSWER)
        session.observe_sequence([{"strings": ["c"]}, {"strings": ["d"]}])
        assert session.stm()["stm"] == [["c"], ["d"]]
    assert kato.pattern(name, node_id=node)["pattern"]["pattern"]["frequency"] == 1


def test_a_session_whose_creation_was_repeated_is_one_session(connect: Connect, relay: Relay, node: str) -> None:
    kato = connect(relay.url)
    relay.faults.append(LOSE_ANSWER)
    with kato.session(node):
        assert kato.list_sessions(node_id=node)["total"] == 1


def test_one_key_for_all_attempts_and_another_for_the_next_call(connect: Connect, relay: Relay, node: str) -> None:
    kato = connect(relay.url)
    with kato.session(node) as session:
        relay.seen.clear()
        relay.faults.extend([DROP, Say(503), Say(502), DROP])
        with pytest.raises(ConnectionFailed) as failed:
            session.observe(["a"])
        assert failed.value.performed is None
        session.observe(["b"])
        session.stm()
    keys = [key for method, _, key in relay.seen if method == "POST"]
    assert len(keys) == 5, "four attempts, and one more call"
    assert len(set(keys[:4])) == 1
    assert keys[4] not in keys[:4]
    assert None not in keys
    assert relay.seen[-2] == ("GET", f"/sessions/{session.id}/stm", None)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_three_repeats_and_then_the_error(connect: Connect, relay: Relay, status: int) -> None:
    kato = connect(relay.url)
    relay.faults.extend([Say(status)] * 3)
    kato.session_count()
    assert len(relay.seen) == 4
    relay.faults.extend([Say(status, headers=(("Retry-After", "0"),))] * 4)
    with pytest.raises(Unavailable, match="Busy") as unavailable:
        kato.session_count()
    assert (unavailable.value.status, unavailable.value.retry_after) == (status, 0.0)
    assert len(relay.seen) == 8


def test_an_invalid_request_is_not_repeated(connect: Connect, relay: Relay) -> None:
    kato = connect(relay.url)
    with pytest.raises(InvalidRequest):
        kato.create_session(7)
    relay.faults.append(Say(500, b"Internal Server Error", content_type="text/plain"))
    with pytest.raises(Exception, match="500 Internal Server Error"):
        kato.session_count()
    assert len(relay.seen) == 2


def test_a_delete_whose_answer_was_lost_is_a_success(connect: Connect, relay: Relay, node: str) -> None:
    kato = connect(relay.url)
    session = kato.session(node).open()
    relay.faults.append(LOSE_ANSWER)
    assert session.delete() == {"status": "deleted", "session_id": session.id}


def test_a_connection_that_is_refused_is_an_error(connect: Connect) -> None:
    with pytest.raises(ConnectionFailed) as failed:
        connect(f"http://127.0.0.1:{free_port()}").create_session("node")
    assert failed.value.performed is False


def test_a_negative_readiness_is_a_result_and_not_an_error(connect: Connect, relay: Relay) -> None:
    relay.faults.append(Say(503, b'{"ready":false}', headers=(IDENTIFIED,)))
    assert connect(relay.url).ready() == {"ready": False}
    assert len(relay.seen) == 1


def test_the_client_waits_as_long_as_the_service_says(connect: Connect, relay: Relay) -> None:
    kato = connect(relay.url)
    relay.faults.append(Say(503, headers=(("Retry-After", "1"),)))
    begun = time.monotonic()
    kato.session_count()
    assert time.monotonic() - begun >= 1
    relay.faults.append(Say(503, headers=(("Retry-After", "3600"),)))
    with pytest.raises(Unavailable) as unavailable:
        kato.session_count()
    assert unavailable.value.retry_after == 3600, "an hour is for the caller to wait"


@pytest.mark.parametrize(
    ("text", "seconds"), [("2", 2), ("Sun, 22 Nov 2020 12:00:00 GMT", 0), ("soon", None), ("", None)]
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}) == seconds


def test_a_server_without_idempotency_keys_gets_no_second_write(connect: Connect, relay: Relay, node: str) -> None:
    """KATO 3.10 does not know the header: a repeat after a lost response would store the observation twice."""
    kato = connect(relay.url, accept_unidentified=True)
    with kato.session(node) as session:
        relay.faults.append(LOSE_ANSWER)
        with pytest.raises(ConnectionFailed, match="may have been performed"):
            session.observe(["a"])
        assert session.stm()["stm"] == [["a"]]
        relay.faults.append(Say(503))
        session.observe(["b"])
        relay.faults.append(LOSE_ANSWER)
        assert session.stm()["length"] == 2
