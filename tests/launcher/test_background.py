"""Background work by a real Celery worker on the real broker."""

from collections.abc import Callable

import httpx
import psycopg
import pytest
from django.conf import settings

from benchmarks.stack import WebServer, eventually, manage
from katoproject.celery import app
from katoproject.diagnosis.doctor import background
from katoproject.diagnosis.doctor.findings import Finding, Verdict
from katoproject.upkeep import records
from katoproject.upkeep.chores import chore
from katoproject.upkeep.tasks import upkeep
from tests.support.readiness import part
from tests.support.sessions import NewSession, observe


@pytest.fixture
def ask(database: psycopg.Connection) -> Callable[[str], None]:
    """Ask a worker for a chore, although it may have been done a moment ago."""

    def ask(name: str) -> None:
        database.execute("DELETE FROM upkeep_chore WHERE name = %s", [name])
        upkeep.delay(name)

    return ask


@pytest.mark.usefixtures("worker")
def test_expired_sessions_are_deleted_with_all_they_hold_and_no_others(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection, ask: Callable[[str], None]
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
        ask("expire-sessions")
        return rows("sessions_app_session", "id") == 0

    eventually(deleted, "the expired sessions are deleted")
    assert rows("sessions_app_entry", "session_id") == 0
    assert client.get(f"/sessions/{passing[0]}/exists").json()["expired"] is False
    assert client.get(f"/sessions/{lasting}/stm").json()["length"] == 1


@pytest.mark.usefixtures("worker")
def test_idempotency_keys_are_kept_for_a_day(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection, ask: Callable[[str], None]
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
        ask("forget-idempotency-keys")
        query = "SELECT key FROM sessions_app_idempotencykey WHERE scope = %s"
        return [row[0] for row in database.execute(query, [f"session:{session_id}"])]

    eventually(lambda: keys() == ["young"], "the old key is deleted")


@pytest.mark.usefixtures("worker")
def test_events_are_kept_for_ten_minutes(
    new_session: NewSession, database: psycopg.Connection, ask: Callable[[str], None]
) -> None:
    ids = young, old = new_session(), new_session()
    database.execute(
        "UPDATE sessions_app_sessionevent SET recorded_at = recorded_at - interval '10 minutes' WHERE session_id = %s",
        [old],
    )

    def kept() -> list[str]:
        ask("count-sessions")  # an event is kept until the stored number of sessions includes it
        ask("forget-events")
        query = "SELECT session_id FROM sessions_app_sessionevent WHERE session_id = ANY(%s)"
        return [row[0] for row in database.execute(query, [list(ids)])]

    eventually(lambda: kept() == [young], "the old event is deleted")


@pytest.mark.usefixtures("worker")
def test_readiness_sees_the_worker(server: WebServer) -> None:
    assert part(server.url, "worker")["ok"] is True


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


@pytest.mark.usefixtures("worker", "same_database")
def test_overdue_chores_are_named_with_what_helps(
    server: WebServer, client: httpx.Client, database: psycopg.Connection
) -> None:
    """By readiness, doctor and metrics; the clock of the database decides."""

    def told() -> tuple[str | None, Finding]:
        [finding] = background.upkeep()
        said = part(server.url, "upkeep")
        assert said["required"] is False
        return said["error"], finding

    assert manage("upkeep", *settings.CHORES), "all were done just now"
    error, finding = told()
    assert (error, finding.verdict) == (None, Verdict.OK)
    assert "no chore is overdue" in finding.found

    before = "SET begun_at = now() - interval '100 s', done_at = now() - interval '99 s'"
    database.execute(f"UPDATE upkeep_chore {before} WHERE name = 'relay-jobs'")
    error, finding = told()
    assert finding.verdict == Verdict.PROBLEM
    assert error is not None
    assert error.startswith("overdue: relay-jobs (every 5 s, last done 99 s ago); start the service with `make run`")
    assert "overdue: relay-jobs (every 5 s, last done 99 s ago)" in finding.found

    database.execute("UPDATE upkeep_chore SET begun_at = now() WHERE name = 'relay-jobs'")
    assert "a worker begins relay-jobs and fails: see the log of the workers" in (told()[0] or "")

    with database.transaction():  # whoever does a chore holds this lock
        database.execute("SELECT pg_advisory_xact_lock(hashtextextended('upkeep:relay-jobs', 0))")
        assert told()[0] is None, "it is being done"

    database.execute(
        "UPDATE upkeep_chore SET begun_at = now() + interval '1 year', done_at = now() + interval '1 year'"
    )
    assert "overdue: expire-sessions" in (told()[0] or ""), "that clock was set back"
    upkeep.delay("relay-jobs")
    eventually(lambda: told()[0] is None, "the next chore that is done lets all count from now on")


@pytest.mark.usefixtures("same_database")
def test_a_message_that_comes_too_early_does_nothing(database: psycopg.Connection) -> None:
    """Of a second scheduler, or of a queue that piled up: half the interval must have passed, by the database's clock.

    So no message needs a date, which the clock of a worker would judge.
    """
    every = settings.CHORES["purge-jobs"][1]
    database.execute("DELETE FROM upkeep_chore WHERE name = 'purge-jobs'")
    assert [records.begin("purge-jobs") for _ in range(3)] == [True, False, False]
    for seconds, is_due in ((0.4 * every, False), (0.6 * every, True), (-86_400, True)):
        begun = "UPDATE upkeep_chore SET begun_at = now() - make_interval(secs => %s) WHERE name = 'purge-jobs'"
        database.execute(begun, [seconds])
        assert records.begin("purge-jobs") is is_due, f"begun {seconds} s ago"
