"""PostgreSQL that ends, stands still, has no place, or is another one."""

import threading
from contextlib import ExitStack, suppress

import psycopg

from benchmarks.stack import paused
from benchmarks.torture.faults.fault import AT_ONCE, Breakage, kind
from benchmarks.torture.service import Stack


class _OfPostgresql(Breakage):
    breaks = frozenset({"postgresql"})


@kind
class PostgresqlKilled(_OfPostgresql):
    name = "PostgreSQL killed"

    def begin(self) -> None:
        self.stack.database.server.kill()

    def end(self) -> None:
        self.stack.database.server.start()


@kind
class PostgresqlRestarted(_OfPostgresql):
    name = "PostgreSQL restarted"
    seconds = AT_ONCE

    def begin(self) -> None:
        self.stack.database.server.stop()
        self.stack.database.server.start()


@kind
class PostgresqlFrozen(_OfPostgresql):
    name = "PostgreSQL frozen"
    seconds = (1.0, 10.0)

    def begin(self) -> None:
        self.until_the_end.enter_context(paused(self.stack.database.server.pid))


@kind
class BackendsKilled(_OfPostgresql):
    """Some of the service's connections are ended, again and again."""

    name = "backends killed"

    def begin(self) -> None:
        self._enough = threading.Event()
        self._share = self.chance.choice([0.2, 0.5, 1.0])
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def _go_on(self) -> None:
        with self.stack.database.connect() as connection:
            while not self._enough.wait(0.2):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'kato' AND random() < %s",
                    [self._share],
                )

    def end(self) -> None:
        self._enough.set()
        self._thread.join()


@kind
class OutOfConnections(_OfPostgresql):
    """Others take every connection, those that the service loses included."""

    name = "PostgreSQL out of connections"

    def begin(self) -> None:
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._take_all)
        self._thread.start()

    def _take_all(self) -> None:
        with ExitStack() as others:
            admin = others.enter_context(self.stack.database.connect())
            while not self._enough.is_set():
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'kato' AND random() < 0.3"
                )
                with suppress(psycopg.OperationalError):  # too many clients already
                    while not self._enough.is_set():
                        others.enter_context(self.stack.database.connect())
                self._enough.wait(0.05)

    def end(self) -> None:
        self._enough.set()
        self._thread.join()


@kind
class Failover(_OfPostgresql):
    """The primary dies, and its standby takes over behind the same address."""

    name = "failover"
    seconds = (0.0, 1.5)

    def begin(self) -> None:
        self.stack.database.wait_for_the_standby()
        self.stack.database.server.kill()

    def end(self) -> None:
        self.stack.database.switch()

    def afterwards(self) -> None:
        self.stack.database.build_standby()


@kind
class StandbyFrozen(_OfPostgresql):
    """Commits wait for it."""

    name = "commits wait for a frozen standby"
    seconds = (1.0, 8.0)

    def begin(self) -> None:
        self.stack.database.wait_for_the_standby()
        self.until_the_end.callback(self.stack.database.no_longer_wait)
        self.until_the_end.enter_context(self.stack.database.standby_paused())


@kind
class DiskFull(_OfPostgresql):
    name = "a full disk"
    seconds = (2.0, 6.0)

    @classmethod
    def obstacle(cls, stack: Stack) -> str | None:
        return None if stack.disks else "this account may not mount a small disk"

    def begin(self) -> None:
        disk = self.stack.disks[self.stack.database.primary]
        disk.fill()
        self.until_the_end.callback(disk.free)
