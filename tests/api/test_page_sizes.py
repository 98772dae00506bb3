"""A page of a list ends where it gets too large, and says where the next one begins (http.md 0.6)."""

import json
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from benchmarks.stack import WebServer
from memory_app.reads import browsing
from memory_app.reads.browsing import Wanted
from tests.support.sessions import NewSession, create_session

BUDGET: int = settings.ENV.limit_page


def test_a_page_of_sessions_ends_where_it_gets_too_large(client: httpx.Client, new_session: NewSession) -> None:
    created = [new_session(node_id="large metadata", metadata={"k": "x" * 60_000}) for _ in range(80)]
    found: list[str] = []
    skip: int | None = 0
    pages = 0
    while skip is not None:
        response = client.get("/sessions", params={"node_id": "large metadata", "limit": 1000, "skip": skip})
        assert len(response.content) <= BUDGET
        page = response.json()
        assert page["total"] == 80
        found += [one["session_id"] for one in page["sessions"]]
        skip, pages = page["next_skip"], pages + 1
    assert found == created[::-1]
    assert pages == 2


def test_a_session_larger_than_a_page_comes_alone(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    created = [new_session(node_id="huge metadata") for _ in range(3)]
    huge = json.dumps({"k": "x" * (BUDGET + 1)})
    database.execute("UPDATE sessions_app_session SET metadata = %s WHERE id = %s", [huge, created[1]])
    found: list[list[str]] = []
    skip: int | None = 0
    while skip is not None:
        page = client.get("/sessions", params={"node_id": "huge metadata", "skip": skip}).json()
        found.append([one["session_id"] for one in page["sessions"]])
        skip = page["next_skip"]
    assert found == [[created[2]], [created[1]], [created[0]]]


def test_the_last_page_names_no_other(client: httpx.Client, new_session: NewSession) -> None:
    for _ in range(3):
        new_session(node_id="three")
    for skip, limit, next_skip in ((0, 2, 2), (2, 2, None), (0, 3, None), (3, 2, None)):
        page = client.get("/sessions", params={"node_id": "three", "skip": skip, "limit": limit}).json()
        assert page["next_skip"] == next_skip


@pytest.fixture(scope="module")
def large_node(server: WebServer) -> str:
    """A node of twelve patterns with a hundred symbols and an emotive each; each name has four thousand characters."""
    node, joy = "long symbols", "joy" + "x" * 4000
    with httpx.Client(base_url=server.url, timeout=60) as client:
        session_id = create_session(client, node)
        items = (
            {"strings": [f"{event:02}-{symbol:03}" + "x" * 4000 for symbol in range(100)], "emotives": {joy: 1}}
            for event in range(12)
        )
        body = {"observations": list(items), "learn_after_each": True}
        assert client.post(f"/sessions/{session_id}/observe-sequence", json=body).status_code == 200
    return node


@pytest.mark.parametrize(("route", "name", "pages"), [("stats", "symbols", 3), ("affinity", "affinities", 3)])
def test_a_long_list_of_symbols_comes_in_pages(
    client: httpx.Client, large_node: str, route: str, name: str, pages: int
) -> None:
    found: dict[str, Any] = {}
    after: str | None = None
    read = 0
    while read == 0 or after is not None:
        query = {"node_id": large_node, **({} if after is None else {"after": after})}
        response = client.get(f"/symbols/{route}", params=query)
        assert len(response.content) <= BUDGET + 20_000
        page = response.json()
        assert not found.keys() & page[name].keys()
        found |= page[name]
        after, read = page.get("next"), read + 1
    assert len(found) == 1200
    assert read == pages


@pytest.mark.usefixtures("same_database")
def test_a_page_of_long_patterns_ends_early_and_says_where_the_next_begins(large_node: str) -> None:
    first = browsing.page(large_node, Wanted(), limit=25)
    assert first.following is not None
    second = browsing.page(large_node, Wanted(), after=first.following, limit=25)
    assert second.following is None
    names = [one.name for one in first.patterns + second.patterns]
    assert len(set(names)) == len(names) == 12
    assert len(browsing.page(large_node, Wanted(), limit=3).patterns) == 3
