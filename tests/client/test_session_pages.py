"""The client iterates over the sessions of a node, page by page."""

from typing import Any

from kato_client import types
from tests.client.shapes import problems


def ids(rows: Any) -> list[str]:
    return [row["session_id"] for row in rows]


def test_sessions_come_page_by_page(kato: Any, node: str) -> None:
    made = [kato.create_session(node)["session_id"] for _ in range(5)][::-1]
    rows = list(kato.sessions(node_id=node, limit=2))
    assert ids(rows) == made
    assert problems(rows, list[types.SessionInfo]) == []
    first_page = kato.list_sessions(node_id=node, limit=2)
    assert ids(kato.sessions(node_id=node, after=first_page["next"], limit=2)) == made[2:]


def test_what_is_skipped_is_skipped_once(kato: Any, node: str) -> None:
    made = [kato.create_session(node)["session_id"] for _ in range(5)][::-1]
    assert ids(kato.sessions(node_id=node, skip=1, limit=2)) == made[1:]
