"""Sessions as clients list and look them up: one, a page, their number, their own configuration."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from pydantic_core import from_json

from access_app.admission import OF_CALLER
from foundation import callers
from foundation.contracts import ContractName, of_row
from foundation.errors import no_cursor
from sessions_app.admitted import ADMITTED, met
from sessions_app.expiry import ALIVE, PROMISED_DEADLINE
from sessions_app.operations.totals import ROWS
from sessions_app.reads.admission import ADMISSION, admit
from sessions_app.shapes.bodies import MAX_ID_LENGTH
from sessions_app.shapes.session_info import SessionInfo
from sessions_app.stores import SESSIONS

_LARGEST_CONFIG = 1500  # bytes of a session in a response, without node id and metadata


def _info_columns(deadline: str) -> str:
    """The columns of SessionInfo, in its order."""
    return f"""
        id, created_at, {deadline} AS expires_at,
        GREATEST(0, floor(extract(epoch FROM {deadline} - clock_timestamp())))::bigint AS ttl_seconds,
        metadata::text, config
    """


_SESSION = f"""
    SELECT {ADMISSION}, {_info_columns(PROMISED_DEADLINE)} FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}
"""


def _page(condition: str) -> str:
    """A page is no access to its sessions and extends none, so it shows each deadline as stored.

    PostgreSQL sends the rows that fit into the budget, and the first in any case: large metadata of others stays there.
    It looks one row beyond the page, to know whether there is another.
    """
    return f"""
        SELECT false AS touch_due, node_id, contract, {_info_columns("expires_at")}, rows FROM (
            SELECT *, count(*) OVER () AS rows,
                sum(size) OVER (ORDER BY created_at DESC, id DESC ROWS UNBOUNDED PRECEDING) AS used
            FROM (
                SELECT *, {_LARGEST_CONFIG} + octet_length(node_id) + octet_length(metadata::text) AS size
                FROM sessions_app_session
                WHERE {condition} AND (created_at, id) < (%(created_at)s::timestamptz, %(id)s)
                ORDER BY created_at DESC, id DESC LIMIT %(limit)s + 1 OFFSET %(skip)s
            ) AS wanted
        ) AS counted
        WHERE used <= %(budget)s OR used = size ORDER BY created_at DESC, id DESC LIMIT %(limit)s
    """


# Separate statements for all sessions and for those of one node: their plans have nothing in common.
_LISTED = f"{ALIVE} AND {OF_CALLER}"
_OF_NODE = f"{_LISTED} AND node_id = %(node_id)s"
_PAGE, _PAGE_OF_NODE = _page(_LISTED), _page(_OF_NODE)
# SQL: the number of all living sessions, and of those that the caller may use.
LIVING = f"({ROWS} - (SELECT count(*) FROM sessions_app_session WHERE NOT ({ALIVE})))"
_LIVING_OF_CALLER = f"(SELECT count(*) FROM sessions_app_session WHERE {_LISTED})"
_COUNT_OF_NODE = f"SELECT count(*) FROM sessions_app_session WHERE {_OF_NODE}"
_POPULATION = f"""
    SELECT {{living}}, expired.number, expired.lag FROM (
        SELECT count(*) AS number, COALESCE(extract(epoch FROM now() - min(expires_at)), 0)::float8 AS lag
        FROM sessions_app_session WHERE NOT ({ALIVE}) AND {OF_CALLER}
    ) AS expired
"""
_CONFIG = f"SELECT {ADMISSION}, config FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}"
_EXISTS = f"SELECT node_id, contract, {ALIVE} FROM sessions_app_session WHERE id = %(id)s AND {OF_CALLER}"


@dataclass(frozen=True, slots=True)
class Existence:
    exists: bool
    expired: bool


@dataclass(frozen=True, slots=True)
class Population:
    """Sessions at one moment: active, and expired but not deleted yet.

    `cleanup_lag_seconds`: how long ago the oldest expired one expired; 0 where there is none.
    """

    active: int
    expired: int
    cleanup_lag_seconds: float


class Cursor(NamedTuple):
    """After which session a page begins: neither part of its place in the list ever changes."""

    created_at: datetime
    session_id: str

    def __str__(self) -> str:
        return f"newest.{(self.created_at - _EARLIEST) // _MICROSECOND}.{self.session_id}"


CURSOR_PATTERN = rf"newest\.([0-9]{{1,18}})\.(.{{1,{MAX_ID_LENGTH}}})"
_CURSOR = re.compile(CURSOR_PATTERN)
_EARLIEST, _LATEST = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SessionPage:
    """`following`: where the next page begins; None on the last. The list may be shorter than was asked for."""

    sessions: list[SessionInfo]
    following: Cursor | None


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """The contract of a session, and the settings that it itself has."""

    contract: ContractName
    own: dict[str, Any]


class _InfoRow(NamedTuple):
    touch_due: bool
    node_id: str
    contract: str | None
    session_id: str
    created_at: datetime
    expires_at: datetime
    ttl_seconds: int
    metadata: str
    config: str

    def info(self) -> SessionInfo:
        return SessionInfo(
            session_id=self.session_id,
            node_id=self.node_id,
            created_at=self.created_at,
            expires_at=self.expires_at,
            ttl_seconds=self.ttl_seconds,
            metadata=self.metadata.encode(),
            config=from_json(self.config),
            contract=self.contract,
        )


class _ConfigRow(NamedTuple):
    touch_due: bool
    node_id: str
    contract: str | None
    config: str


def session(session_id: str) -> SessionInfo:
    """The session, with the seconds it has left as `ttl_seconds`. Raises SessionNotFound."""
    return admit(session_id, _SESSION, _InfoRow._make).info()


def stored_config(session_id: str) -> StoredConfig:
    """Raises SessionNotFound."""
    row = admit(session_id, _CONFIG, _ConfigRow._make)
    return StoredConfig(of_row(row.contract), from_json(row.config))


def existence(session_id: str) -> Existence:
    """Whether a request would be admitted now. No access; an expired session is known until its row is deleted."""
    row = None if "\0" in session_id else SESSIONS.execute_one(_EXISTS, {"id": session_id})
    if row is None:
        return Existence(exists=False, expired=False)
    node_id, contract, alive = row
    met(node_id=node_id, contract=contract)
    return Existence(exists=alive, expired=not alive)


def count(*, node_id: str | None = None) -> int:
    """The exact number of sessions that are alive at this moment, of one node or of all that the caller may use."""
    statement = f"SELECT {_living()}" if node_id is None else _COUNT_OF_NODE
    [(number,)] = SESSIONS.execute(statement, {"node_id": node_id})
    return int(number)


def population() -> Population:
    [row] = SESSIONS.execute(_POPULATION.format(living=_living()), {})
    return Population(*row)


def _living() -> str:
    return LIVING if callers.current().nodes is None else _LIVING_OF_CALLER


def cursor_of(text: str) -> Cursor:
    """Raises InvalidRequest where no page has named it."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise no_cursor(text)
    microseconds = min(int(found[1]), (_LATEST - _EARLIEST) // _MICROSECOND)
    return Cursor(_EARLIEST + microseconds * _MICROSECOND, found[2])


def page(*, after: Cursor | None = None, skip: int = 0, limit: int, node_id: str | None) -> SessionPage:
    """Living sessions, newest first, of one node or of all. No access: their deadlines stay."""
    begins = after or Cursor(_LATEST, "")
    parameters = {
        "created_at": begins.created_at,
        "id": begins.session_id,
        "skip": skip,
        "limit": limit,
        "node_id": node_id,
        "budget": settings.ENV.limit_page,
    }
    rows = SESSIONS.execute(_PAGE if node_id is None else _PAGE_OF_NODE, parameters)
    sessions = [_InfoRow._make(row[:-1]).info() for row in rows]
    is_last = not rows or len(rows) == rows[-1][-1]
    return SessionPage(sessions, None if is_last else Cursor(sessions[-1].created_at, sessions[-1].session_id))
