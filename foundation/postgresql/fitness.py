"""Whether PostgreSQL serves this process as it must, asked on a connection that serves and read off all others."""

from collections import Counter

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

from foundation.postgresql.base import PAUSE_BETWEEN_RENEWALS, guard, renew_all
from foundation.postgresql.statements import OTHER

_LOOK = """
    SELECT current_setting('transaction_read_only')::bool,
        current_setting('synchronous_standby_names') <> ''
            AND current_setting('synchronous_commit') NOT IN ('off', 'local')
            -- NULL where this role may not know it
            AND NOT EXISTS (SELECT FROM pg_stat_replication WHERE COALESCE(sync_state, 'sync') IN ('sync', 'quorum')),
        pg_backend_pid(), ARRAY(
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


class OnlyReads(Unfit):
    """What changes something is a 503; that is no reason to take the service away from those who read."""


class ReadOnly(OnlyReads):
    def __init__(self) -> None:
        super().__init__(
            "PostgreSQL is read-only: what changes something is a 503, reads go on",
            "free its disk if that is full, then ALTER SYSTEM RESET default_transaction_read_only and "
            "SELECT pg_reload_conf() (roles and databases may override it)",
        )


class NoStandby(OnlyReads):
    def __init__(self) -> None:
        super().__init__(
            "no standby confirms commits, which wait for one: what changes something is a 503 after six seconds and "
            "may be stored all the same",
            "start a standby that synchronous_standby_names names, or ALTER SYSTEM RESET synchronous_standby_names "
            "and SELECT pg_reload_conf()",
        )


REASONS = (Pooled, SettingsLost, ReadOnly, NoStandby)


class _Last:
    """What the last look of this process found."""

    unfit: Unfit | None = None


def check(*, thoroughly: bool = False) -> None:
    """Raises an OperationalError; OnlyReads only if that is all that is wrong.

    What it found is gone only with the connections that it may be true of: this process connects again, at most every
    few seconds while it lasts, and once more when it is over. `thoroughly`: also try a second connection.
    """
    try:
        _look(try_a_second=thoroughly or isinstance(_Last.unfit, Pooled))
    except Unfit as unfit:
        _Last.unfit = unfit
        connections[DEFAULT_DB_ALIAS].close()
        renew_all(pause=PAUSE_BETWEEN_RENEWALS)
        raise
    if _Last.unfit is not None:
        _Last.unfit = None
        renew_all()


def _look(*, try_a_second: bool) -> None:
    wanted = settings.DATABASE_SESSION
    parameters = {"names": list(wanted), "values": list(wanted.values())}
    # Not prepared: a pooler that gives it to another backend would make it fail for that reason, before it is read.
    [(is_read_only, waits_for_standby, backend, differing)] = OTHER.execute(_LOOK, parameters, prepare=False)
    has_moved = backend != connections[DEFAULT_DB_ALIAS].connection.place.backend
    if has_moved or _share_backends() or (try_a_second and _a_second_one_has(backend)):
        raise Pooled
    if differing:
        raise SettingsLost(differing)
    if is_read_only:
        raise ReadOnly
    if waits_for_standby:
        raise NoStandby


def _share_backends() -> bool:
    """Whether two connections of this process had the same backend when they began, and both still have one."""
    places = Counter(connection.place for connection in guard.connections())
    return any(number > 1 for number in places.values())


def _a_second_one_has(backend: int) -> bool:
    """Whether a new connection has the backend of this thread's open one, as a pooler prefers the last one used."""
    second = connections[DEFAULT_DB_ALIAS].copy()
    try:
        second.connect()
        return bool(second.connection.place.backend == backend)
    finally:
        second.close()
