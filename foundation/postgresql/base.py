"""The database backend that the settings name: `django.db.backends.postgresql`, but no wait is endless.

The server enforces `statement_timeout`. A server that is stopped, swapping or cut off enforces nothing, and a thread
that waits for it forever serves no other request. So the client has a time limit of its own. And every connection leads
to the primary (`foundation/postgresql/opening.py`).
"""

import select
import threading
import time
from contextlib import suppress
from typing import Any, ClassVar
from weakref import WeakSet

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg.abc import RV, PQGen
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, ReadOnlySqlTransaction, _WaitTimeout

from foundation.postgresql import identity, opening
from foundation.postgresql.trouble import first_line, is_standby

# Seconds: as long as PostgreSQL is read-only, reads should not connect each time that a write has failed.
PAUSE_BETWEEN_RENEWALS = 5.0
# Seconds that PostgreSQL has to take back a statement that it does not answer.
CANCEL_LIMIT = 0.5


class OutdatedStatement(psycopg.OperationalError):
    """PostgreSQL refused to run a prepared statement, before it did anything: a column has another type by now."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up on an answer after DATABASE_ANSWER_LIMIT seconds, and closes itself."""

    # When PostgreSQL last answered in this process: distinguishes a busy database from one that hangs.
    last_answer: ClassVar[float] = 0.0
    # The server that the newest connection of this process leads to.
    newest_server: ClassVar[str] = ""
    # Connections that began before this are obsolete: they lead to another server, are read-only, or may be dead.
    obsolete_before: ClassVar[float] = 0.0
    began = 0.0
    place = opening.Place("", 0)
    answer_limit = 3.0  # seconds, until it is prepared: a pooler accepts it at once, and may then have no server for it

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            answer = super().wait(gen, interval=interval, timeout=timeout or self.answer_limit)
            BoundedConnection.last_answer = time.monotonic()
            return answer
        except _WaitTimeout:
            if self.began:
                # A firewall that forgot this connection has forgotten the others, too.
                renew_all()
                self._take_back()
            # The answer may still arrive, and the next statement on this connection would read it as its own.
            self.close()
            raise psycopg.OperationalError("PostgreSQL gave no answer in time") from None
        except (FeatureNotSupported, InvalidSqlStatementName) as error:
            if isinstance(error, FeatureNotSupported) and error.diag.source_function != "RevalidateCachedQuery":
                raise
            # All others of this process have prepared it, too.
            renew_all()
            self.close()
            raise OutdatedStatement(f"{error}: the schema has changed since it was prepared") from error
        except ReadOnlySqlTransaction:
            # The address may lead to another server by now, or this one's default may have changed since.
            opening.counter.labels("read_only").inc()
            self.close()
            renew_all(pause=PAUSE_BETWEEN_RENEWALS)
            raise

    def _take_back(self) -> None:
        """A commit that waits for a standby waits without end, with its locks and its place in max_connections."""
        with suppress(psycopg.Error):
            self.cancel_safe(timeout=CANCEL_LIMIT)

    def prepare_for_use(self) -> None:
        """Raises OperationalError, and is closed then, if it may not be used."""
        try:
            self.place = opening.prepare(self)
        except BaseException:
            self.close()
            raise
        self.answer_limit = settings.DATABASE_ANSWER_LIMIT
        self.began = time.monotonic()
        if self.place.server != BoundedConnection.newest_server:
            BoundedConnection.newest_server = self.place.server
            BoundedConnection.obsolete_before = self.began

    @property
    def is_obsolete(self) -> bool:
        return self.began < BoundedConnection.obsolete_before

    @property
    def is_over(self) -> bool:
        """Whether the server has ended it while it was idle: all there is to read from an idle connection is its end.

        To ask the kernel costs about a microsecond, a health check by query 14 % of a request.
        """
        try:
            return self.closed or _readable(self.fileno())
        except psycopg.OperationalError:
            return True  # another thread has just closed it


def renew_all(*, pause: float = 0.0) -> None:
    """Let each thread connect again before its next use; not if that was `pause` seconds ago or less."""
    now = time.monotonic()
    if now - BoundedConnection.obsolete_before > pause:
        BoundedConnection.obsolete_before = now


class ConnectGuard:
    """After a failed attempt to connect, further attempts fail at once for a moment.

    Without it, requests that queue behind a dead server would each wait for connect_timeout, one after another.
    """

    pause = 0.5  # seconds

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed_until = 0.0
        self._reason = ""
        self._opened: WeakSet[BoundedConnection] = WeakSet()

    def connect(self, **parameters: Any) -> BoundedConnection:
        if time.monotonic() < self._closed_until:
            raise psycopg.OperationalError(f"PostgreSQL could not be reached a moment ago: {self._reason}")
        try:
            connection = BoundedConnection.connect(**parameters, autocommit=True)
            connection.prepare_for_use()
        except psycopg.OperationalError as error:
            opening.counter.labels("standby" if is_standby(error) else "failed").inc()
            with self._lock:
                self._reason = first_line(error)
                self._closed_until = time.monotonic() + self.pause
            raise
        opening.counter.labels("opened").inc()
        with self._lock:
            self._opened.add(connection)
        return connection

    def connections(self) -> list[BoundedConnection]:
        """Those of this process that serve."""
        with self._lock:
            opened = list(self._opened)
        return [connection for connection in opened if not (connection.is_obsolete or connection.is_over)]


guard = ConnectGuard()


def _readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class DatabaseWrapper(base.DatabaseWrapper):
    """Settings: `"ENGINE": "foundation.postgresql"`."""

    _kept_cursor: psycopg.Cursor[Any] | None = None

    def kept_cursor(self) -> psycopg.Cursor[Any]:
        """For a statement whose rows are read at once: to make a cursor costs a third of what psycopg takes for one."""
        cursor = self._kept_cursor
        if cursor is None or cursor.connection is not self.connection:
            cursor = self._kept_cursor = self.connection.cursor()
        return cursor

    def get_new_connection(self, conn_params: dict[str, Any]) -> BoundedConnection:
        if "isolation_level" in self.settings_dict["OPTIONS"] or self.settings_dict["OPTIONS"].get("pool"):
            raise ImproperlyConfigured("foundation.postgresql supports neither isolation_level nor pool")
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return guard.connect(**conn_params)

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if self.alias == DEFAULT_DB_ALIAS:  # Django also makes wrappers for the database `postgres`
            identity.remember(self.connection)

    def close_if_unusable_or_obsolete(self) -> None:
        """Also close a connection that is obsolete, or that the server has ended. Django calls this for each request.

        After a failover, the first thread that connects makes all others follow.
        """
        raw = self.connection
        if raw is not None and not self.in_atomic_block and (raw.is_obsolete or raw.is_over):
            self.close()
        super().close_if_unusable_or_obsolete()
