"""The database backend that the settings name: `django.db.backends.postgresql`, but no wait is endless.

The server enforces `statement_timeout`. A server that is stopped, swapping or cut off enforces nothing, and a thread
that waits for it forever serves no other request. So the client has a time limit of its own.
"""

import select
import threading
import time
from typing import Any, ClassVar

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from psycopg.abc import RV, PQGen
from psycopg.errors import _WaitTimeout


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up on an answer after DATABASE_ANSWER_LIMIT seconds, and closes itself."""

    # When PostgreSQL last answered in this process: distinguishes a busy database from one that hangs.
    last_answer: ClassVar[float] = 0.0

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            answer = super().wait(gen, interval=interval, timeout=timeout or settings.DATABASE_ANSWER_LIMIT)
            BoundedConnection.last_answer = time.monotonic()
            return answer
        except _WaitTimeout:
            # The answer may still arrive, and the next statement on this connection would read it as its own.
            self.close()
            raise psycopg.OperationalError("PostgreSQL gave no answer in time") from None


class ConnectGuard:
    """After a failed attempt to connect, further attempts fail at once for a moment.

    Without it, requests that queue behind a dead server would each wait for connect_timeout, one after another.
    """

    pause = 0.5  # seconds

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed_until = 0.0

    def connect(self, **parameters: Any) -> BoundedConnection:
        if time.monotonic() < self._closed_until:
            raise psycopg.OperationalError("PostgreSQL could not be reached a moment ago")
        try:
            return BoundedConnection.connect(**parameters)
        except psycopg.OperationalError:
            with self._lock:
                self._closed_until = time.monotonic() + self.pause
            raise


_guard = ConnectGuard()


def _readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class DatabaseWrapper(base.DatabaseWrapper):
    """Settings: `"ENGINE": "foundation.postgresql"`."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> BoundedConnection:
        if "isolation_level" in self.settings_dict["OPTIONS"] or self.settings_dict["OPTIONS"].get("pool"):
            raise ImproperlyConfigured("foundation.postgresql supports neither isolation_level nor pool")
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return _guard.connect(**conn_params)

    def close_if_unusable_or_obsolete(self) -> None:
        """Also close a connection that the server has ended while it was idle. Django calls this for each request.

        All there is to read from an idle connection is its end (a restart, or an administrator terminated it). To ask
        the kernel costs about a microsecond, a health check by query 14 % of a request.
        """
        idle = self.connection is not None and not self.in_atomic_block
        if idle and (self.connection.closed or _readable(self.connection.fileno())):
            self.close()
        super().close_if_unusable_or_obsolete()
