"""`manage.py doctor` finds each part that is down, and everything down at once."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
import redis
from celery import Celery
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from kombu.exceptions import OperationalError as BrokerError

from benchmarks.stack import free_port
from foundation.redis_names import prefix
from katoproject.diagnosis.doctor import background, clocks, machine
from katoproject.diagnosis.doctor.database import database as look_at_database
from katoproject.diagnosis.doctor.findings import Finding, Verdict, examine, ok
from tests.support.commands import command, process

pytestmark = pytest.mark.usefixtures("same_database")


def by_check(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def test_a_healthy_database_is_fine() -> None:
    found = by_check(look_at_database())
    assert list(found) == ["database", "connection", "durability", "connections", "migrations", "pgvector"]
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert found["database"].found.startswith("PostgreSQL 18.")


def test_a_setting_that_loses_what_was_acknowledged_is_found(database: psycopg.Connection) -> None:
    database.execute("ALTER DATABASE kato SET synchronous_commit = off")
    connection.close()
    try:
        finding = by_check(look_at_database())["durability"]
    finally:
        database.execute("ALTER DATABASE kato RESET synchronous_commit")
        connection.close()
    assert finding.verdict == Verdict.PROBLEM
    assert "synchronous_commit off: a power cut may lose or damage acknowledged writes" in finding.found


def test_a_migration_that_is_not_applied_is_found(database: psycopg.Connection) -> None:
    [last] = MigrationLoader(None).graph.leaf_nodes("memory_app")
    database.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", last)
    database.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('memory_app', '9999_later', now())")
    try:
        missing = by_check(look_at_database())["migrations"]
        database.execute("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", last)
        newer = by_check(look_at_database())["migrations"]
    finally:
        database.execute("DELETE FROM django_migrations WHERE name = '9999_later'")
    assert (missing.verdict, missing.fix) == (Verdict.PROBLEM, "run `manage.py migrate`")
    assert missing.found == f"not applied: {'.'.join(last)}"
    assert newer.verdict == Verdict.WARNING
    assert "newer version than this program migrated the database (memory_app.9999_later)" in newer.found


def test_clocks_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60)
    found = by_check(clocks.clocks())["clock"]
    assert found.verdict == Verdict.WARNING
    # Known to half of the time that PostgreSQL takes to answer.
    assert re.match(r"this machine is (59|60)\.\d s ahead of PostgreSQL", found.found)
    assert "NTP" in (found.fix or "")


def test_workers_are_asked_for_their_clocks_as_workers_of_this_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not known while PostgreSQL does not say which it is: then nobody is asked."""

    def unknown() -> Celery:
        raise BrokerError("which queue is ours depends on PostgreSQL")

    monkeypatch.setattr(clocks, "celery_app", unknown)
    assert clocks._workers(0.0) == []


def test_a_full_disk_and_a_low_limit_of_open_files_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {one.verdict for one in (*machine.data_folder(), *machine.file_descriptors())} <= {
        Verdict.OK,
        Verdict.WARNING,
    }
    monkeypatch.setattr(machine, "LEAST_SPACE", 2**60)
    monkeypatch.setattr(machine, "ENOUGH_FILES", 2**40)
    assert [one.verdict for one in machine.data_folder()] == [Verdict.PROBLEM]
    assert [one.verdict for one in machine.file_descriptors()] == [Verdict.WARNING]


def test_a_healthy_redis_is_fine() -> None:
    finding = by_check(background.redis())["redis"]
    assert finding.verdict == Verdict.OK
    assert "volatile-lru" in finding.found


@pytest.mark.parametrize(
    ("policy", "limit", "verdict"),
    [("allkeys-lru", "100mb", "problem"), ("noeviction", "100mb", "warning"), ("volatile-lru", "0", "warning")],
)
def test_a_redis_that_drops_or_refuses_background_work_is_found(policy: str, limit: str, verdict: str) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        before = client.config_get("maxmemory*")
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory", limit)
        try:
            finding = by_check(background.redis())["redis"]
        finally:
            for name in ("maxmemory-policy", "maxmemory"):
                client.config_set(name, before[name])
    assert finding.verdict == verdict
    assert policy in finding.found


def test_a_redis_whose_user_may_not_look_for_neighbours_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.acl_setuser(
            "apart", enabled=True, passwords=["+x"], keys=[f"{prefix()}*"], channels=["*"], commands=["+@all"]
        )
        monkeypatch.setattr(settings, "REDIS_URL", re.sub("//.*@", "//apart:x@", settings.REDIS_URL))
        try:
            findings = by_check(background.redis())
        finally:
            client.acl_deluser("apart")
    assert findings["redis"].verdict == Verdict.OK
    assert findings["neighbours"].verdict == Verdict.WARNING
    assert "kato:here" in (findings["neighbours"].fix or "")


def test_missing_background_workers_are_a_problem() -> None:
    [finding] = background.workers()
    assert (finding.check, finding.verdict) == ("worker", Verdict.PROBLEM)


def test_waiting_and_failed_jobs_are_reported(database: psycopg.Connection) -> None:
    # Earlier tests may have left jobs that no worker will take.
    database.execute("DELETE FROM sessions_app_job WHERE state IN ('waiting', 'running')")
    database.execute(
        "INSERT INTO sessions_app_job (id, kind, node_id, parameters, total, created_at, waiting_since, due_at, "
        "state, finished_at) VALUES ('doctor', 'train', 'n', '{}', 1, now(), now(), now() + interval '1 day', "
        "'failed', now())"
    )
    try:
        [failed] = background.jobs()
        database.execute(
            "UPDATE sessions_app_job SET state = 'waiting', waiting_since = now() - interval '5 minutes' "
            "WHERE id = 'doctor'"
        )
        [waiting] = background.jobs()
    finally:
        database.execute("DELETE FROM sessions_app_job WHERE id = 'doctor'")
    assert (failed.verdict, waiting.verdict) == (Verdict.WARNING, Verdict.WARNING)
    assert "failed within a day" in failed.found
    assert "the oldest for 300 s" in waiting.found


def test_everything_down_is_reported_in_a_bounded_time(tmp_path: Any) -> None:
    nowhere = {"DATABASE_URL": f"postgresql://kato@/kato?host={tmp_path}", "REDIS_URL": f"unix://{tmp_path}/no.sock"}
    told = process("doctor", "--json", PORT=str(free_port()), **nowhere)
    assert told.status == 1
    assert told.json["verdict"] == "problem"
    verdicts = {one["check"]: one["verdict"] for one in told.json["findings"]}
    assert {"database", "redis", "worker", "port"} <= {name for name, one in verdicts.items() if one == "problem"}
    assert all(one["fix"] for one in told.json["findings"] if one["verdict"] != "ok")
    assert told.err == "Error: 4 problems\n"


def test_everything_that_hangs_is_reported_in_a_bounded_time() -> None:
    with ExitStack() as silence:
        database, redis, web = (silence.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3))
        ports = [one.getsockname()[1] for one in (database, redis, web)]
        told = process(
            "doctor",
            DATABASE_URL=f"postgresql://kato@127.0.0.1:{ports[0]}/kato",
            REDIS_URL=f"redis://127.0.0.1:{ports[1]}/0",
            PORT=str(ports[2]),
        )
    assert told.status == 1
    for check in ("database", "redis", "worker", "port"):
        assert f"\nproblem  {check} " in told.out
    assert "ok       data folder" in told.out
    assert f"a program accepts connections on 127.0.0.1:{ports[2]}" in told.out


def test_a_check_that_hangs_or_fails_does_not_stop_the_others() -> None:
    hang = threading.Event()

    def hangs() -> Iterator[Finding]:
        yield ok("first", "done")
        hang.wait(60)

    def fails() -> list[Finding]:
        raise KeyError("x")

    found = list(examine({"hangs": hangs, "fails": fails, "works": lambda: [ok("works", "well")]}, patience=0.2))
    hang.set()
    assert [(one.check, one.verdict) for one in found] == [
        ("first", "ok"),
        ("hangs", "problem"),
        ("fails", "problem"),
        ("works", "ok"),
    ]
    assert found[2].found == "the check itself failed: KeyError: 'x'"


def test_it_has_no_other_arguments() -> None:
    assert command("doctor", "all").status == 2
