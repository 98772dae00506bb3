"""Long lists of sessions for operators: each page starts at the cursor of the last one, however long the list is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import TextChoices

from sessions_app.expiry import ALIVE, LEFT
from sessions_app.stores import SESSIONS

_AT_ONCE = 500


class Liveness(TextChoices):
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """`left`: seconds, negative once the session has expired. `time`: observations since the STM was last cleared."""

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
class Cursor:
    """A session's place in a list: the time that the list is ordered by, and its id."""

    moment: str
    session_id: str

    def __str__(self) -> str:
        return f"{self.moment}/{self.session_id}"


def _page(*, by: str, newest_first: bool, conditions: list[str]) -> str:
    """In the order of an index. The limit is a literal, so that the planner knows that few rows are wanted."""
    beyond, direction = ("<", "DESC") if newest_first else (">", "ASC")
    # The columns of SessionSummary.
    return f"""
        SELECT id, node_id, {ALIVE}, created_at, expires_at, ttl_seconds, {LEFT}, stm_end - stm_start, time
        FROM sessions_app_session
        WHERE {" AND ".join([*conditions, f"({by}, id) {beyond} (%(moment)s::timestamptz, %(id)s)"])}
        ORDER BY {by} {direction}, id {direction} LIMIT {_AT_ONCE}
    """


def cursor_of(session: SessionSummary, liveness: Liveness | None) -> Cursor:
    """Where the list of `sessions` with this `liveness` continues after this session."""
    moment = session.expires_at if liveness == Liveness.EXPIRED else session.created_at
    return Cursor(moment.isoformat(timespec="microseconds"), session.session_id)


def sessions(
    *, node_id: str | None = None, liveness: Liveness | None = None, after: Cursor | None = None, limit: int
) -> Iterator[SessionSummary]:
    """Newest first; expired ones alone are few, and come in the order in which they expired. In bounded memory."""
    newest_first = liveness != Liveness.EXPIRED
    conditions = {Liveness.ACTIVE: [ALIVE], Liveness.EXPIRED: [f"NOT ({ALIVE})"], None: []}[liveness]
    if node_id is not None:
        conditions.append("node_id = %(node_id)s")
    sql = _page(by="created_at" if newest_first else "expires_at", newest_first=newest_first, conditions=conditions)
    start = after or Cursor("infinity" if newest_first else "-infinity", "")
    return islice(_all(sql, node_id, liveness, start), limit)


def _all(sql: str, node_id: str | None, liveness: Liveness | None, after: Cursor) -> Iterator[SessionSummary]:
    while True:
        rows = SESSIONS.execute_in_order(sql, {"node_id": node_id, "moment": after.moment, "id": after.session_id})
        for row in rows:
            yield SessionSummary(*row)
        if len(rows) < _AT_ONCE:
            return
        after = cursor_of(SessionSummary(*rows[-1]), liveness)
