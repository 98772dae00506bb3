"""A foreign program at the same address is detected at once, and never mistaken for a service that lost a session."""

from typing import Any

import pytest

from kato_client import ForeignServer, RouteNotFound, ServerFailure, SessionNotFound, Unavailable
from tests.client.conftest import Connect
from tests.client.relay import Relay, Say
from tests.client.test_repeats import IDENTIFIED

NO_SUCH_ROUTE = b'{"detail":"Not Found"}'


@pytest.mark.parametrize(
    "foreign",
    [
        Say(404, NO_SUCH_ROUTE),
        Say(200, b'{"status":"healthy"}'),
        Say(200, b"<html>", content_type="text/html"),
        Say(405),
    ],
)
def test_an_answer_of_another_program(connect: Connect, relay: Relay, node: str, foreign: Say) -> None:
    """The incident: half of the requests reached a second server, which knew no sessions (docs/investigation.md)."""
    with connect(relay.url).session(node, recover=True) as session:
        relay.faults.append(foreign)
        with pytest.raises(ForeignServer, match=r"127\.0\.0\.1 instead of localhost"):
            session.observe(["a"])
        assert session.recoveries == [], "the session lives, so it is not built again"
        session.observe(["a"])
        assert session.stm()["stm"] == [["a"]]


def test_an_error_of_a_proxy_is_not_taken_for_a_foreign_server(connect: Connect, relay: Relay) -> None:
    kato = connect(relay.url, delays=())
    relay.faults.extend([Say(502, b"<html>", content_type="text/html"), Say(500, b"oh", content_type="text/plain")])
    with pytest.raises(Unavailable):
        kato.session_count()
    with pytest.raises(ServerFailure):
        kato.session_count()


def test_an_unknown_route_is_not_taken_for_a_lost_session(connect: Connect, relay: Relay, node: str) -> None:
    with connect(relay.url).session(node, recover=True) as session:
        relay.faults.append(Say(404, NO_SUCH_ROUTE, headers=(IDENTIFIED,)))
        with pytest.raises(RouteNotFound):
            session.observe(["a"])
        assert session.recoveries == []


def test_a_lost_session_names_the_instances_that_answered(connect: Connect, relay: Relay, node: str) -> None:
    kato = connect(relay.url)
    session = kato.session(node).open()
    missing = b'{"error":{"code":"SESSION_NOT_FOUND","message":"Session s not found or expired","session_id":"s"}}'
    relay.faults.append(Say(404, missing, headers=(IDENTIFIED,)))
    with pytest.raises(SessionNotFound) as lost:
        session.observe(["a"])
    [note] = lost.value.__notes__
    assert note.startswith("Several instances have answered")
    assert "abc" in note
    session.delete()


def test_servers_without_identity_can_be_accepted(connect: Connect, relay: Relay) -> None:
    kato: Any = connect(relay.url, accept_unidentified=True)
    relay.faults.extend([Say(200, b'{"active_session_count":3}'), Say(404, NO_SUCH_ROUTE)])
    assert kato.session_count() == {"active_session_count": 3}
    with pytest.raises(ForeignServer):
        kato.pattern_count()
