"""The database backend named by the settings: `django.db.backends.postgresql`, but no wait is endless.

`statement_timeout` is kept by the server. A server that is stopped, swapping or cut off keeps nothing, and a thread
that waits for it for ever is a thread less for everybody: the client has to watch the clock too.
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

    # When PostgreSQL last answered anything in this process: what tells a busy database from one that hangs.
    last_answer: ClassVar[float] = 0.0

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            answer = super().wait(gen, interval=interval, timeout=timeout or settings.DATABASE_ANSWER_LIMIT)
            BoundedConnection.last_answer = time.monotonic()
            return answer
        except _WaitTimeout:
            # The answer may still come: whoever used this connection next would read it as his own.
            self.close()
            raise psycopg.OperationalError("PostgreSQL gave no answer in time") from None


class ConnectGuard:
    """After a failed connection attempt the next ones fail at once for a moment.

    Without it, every request that queued up behind a dead server would wait its own connect_timeout, one after another.
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
        """Also close a connection whose server has said good-bye while it was idle; Django calls this per request.

        An idle connection has nothing to read but its own end (a restart, an administrator's terminate). Asking the
        kernel costs about a microsecond, a health check by query 14 % of a request.
        """
        idle = self.connection is not None and not self.in_atomic_block
        if idle and (self.connection.closed or _readable(self.connection.fileno())):
            self.close()
        super().close_if_unusable_or_obsolete()
