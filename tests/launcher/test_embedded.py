"""The embedded servers start again from whatever state a kill leaves."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from katoproject.configuration.locations import postgres_url, redis_url
from katoproject.launcher import postgres, processes, redis
from katoproject.launcher.processes import CannotStart, Program

pytestmark = pytest.mark.long

Start = Callable[[Program], subprocess.Popen[bytes]]


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="kato embedded "))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def start(data: Path) -> Iterator[Start]:
    """Start a program; stop it after the test if it still runs."""
    started = []

    def start_one(program: Program) -> subprocess.Popen[bytes]:
        process = processes.start(program)
        started.append((program, process))
        return process

    yield start_one
    for program, process in reversed(started):
        processes.stop(program, process)


def execute(data: Path, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(postgres_url(data)) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.exhaustive
def test_data_survives_an_orderly_stop(data: Path, start: Start) -> None:
    program = postgres.program(data)
    server = start(program)
    execute(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    processes.stop(program, server)
    assert server.returncode == 0

    start(program)
    assert execute(data, "SELECT answer FROM kept") == [(42,)]
    assert "not properly shut down" not in (data / "postgres.log").read_text()


def test_acknowledged_data_survives_kill_9(data: Path, start: Start) -> None:
    program = postgres.program(data)
    server = start(program)
    execute(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.kill()
    server.wait()

    start(program)
    assert execute(data, "SELECT answer FROM kept") == [(42,)]


def test_servers_left_running_are_replaced(data: Path, start: Start) -> None:
    programs = [postgres.program(data), redis.program(data)]
    orphans = [start(program) for program in programs]
    execute(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    successors = [start(program) for program in programs]

    assert [orphan.poll() for orphan in orphans] == [0, 0]
    assert [successor.poll() for successor in successors] == [None, None]
    assert execute(data, "SELECT answer FROM kept") == [(42,)]


def test_a_pid_file_with_the_pid_of_another_program_is_ignored(data: Path, start: Start) -> None:
    program = postgres.program(data)
    processes.stop(program, start(program))
    stranger = start(redis.program(data))  # of the same account, because that is what PostgreSQL checks
    for path in (data / "postgres" / "postmaster.pid", data / "run" / ".s.PGSQL.5432.lock"):
        path.write_text(f"{stranger.pid}\n{data / 'postgres'}\n1700000000\n5432\n{data / 'run'}\n\n")

    start(program)
    assert stranger.poll() is None


@pytest.mark.exhaustive
def test_an_interrupted_creation_of_the_cluster_is_repeated(data: Path, start: Start) -> None:
    half_made = data / "postgres.new-killed"
    (half_made / "base").mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")

    start(postgres.program(data))
    assert execute(data, "SHOW server_encoding") == [("UTF8",)]
    assert not half_made.exists()


def test_postgres_is_durable_and_reachable_through_its_socket_only(data: Path, start: Start) -> None:
    start(postgres.program(data))
    shown = {name: execute(data, f"SHOW {name}")[0][0] for name in ("fsync", "synchronous_commit", "listen_addresses")}
    assert shown == {"fsync": "on", "synchronous_commit": "on", "listen_addresses": ""}
    assert (data / "run").stat().st_mode & 0o777 == 0o700


def test_redis_never_drops_what_does_not_expire(data: Path, start: Start) -> None:
    start(redis.program(data))
    with redis_client.Redis.from_url(redis_url(data)) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
        assert client.config_get("port") == {"port": "0"}


def test_a_data_folder_too_deep_for_a_socket_is_refused_with_advice(data: Path) -> None:
    with pytest.raises(CannotStart, match="Set KATO_DATA_DIR to a folder with a shorter path"):
        processes.start(postgres.program(data / ("d" * 100)))


def test_a_server_that_does_not_start_shows_its_log(data: Path, start: Start) -> None:
    program = postgres.program(data)
    processes.stop(program, start(program))
    (data / "postgres" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(CannotStart, match="initialized by PostgreSQL version 9"):
        processes.start(program, seconds=1)


def test_another_accounts_data_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "run").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(CannotStart, match="belongs to another user"):
        postgres.prepare(data)
