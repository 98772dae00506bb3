"""PostgreSQL changes below a running service: its schema, its settings, its standby."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import eventually
from tests.faults.changed_stores.stack import Stack, from_all_threads, wait_for_all_threads
from tests.support.readiness import part
from tests.support.sessions import create_session, observation, observe

pytestmark = pytest.mark.long


@contextmanager
def changed(database: psycopg.Connection, change: str, back: str) -> Iterator[None]:
    database.execute(change)
    try:
        yield
    finally:
        database.execute(back)


def test_statements_prepared_before_a_migration_are_prepared_anew(
    stack: Stack, client: httpx.Client, session_id: str, database: psycopg.Connection
) -> None:
    """PostgreSQL refuses them for ever once a column that they return has another type."""
    column = "ALTER TABLE sessions_app_session ALTER COLUMN node_id TYPE"
    path = f"/sessions/{session_id}"
    asked: list[Callable[[httpx.Client], httpx.Response]] = [
        lambda one: one.get(f"{path}/stm"),
        lambda one: one.post(f"{path}/observe", json=observation("a")),
        lambda one: one.get("/sessions"),
    ]
    for ask in asked:
        assert set(from_all_threads(stack, ask)) == {200}
    with changed(database, f"{column} text", f'{column} varchar COLLATE "C"'):
        for ask in asked:
            assert set(from_all_threads(stack, ask)) == {200}
    for ask in asked:
        assert set(from_all_threads(stack, ask)) == {200}
    # Several statements in one transaction may fail once, and change nothing then.
    assert Counter(client.post(f"{path}/clear-stm").status_code for _ in range(5))[200] >= 4


def test_a_schema_of_another_version_is_a_503_not_a_500(
    client: httpx.Client, session_id: str, database: psycopg.Connection
) -> None:
    table = "ALTER TABLE sessions_app_session RENAME COLUMN"
    with changed(database, f"{table} content_bytes TO other", f"{table} other TO content_bytes"):
        answer = observe(client, session_id, "a")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert observe(client, session_id, "a").status_code == 200


def test_readiness_asks_for_a_migration_that_is_missing(client: httpx.Client, database: psycopg.Connection) -> None:
    row = "app = 'sessions_app' AND name = '0007_session_size'"
    with changed(
        database,
        f"DELETE FROM django_migrations WHERE {row}",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('sessions_app', '0007_session_size', now())",
    ):
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert "sessions_app.0007_session_size; run `manage.py migrate`" in answer.json()["parts"]["database"]["error"]
    assert client.get("/health/ready").status_code == 200


SETTINGS = {
    "DateStyle": "'SQL, DMY'",
    "TimeZone": "'Asia/Kathmandu'",
    "IntervalStyle": "'sql_standard'",
    "bytea_output": "'escape'",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "'serializable'",
    "client_encoding": "'LATIN1'",
    "search_path": "nowhere, public",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "statement_timeout": "500",  # milliseconds; it holds until the first statement has replaced it
    "plan_cache_mode": "'force_custom_plan'",
}


def dialogue(client: httpx.Client, node_id: str) -> list[Any]:
    """Answers without what differs each time."""
    session_id = create_session(client, node_id, metadata={"text": "\\'ü", "number": 1e20})
    path = f"/sessions/{session_id}"
    for number in (1, 2):
        observe(client, session_id, "ß\\'", f"a{number}", emotives={"joy": number / 3}, metadata={"k": "\\n"})
    answers = [client.get(f"{path}/stm"), client.get(f"{path}/percept-data"), client.post(f"{path}/learn")]
    observe(client, session_id, "a1", vectors=[[0.1, 1 / 3]])
    answers += [client.get(f"{path}/predictions"), client.get(f"{path}/config")]
    about = client.get(path).json()
    assert about["created_at"].endswith(("Z", "+00:00"))
    texts = [answer.text.replace(session_id, "ID").replace(node_id, "NODE") for answer in answers]
    return [[answer.status_code for answer in answers], texts, about["metadata"]]


def test_answers_do_not_depend_on_the_settings_of_the_role(
    stack: Stack, client: httpx.Client, database: psycopg.Connection
) -> None:
    expected = dialogue(client, "as ever")
    assert expected[0] == [200] * 5
    try:
        for name, value in SETTINGS.items():
            database.execute(f"ALTER ROLE kato SET {name} = {value}")
        connect_anew(stack, database)
        assert dialogue(client, "otherwise") == expected
    finally:
        database.execute("ALTER ROLE kato RESET ALL")
        connect_anew(stack, database)


def connect_anew(stack: Stack, database: psycopg.Connection) -> None:
    of_the_service = "application_name = 'kato' AND pid <> pg_backend_pid()"
    database.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {of_the_service}")
    wait_for_all_threads(stack, database)


@pytest.mark.exhaustive
def test_a_commit_that_no_standby_confirms_is_a_503_and_holds_up_no_reads(
    stack: Stack, client: httpx.Client, session_id: str, database: psycopg.Connection
) -> None:
    """PostgreSQL lets it wait for ever, with its locks, whatever its client does."""
    reload = "SELECT pg_reload_conf()"
    database.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    database.execute(reload)
    try:
        eventually(lambda: not part(stack.web.url, "database")["ok"], "readiness notices")
        found = part(stack.web.url, "database")
        assert "no standby confirms commits" in found["error"]
        assert "ALTER SYSTEM RESET synchronous_standby_names" in found["error"]
        assert client.get("/health/ready").status_code == 200
        assert observe(client, session_id, "perhaps").status_code == 503
        assert client.get(f"/sessions/{session_id}/stm").status_code == 200
    finally:
        database.execute("ALTER SYSTEM RESET synchronous_standby_names")
        database.execute(reload)
    eventually(lambda: bool(part(stack.web.url, "database")["ok"]), "readiness notices")
    assert observe(client, session_id, "after").status_code == 200
