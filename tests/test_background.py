"""Background work by a real Celery worker on the real broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest
from django.conf import settings

from katoproject.celery import app
from katoproject.environment import PROJECT_DIR
from sessions_app import tasks
from tests.stack import eventually

NewSession = Callable[..., str]


@pytest.fixture(scope="module")
def worker() -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "katoproject", "worker", "--concurrency=2", "--without-mingle"]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, env=os.environ, start_new_session=True)
    eventually(lambda: bool(app.control.ping(timeout=0.5, limit=1)), "the worker answers")
    yield
    process.send_signal(signal.SIGTERM)
    process.wait(15)


@pytest.mark.usefixtures("worker")
def test_expired_sessions_are_deleted_with_all_they_hold_and_no_others(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    passing = [new_session(ttl_seconds=1) for _ in range(20)]
    lasting = new_session()
    for session_id in (*passing, lasting):
        client.post(f"/sessions/{session_id}/observe", json={"strings": ["a"], "emotives": {"joy": 1}})

    def rows(table: str, column: str) -> int:
        query = f"SELECT count(*) FROM {table} WHERE {column} = ANY(%s)"
        [number] = database.execute(query, [passing]).fetchone() or (0,)
        return int(number)

    def deleted() -> bool:
        tasks.delete_expired_sessions.delay()
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
        client.post(f"/sessions/{session_id}/observe", json={"strings": [key]}, headers={"Idempotency-Key": key})
    database.execute(
        "UPDATE sessions_app_idempotencykey SET created_at = now() - interval '25 hours' "
        "WHERE key = 'old' AND scope = %s",
        [f"session:{session_id}"],
    )

    def keys() -> list[str]:
        tasks.delete_old_idempotency_keys.delay()
        query = "SELECT key FROM sessions_app_idempotencykey WHERE scope = %s"
        return [row[0] for row in database.execute(query, [f"session:{session_id}"])]

    eventually(lambda: keys() == ["young"], "the old key is deleted")


@pytest.mark.usefixtures("worker")
def test_readiness_sees_the_worker(client: httpx.Client) -> None:
    assert client.get("/health/ready").json()["parts"]["worker"]["ok"] is True


def test_every_scheduled_task_exists() -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    app.loader.import_default_modules()
    assert scheduled <= set(app.tasks)
    assert len(scheduled) == len(settings.CELERY_BEAT_SCHEDULE)
