"""The number of sessions is a stored one and what changed since, and exact at every moment (http.md 2.5)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from django.db import connection, transaction

from sessions_app import operations, reads
from sessions_app.operations import announcements, totals
from tests.support.sessions import NewSession

pytestmark = pytest.mark.usefixtures("same_database", "steady_count")

TRUE = "SELECT count(*) FROM sessions_app_session WHERE expires_at > now()"
LATER = "UPDATE sessions_app_sessiontotal SET counted_at = counted_at - interval '%s seconds'"


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread with a connection of its own."""
    with ThreadPoolExecutor(1) as thread:
        yield thread
        thread.submit(lambda: connection.close()).result()  # that of the thread


@pytest.fixture(autouse=True)
def stored(steady_count: None, same_database: None) -> None:
    """The number of sessions is stored before the test begins."""
    totals.count()


def create(ttl_seconds: int = 3600) -> str:
    return operations.create(node_id="counted", ttl_seconds=ttl_seconds, config={}, metadata={}).session_id


def counted(database: psycopg.Connection) -> int:
    """The number that is returned, after it was compared with the rows."""
    number = reads.count()
    assert database.execute(TRUE).fetchone() == (number,)
    return number


def test_what_is_created_and_deleted_after_it_was_stored_counts(database: psycopg.Connection) -> None:
    before = counted(database)
    created = [create() for _ in range(3)]
    assert counted(database) == before + 3
    operations.delete(session_id=created[0])
    assert counted(database) == before + 2
    totals.count()
    assert counted(database) == before + 2
    operations.delete(session_id=created[1])
    assert counted(database) == before + 1


def test_an_expired_session_counts_no_more_before_and_after_it_is_deleted(database: psycopg.Connection) -> None:
    before, session_id = counted(database), create()
    assert counted(database) == before + 1
    operations.expire(session_id=session_id)
    for _ in range(2):
        assert counted(database) == before
        assert reads.population().active == before
        totals.count()
    operations.delete_expired()
    for _ in range(2):
        assert counted(database) == before
        totals.count()


def test_a_session_that_is_being_created_while_all_are_counted_counts_from_its_commit(
    database: psycopg.Connection, elsewhere: ThreadPoolExecutor
) -> None:
    before = counted(database)
    with transaction.atomic():
        create()
        assert reads.count() == before + 1, "its own transaction sees it"
        elsewhere.submit(totals.count).result()
        elsewhere.submit(create).result()  # a later transaction, which commits earlier
        assert elsewhere.submit(reads.count).result() == before + 1
        elsewhere.submit(totals.count).result()
    assert counted(database) == before + 2


def test_what_is_rolled_back_does_not_count(database: psycopg.Connection) -> None:
    before = counted(database)
    with transaction.atomic():
        create()
        transaction.set_rollback(True)
    assert counted(database) == before


def test_a_stored_number_is_kept_while_another_process_stores_a_newer_one(
    database: psycopg.Connection, elsewhere: ThreadPoolExecutor
) -> None:
    before = counted(database)
    create()
    with database.transaction():
        database.execute("SELECT FROM sessions_app_sessiontotal FOR UPDATE")
        assert elsewhere.submit(totals.count).result() == 0, "it does not wait"
    assert counted(database) == before + 1


def test_a_number_is_trusted_only_while_all_later_events_are_kept(database: psycopg.Connection) -> None:
    before = counted(database)
    database.execute("UPDATE sessions_app_sessiontotal SET sessions = sessions + 7")
    assert reads.count() == before + 7, "it is used"
    database.execute(LATER % 301)
    assert counted(database) == before
    database.execute(LATER % -1000)  # it was stored before the clock was set back
    assert counted(database) == before


def test_a_number_of_transactions_to_come_is_not_trusted(database: psycopg.Connection) -> None:
    """It was stored by another cluster, of which this is a back-up."""
    database.execute("UPDATE sessions_app_sessiontotal SET sessions = 7, snapshot = '900000000:900000000:'")
    counted(database)
    totals.count()
    create()
    counted(database)


def test_an_event_is_kept_until_the_stored_number_includes_it(database: psycopg.Connection) -> None:
    session_id = create()
    database.execute(
        "UPDATE sessions_app_sessionevent SET recorded_at = now() - interval '11 minutes' WHERE session_id = %s",
        [session_id],
    )
    announcements.delete_old()
    counted(database)
    totals.count()
    assert announcements.delete_old() == 1
    counted(database)


def test_without_a_stored_number_the_sessions_are_counted(database: psycopg.Connection) -> None:
    with database.transaction(force_rollback=True):
        database.execute("DELETE FROM sessions_app_sessiontotal")
        assert (
            database.execute(f"SELECT {totals.ROWS}").fetchone()
            == database.execute("SELECT count(*) FROM sessions_app_session").fetchone()
        )


def test_every_face_returns_the_same_number(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    new_session()
    number = counted(database)
    assert client.get("/sessions/count").json()["active_session_count"] == number
    assert client.get("/status").json()["sessions"]["active_sessions"] == number
    assert client.get("/sessions", params={"limit": 1}).json()["total"] == number
