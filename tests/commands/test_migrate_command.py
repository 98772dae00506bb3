"""`manage.py migrate` while other hosts migrate the same database, and after it was killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from django.conf import settings
from psycopg.conninfo import make_conninfo

from benchmarks.stack import eventually
from tests.support.commands import process, start_process

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
    ends = [(one.communicate(timeout=120), one.returncode) for one in started]
    assert [status for _, status in ends] == [0, 0, 0], ends
    assert sum("waiting for it" in messages for (_, messages), _ in ends) >= 1
    with closing(psycopg.connect(empty)) as migrated:
        query = "SELECT count(*), count(DISTINCT (app, name)) FROM django_migrations"
        [number, different] = migrated.execute(query).fetchone() or (0, 1)
    assert number == different
    assert process("migrate", "--check", DATABASE_URL=empty).status == 0


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
