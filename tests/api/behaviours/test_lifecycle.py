"""Behaviours 4 and 6: creating, counting and deleting sessions. Their time is in test_time_to_live.py."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.api.behaviours.session import create, ok
from tests.support.clients import Client


def _count(api: Client) -> int:
    count: int = ok(api.request("GET", "/sessions/count"))["active_session_count"]
    return count


def _created(api: Client, **body: Any) -> Any:
    return ok(api.request("POST", "/sessions", json=body))


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def test_a_session_created_with_nothing_but_a_node_has_the_defaults(api: Client, node: str) -> None:
    """Behaviour 4."""
    session = _created(api, node_id=node)

    assert session["session_id"].startswith("session-")
    assert session["node_id"] == node
    assert session["metadata"] == {}
    assert session["ttl_seconds"] == 3600
    assert _moment(session["expires_at"]) - _moment(session["created_at"]) == timedelta(seconds=3600)
    assert session["session_config"]["stm_mode"] == "CLEAR"


def test_a_session_is_created_with_the_metadata_and_the_ttl_that_were_asked_for(api: Client, node: str) -> None:
    """Behaviour 4."""
    metadata = {"user": "ada", "tags": ["x", 1, None], "nested": {"ü": 1.5}}

    session = _created(api, node_id=node, metadata=metadata, ttl_seconds=7200)

    assert session["node_id"] == node
    assert session["metadata"] == metadata
    assert session["ttl_seconds"] == 7200
    assert _moment(session["expires_at"]) - _moment(session["created_at"]) == timedelta(seconds=7200)


@pytest.mark.usefixtures("steady_count")
def test_deleting_five_sessions_takes_exactly_five_from_the_count_at_once(api: Client) -> None:
    """Behaviour 6; every count is read on more connections than there are processes (R22)."""
    nobody = _count(api)

    sessions = [create(api) for _ in range(5)]
    for session in sessions:
        session.observe("something")
    assert set(api.gather([partial(_count, api)] * 12)) == {nobody + 5}

    for session in sessions:
        session.delete()
    assert set(api.gather([partial(_count, api)] * 12)) == {nobody}
    assert [api.request("GET", f"{session.path}/stm").status for session in sessions] == [404] * 5
    assert [session.exists() for session in sessions] == [False] * 5
