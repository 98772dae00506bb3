"""PgBouncer before a PostgreSQL of this machine."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from benchmarks.stack import eventually, free_port
from benchmarks.stack.proxy import postgres_socket, proxying
from katoproject.launcher import processes
from katoproject.launcher.installation import server_uid

_CONFIGURATION = """
[databases]
kato = host=127.0.0.1 port={server} user=kato
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
admin_users = operator
default_pool_size = 60
pool_mode = session
"""


@dataclass
class PgBouncer:
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://kato@127.0.0.1:{self.port}/kato"

    def pool_by(self, mode: str) -> None:
        admin = psycopg.connect(host="127.0.0.1", port=self.port, user="operator", dbname="pgbouncer", autocommit=True)
        with psycopg.ClientCursor(admin) as cursor:
            cursor.execute(f"SET pool_mode = {mode}")
        admin.close()

    def accepts(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def pgbouncer(data: Path) -> Iterator[PgBouncer]:
    """As Debian installs it, in session mode. Skips the test without it."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("needs PgBouncer (package pgbouncer)")
    with proxying(postgres_socket(data)) as server:
        running = PgBouncer(free_port())
        file = data / "pgbouncer.ini"
        file.write_text(_CONFIGURATION.format(server=server.port, port=running.port))
        file.chmod(0o644)
        process = subprocess.Popen([program, "-q", str(file)], **processes.account_options(server_uid(data)))
        try:
            eventually(running.accepts, "PgBouncer accepts connections")
            yield running
        finally:
            process.kill()
            process.wait()
