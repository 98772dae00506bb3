"""P7: a step happens once, whatever the worker that does it believes. No worker runs: this process does the steps."""

import httpx
import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from foundation.postgresql.statements import OTHER
from sessions_app.jobs import lifecycle, running
from sessions_app.jobs.lifecycle import find
from sessions_app.shapes.descriptions import describe_job
from tests.support.jobs import learned, look, poison, start, train
from tests.support.sessions import NewSession

pytestmark = pytest.mark.usefixtures("same_database")


def test_a_worker_that_has_lost_its_lock_does_no_step_of_another(
    client: httpx.Client, database: psycopg.Connection
) -> None:
    """The lock ends with its connection, and the worker connects again: its next step finds that the row has moved."""
    accepted = train(client, "lost lock", [[["a"], ["b"]]] * 1500)
    job_id = accepted["job_id"]
    assert OTHER.execute(running._CLAIM, {"id": job_id}) == [(job_id,)]
    as_both_found_it = find(job_id)
    assert running._step(as_both_found_it) is False
    with pytest.raises(running.Stopped):
        running._step(as_both_found_it)
    assert (look(client, accepted)["done"], learned(database, "lost lock")) == (500, [500])
    running.run(job_id)
    assert (look(client, accepted)["state"], learned(database, "lost lock")) == ("done", [1500])


def test_a_message_for_a_job_that_is_finished_changes_nothing(
    client: httpx.Client, database: psycopg.Connection
) -> None:
    accepted = train(client, "finished", [[["a"], ["b"]]])
    running.run(accepted["job_id"])
    finished = look(client, accepted)
    assert finished["state"] == "done"
    for _ in range(3):
        running.run(accepted["job_id"])
    assert (look(client, accepted), learned(database, "finished")) == (finished, [1])


def test_cancelling_and_retrying_read_the_job_once_and_answer_with_what_is_stored(client: httpx.Client) -> None:
    job_id = train(client, "read once", [[["a"], ["b"]]])["job_id"]
    for act, state in (
        (lifecycle.cancel, "cancelled"),
        (lifecycle.cancel, "cancelled"),
        (lifecycle.retry, "waiting"),
        (lifecycle.retry, "waiting"),
    ):
        with CaptureQueriesContext(connection) as captured:
            job = act(job_id=job_id)
        reads = [query["sql"] for query in captured if query["sql"].startswith("SELECT") and "_job" in query["sql"]]
        assert len(reads) == 1
        assert job.state == state
        assert describe_job(job) == describe_job(find(job_id))


def test_finalizing_waits_for_the_earlier_jobs_of_its_node(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """Also for those of other sessions and training runs: its statistics are about what they teach."""
    teaching = train(client, "in order", [[["a"], ["b"]]])
    finalizing = start(client, f"/sessions/{new_session(node_id='in order')}/finalize-training")
    running.run(finalizing["job_id"])
    assert look(client, finalizing)["state"] == "waiting"
    running.run(teaching["job_id"])
    running.run(finalizing["job_id"])
    assert look(client, finalizing)["result"]["patterns_processed"] == 1


def test_a_job_that_ends_all_its_workers_is_finally_visibly_failed(
    client: httpx.Client, database: psycopg.Connection
) -> None:
    job = train(client, "deadly", [[["a"], ["b"]]])
    database.execute("UPDATE sessions_app_job SET attempts = 8 WHERE id = %s", [job["job_id"]])
    running.run(job["job_id"])
    failed = look(client, job)
    assert (failed["state"], failed["error"]) == ("failed", "8 workers ended while they worked on this")
    assert learned(database, "deadly") == []


@pytest.mark.parametrize("attempts", [0, 7])
def test_a_job_that_is_cancelled_while_its_step_fails_stays_cancelled(
    client: httpx.Client, database: psycopg.Connection, attempts: int
) -> None:
    """Otherwise it would be tried again, or be shown as failed."""
    accepted = train(client, "cancelled and failing", [[["a"], ["poison"]]])
    database.execute("UPDATE sessions_app_job SET attempts = %s WHERE id = %s", [attempts, accepted["job_id"]])
    assert OTHER.execute(running._CLAIM, {"id": accepted["job_id"]})
    job = find(accepted["job_id"])
    cancelled = client.delete(f"/jobs/{accepted['job_id']}").json()
    with poison(database):
        running._do_steps(job)
    assert look(client, accepted) == cancelled
