"""Two deployments on one Redis: neither takes the other's messages, or returns what the other has cached."""

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
import redis
from django.conf import settings
from pytest_django import DjangoDbBlocker

from benchmarks.stack import WebServer, Worker, eventually
from foundation.background import QUEUE, celery_app, send
from foundation.postgresql import identity
from foundation.redis_names import prefix
from katoproject.diagnosis.doctor import background
from katoproject.monitoring import neighbours, readiness
from katoproject.upkeep import same_database
from sessions_app import cache
from sessions_app.jobs.delivery import TASK
from tests.support.readiness import is_ready, part

pytestmark = pytest.mark.long

SHOWN = 15.0  # seconds in which readiness shows what is wrong


@pytest.fixture
def ours() -> Iterator[str]:
    """The identity of this run's database, which a test may replace."""
    before = identity.of_database()
    yield before
    identity._newest = before


@pytest.fixture
def theirs(database: psycopg.Connection, ours: str) -> Iterator[str]:
    """The identity of a second database in the same cluster, which this process then uses."""
    database.execute("CREATE DATABASE theirs")
    try:
        with psycopg.connect(url_of("theirs")) as second:
            identity.remember(second)
        yield identity.of_database()
    finally:
        database.execute("DROP DATABASE theirs WITH (FORCE)")


@pytest.fixture
def store() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as connected:
        yield connected


def url_of(database: str, user: str = "kato") -> str:
    parts = settings.DATABASES["default"]
    return f"postgresql://{user}@/{database}?host={parts['HOST']}&port={parts['PORT']}"


def use(database: str) -> None:
    """Let this process be one of the deployment on this database."""
    identity._newest = database


def workers() -> list[dict[str, Any]]:
    app = celery_app()
    with app.connection_for_write() as broker:
        return app.control.ping(timeout=1.0, connection=broker) or []


def test_no_key_of_the_service_is_without_the_identity(ours: str, store: redis.Redis) -> None:
    store.flushdb()
    send(TASK, "a job")
    cache.put("session", 7, "stm", b"[]")
    assert workers() == []
    names = [name.decode() for name in store.scan_iter() if name != b"kato:here"]  # the list of all deployments
    assert names
    assert [name for name in names if not name.startswith(f"kato:{ours}:")] == []
    store.flushdb()


@pytest.mark.usefixtures("worker")
def test_a_worker_takes_the_messages_of_its_own_database_only(theirs: str, ours: str, store: redis.Redis) -> None:
    send(TASK, "a job of theirs")
    assert workers() == []
    assert readiness._part("worker").error == "OperationalError: no worker answered"
    use(ours)
    assert len(workers()) == 1
    send(TASK, "a job of ours")
    eventually(lambda: store.llen(f"kato:{ours}:{QUEUE}") == 0, "the worker takes what is ours")
    assert store.llen(f"kato:{theirs}:{QUEUE}") == 1
    assert readiness._part("worker").ok

    [neighbour] = [one for one in background.redis() if one.check == "neighbours"]
    assert f"keys kato:{theirs}:* belong to another database (1 message waiting there)" in neighbour.found
    assert neighbour.fix is not None
    assert f"redis-cli --scan --pattern 'kato:{theirs}:*'" in neighbour.fix
    store.unlink(*store.scan_iter(f"kato:{theirs}:*"))


def test_readiness_and_metrics_show_a_neighbour_until_it_is_gone(
    server: WebServer, theirs: str, ours: str, store: redis.Redis
) -> None:
    def number() -> float:
        found = re.search(r"^kato_redis_neighbours (\S+)", httpx.get(f"{server.url}/metrics-prom").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    send(TASK, "a job of theirs")
    use(ours)
    eventually(
        lambda: f"keys kato:{theirs}:* belong" in str(part(server.url, "neighbours")["error"]), "shown", seconds=SHOWN
    )
    [(found, fix)] = [(one.found, one.fix) for one in background.redis() if theirs in one.found]
    said = part(server.url, "neighbours")
    assert f"{found}; {fix}" in said["error"]
    assert not said["required"]
    assert is_ready(server.url)
    assert number() >= 1
    store.unlink(*store.scan_iter(f"kato:{theirs}:*"))
    eventually(lambda: theirs not in str(part(server.url, "neighbours")["error"]), "not shown any more", seconds=SHOWN)


def test_readiness_shows_messages_that_no_worker_takes(server: WebServer, store: redis.Redis) -> None:
    store.lpush(QUEUE, "{}")
    try:
        eventually(lambda: "then redis-cli unlink celery" in str(part(server.url, "neighbours")["error"]), "shown")
        assert "kato_redis_unclaimed_messages 1.0" in httpx.get(f"{server.url}/metrics-prom").text
    finally:
        store.delete(QUEUE)


@pytest.mark.usefixtures("server")
def test_a_neighbour_that_runs_is_seen_in_however_large_a_redis(
    theirs: str, ours: str, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a search through all names. This process is one of the other deployment."""
    use(theirs)
    monkeypatch.setattr(neighbours.Search, "_go_on", lambda *_: None)

    def seen() -> dict[str, int]:
        return neighbours.Search().look(store, seconds=0).waiting

    eventually(lambda: f"kato:{ours}:" in seen(), "it announces itself", seconds=SHOWN)
    neighbours.announce(store)
    try:
        assert f"kato:{theirs}:" not in seen()
    finally:
        store.zrem("kato:here", f"kato:{theirs}:")


def test_a_large_redis_is_searched_in_parts(ours: str, store: redis.Redis) -> None:
    gone = "kato:0123456789:"
    store.mset({f"{gone}{QUEUE}": "no queue", **{f"kato:{ours}:filling:{number}": "" for number in range(5000)}})
    search = neighbours.Search()

    def is_seen_after_a_round() -> bool:
        return [gone in search.look(store, seconds=0).waiting for _ in range(20)][-1]

    try:
        search.look(store, seconds=0)
        assert search._cursor != 0
        assert is_seen_after_a_round()
    finally:
        store.unlink(f"{gone}{QUEUE}", *store.scan_iter(f"kato:{ours}:filling:*"))
    assert not is_seen_after_a_round()


def test_a_database_that_was_restored_beside_the_first_gets_none_of_its_cached_entries(theirs: str, ours: str) -> None:
    """Both have the same sessions, versions and secret, so the digest of an entry is the same, too."""
    use(ours)
    cache.put("session", 7, "stm", b"[]")
    assert cache.get("session", 7, "stm") == b"[]"
    use(theirs)
    assert cache.get("session", 7, "stm") is None
    assert cache.drop(None).sessions == 0
    use(ours)
    assert cache.get("session", 7, "stm") == b"[]"


def test_messages_of_an_earlier_release_are_named(store: redis.Redis) -> None:
    store.lpush(QUEUE, "{}")
    try:
        [neighbour] = [one for one in background.redis() if "in the queue" in one.found]
    finally:
        store.delete(QUEUE)
    assert "1 message of an earlier release or of another program in the queue celery" in neighbour.found


def test_the_identity_is_that_of_the_database_whoever_asks(database: psycopg.Connection, ours: str) -> None:
    identity.remember(database)
    assert identity.of_database() == ours
    database.execute("CREATE ROLE plain LOGIN")
    try:
        with psycopg.connect(url_of("kato", user="plain")) as plain:
            identity.remember(plain)
            assert identity.of_database() == ours
            plain.rollback()
            database.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
            plain.autocommit = True
            identity.remember(plain)
            assert prefix() != f"kato:{ours}:"
    finally:
        database.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
        database.execute("DROP ROLE plain")


@pytest.mark.exhaustive
def test_a_worker_whose_database_was_replaced_ends_to_be_started_again(
    database: psycopg.Connection, ours: str, store: redis.Redis
) -> None:
    database.execute("CREATE DATABASE moving")
    try:
        with Worker(DATABASE_URL=url_of("moving")) as worker:
            with psycopg.connect(url_of("moving")) as moving:
                identity.remember(moving)
            eventually(lambda: len(workers()) == 1, "the worker answers")
            database.execute("DROP DATABASE moving WITH (FORCE)")
            database.execute("CREATE DATABASE moving")
            eventually(lambda: worker.has_ended, "the worker ends", seconds=30)
    finally:
        database.execute("DROP DATABASE moving WITH (FORCE)")


def test_a_process_that_finds_another_database_ends_itself(
    monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker, ours: str
) -> None:
    ended = []
    monkeypatch.setattr("os.kill", lambda *arguments: ended.append(arguments))
    with django_db_blocker.unblock():
        same_database._watch("0123456789")
    assert ended == [(os.getpid(), signal.SIGTERM)]
