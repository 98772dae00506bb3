"""Whether PostgreSQL serves this process as it must, asked on a connection that serves and read off all others."""

from collections import Counter
from typing import Any

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

from foundation.postgresql.base import guard, renew_all
from foundation.postgresql.statements import OTHER

_LOOK = """
    SELECT current_setting('transaction_read_only')::bool, pg_backend_pid(), ARRAY(
        SELECT asked.name || ' is ' || COALESCE(NULLIF(current_setting(asked.name, true), ''), 'not set')
            || ', not ' || asked.value
        FROM unnest(%(names)s::text[], %(values)s::text[]) AS asked (name, value)
        WHERE current_setting(asked.name, true) IS DISTINCT FROM asked.value
    )
"""


class Unfit(OperationalError):
    """PostgreSQL responds, but not as the service needs it."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found}; {remedy}")
        self.found = found
        self.remedy = remedy


class Pooled(Unfit):
    def __init__(self) -> None:
        super().__init__(
            "a pooler gives the statements of one connection to several backends: time limits and locks are lost",
            "set pool_mode = session in PgBouncer",
        )


class SettingsLost(Unfit):
    def __init__(self, differing: list[str]) -> None:
        super().__init__(
            f"not in force: {', '.join(differing)}",
            "let no pooler or proxy before PostgreSQL change or drop SET (PgBouncer: pool_mode = session)",
        )


class ReadOnly(Unfit):
    def __init__(self) -> None:
        super().__init__(
            "PostgreSQL is read-only: what changes something is a 503, reads go on",
            "free its disk if that is full, then ALTER SYSTEM RESET default_transaction_read_only and "
            "SELECT pg_reload_conf() (roles and databases may override it)",
        )


_was_read_only = False


def check() -> None:
    """Raises an OperationalError; ReadOnly only if that is all that is wrong.

    When it finds that PostgreSQL is no longer read-only, no older connection of this process serves any more.
    """
    global _was_read_only
    wanted = settings.DATABASE_SESSION
    parameters = {"names": list(wanted), "values": list(wanted.values())}
    # Not prepared: a pooler that gives it to another backend would make it fail for that reason, before it is read.
    [(is_read_only, backend, differing)] = OTHER.execute(_LOOK, parameters, prepare=False)
    if backend != connections[DEFAULT_DB_ALIAS].connection.place.backend or _share_backends():
        raise Pooled
    if differing:
        raise SettingsLost(differing)
    if is_read_only:
        _was_read_only = True
        connections[DEFAULT_DB_ALIAS].close()  # the next one may be better
        raise ReadOnly
    if _was_read_only:
        renew_all()
        _was_read_only = False


def check_that_backends_differ(second: psycopg.Connection[Any]) -> None:
    """Raises Pooled if this thread's connection and an unused second one have the same backend."""
    [(own,)] = OTHER.execute("SELECT pg_backend_pid()", {}, prepare=False)
    if second.execute("SELECT pg_backend_pid()", prepare=False).fetchone() == (own,):
        raise Pooled


def _share_backends() -> bool:
    """Whether two connections of this process had the same backend when they began, and both still have one."""
    places = Counter(connection.place for connection in guard.open_connections() if not connection.is_over)
    return any(number > 1 for number in places.values())
