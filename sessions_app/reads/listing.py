"""Long lists of sessions for operators: page after page from where the last one ended, however many there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import TextChoices

from sessions_app.expiry import ALIVE, LEFT
from sessions_app.stores import SESSIONS

_AT_ONCE = 500


class Lives(TextChoices):
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Listed:
    """`left`: seconds; below zero where the time has run out. `time`: observations since the STM was last cleared."""

    session_id: str
    node_id: str
    is_alive: bool
    created_at: datetime
    expires_at: datetime
    ttl_seconds: int
    left: float
    stm_length: int
    time: int


@dataclass(frozen=True, slots=True)
class Place:
    """Of a session in a list: when it was created (of the expired ones: when it expired), and its id."""

    moment: str
    session_id: str

    def __str__(self) -> str:
        return f"{self.moment}/{self.session_id}"


def _page(*, by: str, newest_first: bool, conditions: list[str]) -> str:
    """In the order of an index. The limit is said, so that the plan knows that few rows are wanted."""
    beyond, direction = ("<", "DESC") if newest_first else (">", "ASC")
    return f"""
        SELECT id, node_id, {ALIVE}, created_at, expires_at, ttl_seconds, {LEFT}, stm_end - stm_start, time
        FROM sessions_app_session
        WHERE {" AND ".join([*conditions, f"({by}, id) {beyond} (%(moment)s::timestamptz, %(id)s)"])}
        ORDER BY {by} {direction}, id {direction} LIMIT {_AT_ONCE}
    """


def place(listed: Listed, lives: Lives | None) -> Place:
    moment = listed.expires_at if lives == Lives.EXPIRED else listed.created_at
    return Place(moment.isoformat(timespec="microseconds"), listed.session_id)


def sessions(
    *, node_id: str | None = None, lives: Lives | None = None, after: Place | None = None, limit: int
) -> Iterator[Listed]:
    """The newest first; of the expired ones, which are few, those first that expired first. In bounded memory."""
    newest_first = lives != Lives.EXPIRED
    conditions = {Lives.ACTIVE: [ALIVE], Lives.EXPIRED: [f"NOT ({ALIVE})"], None: []}[lives]
    if node_id is not None:
        conditions.append("node_id = %(node_id)s")
    sql = _page(by="created_at" if newest_first else "expires_at", newest_first=newest_first, conditions=conditions)
    return islice(_all(sql, node_id, lives, after or Place("infinity" if newest_first else "-infinity", "")), limit)


def _all(sql: str, node_id: str | None, lives: Lives | None, after: Place) -> Iterator[Listed]:
    while True:
        rows = SESSIONS.execute_in_order(sql, {"node_id": node_id, "moment": after.moment, "id": after.session_id})
        for row in rows:
            yield Listed(*row)
        if len(rows) < _AT_ONCE:
            return
        after = place(Listed(*rows[-1]), lives)
