"""Background work by a real Celery worker on the real broker."""

import httpx
import psycopg
import pytest
import redis
from django.conf import settings

from benchmarks.stack import eventually, manage
from foundation.redis_names import prefix
from katoproject.celery import app
from katoproject.diagnosis.doctor import background
from katoproject.diagnosis.doctor.findings import Verdict
from katoproject.upkeep.chores import chore, seconds_since_scheduled
from katoproject.upkeep.tasks import upkeep
from tests.support.sessions import NewSession, observe


@pytest.mark.usefixtures("worker")
def test_expired_sessions_are_deleted_with_all_they_hold_and_no_others(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    passing = [new_session(ttl_seconds=1) for _ in range(20)]
    lasting = new_session()
    for session_id in (*passing, lasting):
        observe(client, session_id, "a", emotives={"joy": 1})

    def rows(table: str, column: str) -> int:
        query = f"SELECT count(*) FROM {table} WHERE {column} = ANY(%s)"
        [number] = database.execute(query, [passing]).fetchone() or (0,)
        return int(number)

    def deleted() -> bool:
        upkeep.delay("expire-sessions")
        return rows("sessions_app_session", "id") == 0

    eventually(deleted, "the expired sessions are deleted")
    assert rows("sessions_app_entry", "session_id") == 0
    assert client.get(f"/sessions/{passing[0]}/exists").json()["expired"] is False
    assert client.get(f"/sessions/{lasting}/stm").json()["length"] == 1


@pytest.mark.usefixtures("worker")
def test_idempotency_keys_are_kept_for_a_day(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    session_id = new_session()
    for key in ("young", "old"):
        observe(client, session_id, key, headers={"Idempotency-Key": key})
    database.execute(
        "UPDATE sessions_app_idempotencykey SET created_at = now() - interval '25 hours' "
        "WHERE key = 'old' AND scope = %s",
        [f"session:{session_id}"],
    )

    def keys() -> list[str]:
        upkeep.delay("forget-idempotency-keys")
        query = "SELECT key FROM sessions_app_idempotencykey WHERE scope = %s"
        return [row[0] for row in database.execute(query, [f"session:{session_id}"])]

    eventually(lambda: keys() == ["young"], "the old key is deleted")


@pytest.mark.usefixtures("worker")
def test_events_are_kept_for_ten_minutes(new_session: NewSession, database: psycopg.Connection) -> None:
    ids = young, old = new_session(), new_session()
    database.execute(
        "UPDATE sessions_app_sessionevent SET recorded_at = recorded_at - interval '10 minutes' WHERE session_id = %s",
        [old],
    )

    def kept() -> list[str]:
        upkeep.delay("forget-events")
        query = "SELECT session_id FROM sessions_app_sessionevent WHERE session_id = ANY(%s)"
        return [row[0] for row in database.execute(query, [list(ids)])]

    eventually(lambda: kept() == [young], "the old event is deleted")


@pytest.mark.usefixtures("worker")
def test_readiness_sees_the_worker(client: httpx.Client) -> None:
    assert client.get("/health/ready").json()["parts"]["worker"]["ok"] is True


def test_every_chore_exists_and_is_scheduled() -> None:
    app.loader.import_default_modules()
    assert upkeep.name in app.tasks
    assert {entry["args"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} == {(name,) for name in settings.CHORES}
    assert all(callable(chore(name)) for name in settings.CHORES)


def test_a_chore_that_another_process_runs_is_skipped(database: psycopg.Connection) -> None:
    """Two schedulers, or a scheduler and an operator: the second one does nothing."""
    lock = ["upkeep:purge-jobs"]
    database.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", lock)
    assert manage("upkeep", "purge-jobs") == "purge-jobs: another process is doing this\n"
    database.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", lock)
    assert manage("upkeep", "purge-jobs") == "purge-jobs: 0\n"


def test_upkeep_without_a_name_lists_the_chores() -> None:
    listed = manage("upkeep")
    for name in settings.CHORES:
        assert name in listed


@pytest.mark.usefixtures("worker")
def test_a_scheduler_is_detected_by_the_work_it_sends() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(f"{prefix()}scheduled")
        found = {one.check: one for one in background.workers()}
        assert found["worker"].found == "1 worker answered"
        assert found["beat"].verdict == Verdict.PROBLEM
        upkeep.delay("relay-jobs")
        eventually(lambda: seconds_since_scheduled() is not None, "the worker does what the scheduler says")
        assert {one.check: one for one in background.workers()}["beat"].verdict == Verdict.OK
        client.pexpire(f"{prefix()}scheduled", 2_900_000)
        late = {one.check: one for one in background.workers()}["beat"]
    assert late.verdict == Verdict.PROBLEM
    assert "the scheduler has sent no work for 70" in late.found
