"""A client of a service that asks for access keys."""

import asyncio
import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from benchmarks.stack import WebServer
from kato_client import (
    ApiError,
    AsyncKato,
    ConnectionFailed,
    Forbidden,
    Kato,
    KatoError,
    SessionNotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from tests.client.conftest import Connect
from tests.client.relay import LOSE_ANSWER, Relay, Say, relay_to
from tests.client.test_moving import client_program
from tests.client.test_repeats import IDENTIFIED
from tests.support.keys import keyed_server, new_token, revoke

NOBODY = f"kato_{'0' * 12}_{'0' * 43}"


@pytest.fixture(scope="module")
def keyed() -> Iterator[WebServer]:
    with keyed_server() as running:
        yield running


@pytest.fixture(scope="module")
def token(keyed: WebServer) -> str:
    return new_token()


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KATO_API_KEY", raising=False)


# Where the key comes from ---------------------------------------------------------------------------------------------


def test_a_client_with_a_key_works_as_ever(connect: Connect, keyed: WebServer, token: str, node: str) -> None:
    with connect(keyed.url, api_key=token).session(node) as session:
        session.observe(["a"])
        assert session.stm()["stm"] == [["a"]]


def test_the_key_may_be_in_the_environment(
    connect: Connect, keyed: WebServer, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATO_API_KEY", f"{token}\n")
    assert connect(keyed.url).session_count()["active_session_count"] >= 0


@pytest.mark.parametrize(
    "options",
    [
        lambda token: {"api_key": token},
        lambda token: {"headers": {"authorization": f"Bearer {token}"}},
        lambda token: {"headers": {"X-Trace-ID": "mine"}, "api_key": token},
    ],
)
def test_what_the_program_says_wins(
    connect: Connect,
    keyed: WebServer,
    token: str,
    options: Callable[[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KATO_API_KEY", NOBODY)
    assert connect(keyed.url, **options(token)).session_count()["active_session_count"] >= 0


def test_an_empty_key_says_that_there_is_none(
    connect: Connect, keyed: WebServer, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATO_API_KEY", token)
    with pytest.raises(Unauthorized):
        connect(keyed.url, api_key="").session_count()


def test_credentials_of_an_http_client_of_ones_own_win(
    keyed: WebServer, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATO_API_KEY", NOBODY)
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as http:
        assert Kato(keyed.url, http=http).session_count()["active_session_count"] >= 0
    with httpx.Client(auth=("somebody", "secret")) as http, pytest.raises(Unauthorized, match="does not hold"):
        Kato(keyed.url, http=http).session_count()


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": "Bearer kato_secret"},
        {"api_key": "kato_\x00secret"},
        {"api_key": "kato_secret\u00e9"},
        {"headers": {"Authorization": "Bearer kato_secret\n"}},
        {"api_key": "kato_secret", "headers": {"Authorization": "Bearer kato_secret"}},
    ],
)
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"api_key|Authorization") as refused:
        Kato("http://127.0.0.1:1", **options)
    assert "secret" not in str(refused.value)


# Errors ---------------------------------------------------------------------------------------------------------------


def test_without_a_key_the_error_says_where_to_put_one(connect: Connect, keyed: WebServer) -> None:
    with pytest.raises(Unauthorized, match="needs an access key") as refused:
        connect(keyed.url).session_count()
    assert str(refused.value).endswith("Give the client an api_key, or set KATO_API_KEY")
    assert refused.value.status == 401


def test_a_revoked_key_is_unauthorized(connect: Connect, keyed: WebServer, node: str) -> None:
    token = new_token()
    session = connect(keyed.url, api_key=token).session(node, recover=True).open()
    revoke(token)
    with pytest.raises(Unauthorized, match="unknown, expired or revoked") as refused:
        session.observe(["a"])
    assert "Give the client" not in str(refused.value), "it has one"
    assert session.recoveries == [], "the session lives"


def test_what_the_key_may_not_do_is_forbidden(connect: Connect, keyed: WebServer, token: str, node: str) -> None:
    reader = connect(keyed.url, api_key=new_token("--scope", "read", "--node", "other-"))
    with pytest.raises(Forbidden, match="needs the scope write"):
        reader.create_session(node)
    with pytest.raises(Forbidden, match="may not use node"):
        reader.pattern_count(node_id=node)
    with connect(keyed.url, api_key=token).session(node) as session, pytest.raises(SessionNotFound):
        reader.attach(session.id).stm()


@pytest.mark.exhaustive
def test_a_request_that_came_too_early_is_repeated_when_the_service_says(
    connect: Connect, keyed: WebServer, node: str
) -> None:
    """The bucket of each process holds one request and gains one every two seconds."""
    slow = connect(keyed.url, api_key=new_token("--rate", "1"))
    assert [slow.session_count() for _ in range(4)]
    hasty = connect(keyed.url, api_key=new_token("--rate", "0.001"), delays=())
    with pytest.raises(TooManyRequests, match=r"may make 0\.001 requests per second") as refused:
        [hasty.session_count() for _ in range(3)]
    assert refused.value.status == 429
    assert refused.value.retry_after is not None


def test_a_quota_is_not_waited_for(connect: Connect, keyed: WebServer, node: str) -> None:
    kato = connect(keyed.url, api_key=new_token("--sessions", "1"))
    with kato.session(node), pytest.raises(TooManyRequests, match="may have 1 sessions at a time") as refused:
        kato.create_session(node)
    assert refused.value.retry_after == 60
    with kato.session(node):
        pass


@pytest.mark.parametrize(("status", "error"), [(408, Unavailable), (429, TooManyRequests)])
def test_a_refusal_that_did_nothing_is_repeated(
    connect: Connect, relay: Relay, node: str, status: int, error: type[ApiError]
) -> None:
    """A proxy may say it, too, without the service's identity. A write is repeated even where keys are unknown."""
    kato = connect(relay.url, accept_unidentified=True)
    with kato.session(node) as session:
        relay.seen.clear()
        relay.faults.extend([Say(status)] * 3)
        assert session.observe(["a"])["stm_length"] == 1
        assert len(relay.seen) == 4
        relay.faults.extend([Say(status, headers=(("Retry-After", "60"),))])
        with pytest.raises(error) as refused:
            session.observe(["b"])
        assert refused.value.retry_after == 60  # type: ignore[attr-defined]
        assert len(relay.seen) == 5


def test_a_session_lost_after_such_a_refusal_is_recovered(connect: Connect, relay: Relay, node: str) -> None:
    """Nothing was done, so nothing can be done twice."""
    with connect(relay.url).session(node, recover=True) as session:
        session.observe(["a"])
        missing = b'{"error":{"code":"SESSION_NOT_FOUND","message":"gone","session_id":"s"}}'
        relay.faults.extend([Say(429), Say(404, missing, headers=(IDENTIFIED,))])
        session.observe(["b"])
        assert session.stm()["stm"] == [["a"], ["b"]]
        assert len(session.recoveries) == 1


@pytest.mark.parametrize("headers", [(), (IDENTIFIED,)])
def test_what_is_too_large_is_not_repeated(
    connect: Connect, relay: Relay, headers: tuple[tuple[str, str], ...]
) -> None:
    relay.faults.append(Say(413, b'{"detail":"Request body too large"}', headers=headers))
    with pytest.raises(TooLarge, match="Request body too large"):
        connect(relay.url).create_session("node")
    assert len(relay.seen) == 1


# The stream of events -------------------------------------------------------------------------------------------------


def test_events_need_the_key_too(keyed: WebServer, token: str, node: str) -> None:
    with Kato(keyed.url, api_key=token) as kato, kato.events() as events, kato.session(node) as session:
        event = next(iter(events))
        assert event["event_type"] == "session.created"
        assert event["data"]["session_id"] == session.id
    with Kato(keyed.url) as kato, pytest.raises(Unauthorized, match="Give the client an api_key"), kato.events():
        pass
    monitor = Kato(keyed.url, api_key=new_token("--scope", "monitor"))
    with monitor, pytest.raises(Forbidden, match="needs the scope read"), monitor.events():
        pass


def test_a_stream_ends_when_its_key_is_revoked(keyed: WebServer) -> None:
    async def watch() -> None:
        token = new_token()
        async with AsyncKato(keyed.url, api_key=token) as kato, kato.events() as events:
            await asyncio.to_thread(revoke, token)
            with pytest.raises(Unauthorized, match="no longer valid"):
                async for _ in events:
                    pass
            with pytest.raises(Unauthorized, match="unknown, expired or revoked"):
                async with kato.events():
                    pass

    asyncio.run(watch())


def test_a_refusal_without_a_reason_is_not_taken_for_one_of_the_key(relay: Relay) -> None:
    relay.faults.append(Say(403, b"<html>", content_type="text/html"))
    with Kato(relay.url, api_key=NOBODY) as kato, pytest.raises(ConnectionFailed, match="403"), kato.events():
        pass


# The key stays secret -------------------------------------------------------------------------------------------------


def test_the_key_is_in_no_error_no_repr_and_no_log(keyed: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    def note(error: KatoError) -> None:
        shown.extend([str(error), repr(error), "".join(traceback.format_exception(error)), repr(vars(error))])

    with relay_to(keyed.url) as relay, Kato(relay.url, api_key=NOBODY, delays=()) as kato:
        shown.extend([repr(kato), repr(vars(kato))])
        for fault in (None, LOSE_ANSWER, Say(200), Say(503), Say(429)):
            if fault:
                relay.faults.append(fault)
            with pytest.raises(KatoError) as failed:
                kato.create_session("node")
            note(failed.value)
        with pytest.raises(KatoError) as failed, kato.events():
            pass
        note(failed.value)
    assert "> Host" in "".join(record.getMessage()[:6] for record in caplog.records), "handshakes are logged"
    shown.extend(record.getMessage() for record in caplog.records)
    secret = NOBODY.removeprefix("kato_")
    assert not [text for text in shown if secret in text or base64.b64encode(secret.encode()).decode() in text]


# The programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["kato_client.export", "kato_client.sessions"])
def test_programs_take_the_key_from_the_environment(
    module: str, keyed: WebServer, token: str, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Kato(keyed.url, api_key=token) as kato, kato.session(node) as session:
        session.observe_sequence([{"strings": ["a"]}, {"strings": ["b"]}], learn_at_end=True)
        what = ("--node", node) if module.endswith("export") else ("save", session.id)
        arguments = (*what, "--url", keyed.url)
        refused = client_program(module, *arguments)
        assert refused.returncode == 1
        assert refused.stderr.startswith("Unauthorized: ")
        assert refused.stderr.endswith("Give the client an api_key, or set KATO_API_KEY\n")
        monkeypatch.setenv("KATO_API_KEY", token)
        done = client_program(module, *arguments)
        assert (done.returncode, '"end": true' in done.stdout or '"end":true' in done.stdout) == (0, True), done.stderr
        monkeypatch.setenv("KATO_API_KEY", "a secret")
        malformed = client_program(module, *arguments)
        assert malformed.returncode == 1
        assert malformed.stderr.startswith("ValueError: KATO_API_KEY must be the token alone")
        assert "secret" not in malformed.stderr
    assert "KATO_API_KEY" in client_program(module, "--help").stdout
