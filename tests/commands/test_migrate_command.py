"""`manage.py migrate` while other hosts migrate the same database, and after it was killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.conf import settings
from psycopg.conninfo import make_conninfo
from psycopg.errors import LockNotAvailable

from benchmarks.stack import eventually
from tests.support.acts import ACTS
from tests.support.commands import process, start_process
from tests.support.prepared import own_database

pytestmark = pytest.mark.long


@pytest.fixture
def empty(database: psycopg.Connection) -> Iterator[str]:
    """The address of a new database."""
    parts = settings.DATABASES["default"]
    database.execute("CREATE DATABASE migrated")
    yield make_conninfo(host=parts["HOST"], port=parts["PORT"], user=parts["USER"], dbname="migrated")
    database.execute("DROP DATABASE migrated WITH (FORCE)")


def test_of_several_at_once_one_migrates_and_the_others_wait(empty: str) -> None:
    started = [start_process("migrate", "--verbosity=0", DATABASE_URL=empty) for _ in range(3)]
    try:
        eventually(lambda: None not in [one.poll() for one in started], "all have ended", seconds=45)
    finally:
        for one in started:
            one.kill()
    messages = [one.communicate()[1] for one in started]
    assert [one.returncode for one in started] == [0, 0, 0], messages
    assert sum("waiting for it" in one for one in messages) >= 1
    with closing(psycopg.connect(empty)) as migrated:
        query = "SELECT count(*), count(DISTINCT (app, name)) FROM django_migrations"
        [number, different] = migrated.execute(query).fetchone() or (0, 1)
    assert number == different
    assert process("migrate", "--check", DATABASE_URL=empty).status == 0


_LEARN = """
    INSERT INTO memory_app_pattern
        (memory, name, events, length, frequency, emotives, metadata, created, changed)
    VALUES (1, %s, '[["a"],["b"]]', 2, 1, '[]', '{}', pg_current_xact_id(), pg_current_xact_id())
"""
_BUILDS = """
    SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%%' AND wait_event_type = 'Lock'
        AND now() - query_start > interval '1 second' + %s::interval
"""
_BUILT = """
    SELECT pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indisvalid AND indexrelid = to_regclass('pattern_frequency')
"""


@contextmanager
def _migrated_to(number: str) -> Iterator[str]:
    """The address of a database. Back from all migrations, because the groups of the console need all tables."""
    with own_database("migrated_back") as url:
        assert process("migrate", "memory_app", number, "--verbosity=0", DATABASE_URL=url).status == 0
        yield url


def _can_learn(connection: psycopg.Connection) -> bool:
    try:
        connection.execute(_LEARN, [b"2"])
    except LockNotAvailable:
        return False
    return True


def test_an_index_of_a_large_table_is_built_beside_writers_and_without_a_time_limit() -> None:
    """It waits for a transaction that has written before, longer than other statements may take."""
    longest = settings.DATABASE_SESSION["statement_timeout"]
    with (
        _migrated_to("0005") as url,
        closing(psycopg.connect(url)) as learner,
        closing(psycopg.connect(url, autocommit=True)) as other,
    ):
        learner.execute(_LEARN, [b"1"])
        migrating = start_process("migrate", "--verbosity=0", DATABASE_URL=url)
        eventually(lambda: other.execute(_BUILDS, [longest]).rowcount > 0, "the index is being built", seconds=60)
        other.execute("SET lock_timeout = '1s'")
        assert _can_learn(other)
        learner.commit()
        assert migrating.communicate(timeout=60)[1] == ""
        assert migrating.returncode == 0
        assert "((memory + 0)), frequency, name)" in str(other.execute(_BUILT).fetchone())


def test_an_index_that_was_not_completed_is_built_again() -> None:
    with _migrated_to("0005") as url, closing(psycopg.connect(url, autocommit=True)) as database:
        database.execute("CREATE INDEX pattern_frequency ON memory_app_pattern (memory)")
        assert process("migrate", "--verbosity=0", DATABASE_URL=url).status == 0
        assert "((memory + 0)), frequency, name)" in str(database.execute(_BUILT).fetchone())


_ACT = """
    INSERT INTO memory_app_patternact (kind, node_id, memory, name, happened_at, why, frequency, changed)
    VALUES (%s, 'kitchen', 1, %s, now(), %s, %s, %s::text::xid8)
"""


def test_records_of_each_pattern_become_records_of_acts() -> None:
    acts = [
        *[("retired", name, "broken", None, 7) for name in (b"1", b"2", b"3")],
        *[("purged", name, "broken", 5, 8) for name in (b"2", b"1")],
        *[("retired", b"4", None, None, 9), ("purged", b"4", None, 0, 9)],
    ]
    with _migrated_to("0006") as url, closing(psycopg.connect(url, autocommit=True)) as database:
        database.execute(_LEARN, [b"3"])
        for name in (b"3", b"5"):
            database.execute("INSERT INTO memory_app_retirement (memory, name) VALUES (1, %s)", [name])
        for act in acts:
            database.execute(_ACT, act)
        assert process("migrate", "--verbosity=0", DATABASE_URL=url).status == 0
        query = f"SELECT kind, name, why, frequency, changed::text::int FROM {ACTS} ORDER BY one.number"
        assert database.execute(query).fetchall() == acts
        assert database.execute("SELECT count(*) FROM memory_app_patternact").fetchone() == (4,)
        query = "SELECT name, never_learned FROM memory_app_retirement ORDER BY name"
        assert database.execute(query).fetchall() == [(b"3", False), (b"5", True)]


@pytest.mark.exhaustive
def test_one_that_is_killed_is_repeated(empty: str) -> None:
    """Its lock ends with it, and each migration is there as a whole or not at all."""
    first = start_process("migrate", "--verbosity=0", DATABASE_URL=empty)
    with closing(psycopg.connect(empty, autocommit=True)) as watcher:
        query = "SELECT to_regclass('memory_app_pattern') IS NOT NULL"
        eventually(lambda: watcher.execute(query).fetchone() == (True,), "it is half done")
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert process("migrate", "--verbosity=0", DATABASE_URL=empty).status == 0
    assert process("migrate", "--check", DATABASE_URL=empty).status == 0
