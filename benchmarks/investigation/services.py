"""The services of the races: two processes of the baseline and two of this one, the first of each behind a gate."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import redis

from benchmarks.baseline.process import BaselineProcess, running
from benchmarks.investigation.gate import Gate, postgres_statements, redis_commands
from benchmarks.investigation.schedules import Processes
from benchmarks.stack import Stores, WebServer
from katoproject.configuration.locations import postgres_url, redis_password, redis_url, run_dir


@contextmanager
def baseline(data: Path, variant: str) -> Iterator[Processes]:
    app = f"benchmarks.baseline.faults:{variant}"
    with Gate(run_dir(data) / "redis.sock", redis_commands) as gate:
        through = f"redis://:{redis_password(data)}@127.0.0.1:{gate.port}"
        gated, direct = (BaselineProcess(url, app=app) for url in (through, redis_url(data)))
        with running(gated, direct):
            # Redis has no locks to wait for, and every read of the old service renews the session.
            yield Processes(gated.port, direct.port, gate, lambda: False, lambda session: None)


@contextmanager
def redis_refuses_writes(data: Path) -> Iterator[None]:
    with redis.Redis.from_url(redis_url(data)) as client:
        before = client.config_get("maxmemory*")
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            for name in ("maxmemory", "maxmemory-policy"):
                client.config_set(name, before[name])


@dataclass(frozen=True)
class Ours:
    data: Path
    processes: Processes
    # The server whose two processes are not behind the gate.
    direct: WebServer


@contextmanager
def ours(data: Path) -> Iterator[Ours]:
    """This service with PostgreSQL and Redis of its own: one web process behind the gate, two beside it."""
    with ExitStack() as stack:
        stack.enter_context(Stores(data, private=True))
        gate = stack.enter_context(Gate(run_dir(data) / ".s.PGSQL.5432", postgres_statements))
        own = {"KATO_DATA_DIR": str(data), "REDIS_URL": redis_url(data), "LOG_LEVEL": "CRITICAL"}
        direct = stack.enter_context(WebServer(workers=2, DATABASE_URL=postgres_url(data), **own))
        through = f"postgresql://kato@127.0.0.1:{gate.port}/kato?sslmode=disable&gssencmode=disable"
        gated = WebServer(workers=1, DATABASE_URL=through, **own)
        stack.callback(gated.stop)
        gated.start()
        database = stack.enter_context(psycopg.connect(postgres_url(data), autocommit=True))
        waits, due = partial(_is_lock_awaited, database), partial(_make_touch_due, database)
        yield Ours(data, Processes(gated.port, direct.port, gate, waits, due), direct)


def _is_lock_awaited(database: psycopg.Connection) -> bool:
    row = database.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
    return row != (0,)


def _make_touch_due(database: psycopg.Connection, session: str) -> None:
    """As if the session had been idle for most of its life; only then does a read renew it."""
    name = session.rpartition("/")[2]
    database.execute("UPDATE sessions_app_session SET expires_at = now() + interval '1 minute' WHERE id = %s", [name])


@contextmanager
def postgres_refuses_writes(data: Path) -> Iterator[None]:
    """Inside the block no session can be updated, as with a full disk."""
    with psycopg.connect(postgres_url(data), autocommit=True) as database:
        database.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"
        )
        database.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE ON sessions_app_session FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        try:
            yield
        finally:
            database.execute("DROP FUNCTION refuse CASCADE")
