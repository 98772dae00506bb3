"""Processes of this release beside those of a newer one, which has made keys that say more than this one knows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from access_app import operations
from access_app.limits import Limits
from foundation.callers import Scope
from tests.access.conftest import WORKERS, NewKey
from tests.access.keys import Key
from tests.support.sessions import create_session

Newer = Callable[..., Key]

# Enough connections to reach every process.
TIMES = 8 * WORKERS


@pytest.fixture
def newer_key(new_key: NewKey, database: psycopg.Connection) -> Iterator[Newer]:
    """Make a key as a newer release would: with scopes and limits of this one, and more."""
    made: list[Key] = []

    def make(*scopes: Scope, more_scopes: list[str], more_limits: dict[str, Any], limits: Limits) -> Key:
        made.append(key := new_key(*scopes, limits=limits))
        # By hand, because this release writes none of them; what it writes next moves the version on.
        database.execute(
            "UPDATE access_app_accesskey SET scopes = scopes || %s::text[], limits = limits || %s WHERE id = %s",
            [more_scopes, Jsonb(more_limits), key.id],
        )
        operations.revoke(key=new_key().id)
        return key

    yield make
    for key in made:
        operations.revoke(key=key.id)


def test_what_is_not_known_stops_no_key(newer_key: Newer, operator: Key) -> None:
    key = newer_key(Scope.READ, more_scopes=["teleport"], more_limits={"moons": 3}, limits=Limits())
    for one in (key, operator):
        answers = [one.client.get("/sessions/count") for _ in range(TIMES)]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.headers["X-Kato-Instance"] for answer in answers}) == WORKERS


def test_a_scope_that_is_not_known_grants_nothing(newer_key: Newer) -> None:
    key = newer_key(Scope.MONITOR, more_scopes=["teleport", "ADMIN", ""], more_limits={}, limits=Limits())
    assert key.client.get("/stats").status_code == 200
    refused = key.client.get("/sessions/count")
    assert (refused.status_code, refused.json()["detail"]) == (403, "This key may not do this: it needs the scope read")
    assert key.client.post("/sessions", json={"node_id": "upgrade"}).status_code == 403


def test_limits_that_are_known_hold_beside_one_that_is_not(newer_key: Newer) -> None:
    limits = Limits(sessions=1)
    key = newer_key(
        Scope.READ, Scope.WRITE, more_scopes=[], more_limits={"moons": {"of": ["any", "shape"]}}, limits=limits
    )
    create_session(key.client, "upgrade")
    assert key.client.post("/sessions", json={"node_id": "upgrade"}).status_code == 429


def test_each_process_logs_one_warning_for_each_name(newer_key: Newer, new_key: NewKey, output: Path) -> None:
    key = newer_key(Scope.READ, more_scopes=["levitate"], more_limits={"comets": 1}, limits=Limits())
    for _ in range(3):
        operations.revoke(key=new_key().id)  # lets every process read all keys again
        for _ in range(TIMES):
            assert key.client.get("/sessions/count").status_code == 200
    lines = [line for line in output.read_text().splitlines() if "levitate" in line or "comets" in line]
    assert len(lines) == 2 * WORKERS
    assert all("WARNING" in line for line in lines)
