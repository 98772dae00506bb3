"""Pages of the list of sessions: `next` leads from each to the one after it (http.md 1.3)."""

import json
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from tests.support.sessions import NewSession, observe


def page(client: httpx.Client, node: str, **query: Any) -> dict[str, Any]:
    response = client.get("/sessions", params={"node_id": node, **query})
    assert response.status_code == 200, response.text
    assert len(response.content) <= settings.ENV.limit_page
    found: dict[str, Any] = response.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [one["session_id"] for one in found["sessions"]]


def followed(client: httpx.Client, node: str, **query: Any) -> list[list[str]]:
    """The ids on all pages, from the first to the last."""
    pages = [page(client, node, **query)]
    while pages[-1]["next"] is not None:
        pages.append(page(client, node, after=pages[-1]["next"], **query))
    return [ids(one) for one in pages]


def test_the_pages_have_all_sessions_newest_first(client: httpx.Client, new_session: NewSession) -> None:
    made = [new_session(node_id="paged") for _ in range(5)][::-1]
    assert followed(client, "paged", limit=2) == [made[:2], made[2:4], made[4:]]
    assert followed(client, "paged", limit=5) == [made]
    assert followed(client, "paged and empty") == [[]]


def test_a_page_after_another_says_where_it_ends_but_not_how_many_there_are(
    client: httpx.Client, new_session: NewSession
) -> None:
    for _ in range(3):
        new_session(node_id="three of them")
    first = page(client, "three of them", limit=1)
    assert (first["total"], first["skip"], first["next_skip"]) == (3, 0, 1)
    second = page(client, "three of them", limit=1, after=first["next"])
    assert (second["total"], second["skip"], second["next_skip"]) == (None, 0, None)
    assert ids(second) == ids(page(client, "three of them", limit=1, skip=1))
    assert ids(page(client, "three of them", limit=1, skip=1, after=first["next"])) == ids(
        page(client, "three of them", limit=1, skip=2)
    )


def test_sessions_that_come_go_and_are_used_meanwhile_move_no_other(
    client: httpx.Client, new_session: NewSession
) -> None:
    made = [new_session(node_id="moving") for _ in range(6)][::-1]
    first = page(client, "moving", limit=2)
    new_session(node_id="moving")
    observe(client, made[4], "a")
    client.post(f"/sessions/{made[5]}/extend", params={"ttl_seconds": 9000})
    client.delete(f"/sessions/{made[1]}")  # the last one of the first page, which `next` names
    client.delete(f"/sessions/{made[3]}")
    assert ids(page(client, "moving", limit=9, after=first["next"])) == [made[2], made[4], made[5]]


def test_sessions_of_the_same_moment_are_in_the_order_of_their_ids(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    made = sorted((new_session(node_id="same moment") for _ in range(5)), reverse=True)
    database.execute("UPDATE sessions_app_session SET created_at = now() WHERE node_id = 'same moment'")
    assert followed(client, "same moment", limit=2) == [made[:2], made[2:4], made[4:]]


def test_a_page_that_gets_too_large_names_the_next(client: httpx.Client, new_session: NewSession) -> None:
    made = [new_session(node_id="large pages", metadata={"k": "x" * 60_000}) for _ in range(80)][::-1]
    pages = followed(client, "large pages", limit=1000)
    assert len(pages) == 2
    assert [one for each in pages for one in each] == made


def test_a_session_larger_than_a_page_has_one_of_its_own(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    made = [new_session(node_id="huge pages") for _ in range(3)][::-1]
    huge = json.dumps({"k": "x" * (settings.ENV.limit_page + 1)})
    database.execute("UPDATE sessions_app_session SET metadata = %s WHERE id = %s", [huge, made[1]])
    found, query = [], {"node_id": "huge pages"}
    while "after" not in query or query["after"]:
        one = client.get("/sessions", params=query).json()
        found.append(ids(one))
        query["after"] = one["next"]
    assert found == [[each] for each in made]


@pytest.mark.parametrize("last", [0, 10**18 - 1], ids=["the earliest", "beyond the latest"])
def test_any_moment_is_a_place_in_the_list(client: httpx.Client, new_session: NewSession, last: int) -> None:
    session_id = new_session(node_id=f"moment {last}")
    assert ids(page(client, f"moment {last}", after=f"newest.{last}.x")) == ([session_id] if last else [])


@pytest.mark.parametrize(
    "after",
    [
        "",
        "newest",
        "newest.1.",
        "newest.-1.session-1",
        f"newest.{'9' * 19}.session-1",
        f"newest.1.{'s' * 256}",
        f"frequency.1.1.{'0' * 40}",
    ],
)
def test_another_cursor_is_refused(client: httpx.Client, after: str) -> None:
    response = client.get("/sessions", params={"after": after})
    assert response.status_code == 422
    [problem] = response.json()["detail"]
    assert (problem["type"], problem["loc"]) == ("after_invalid", ["query", "after"])
