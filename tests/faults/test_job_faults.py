"""P7: an acknowledged job is done once, or is visibly failed or cancelled, whatever happens to the workers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import Beat, Worker, eventually, manage, paused
from foundation.postgresql.statements import OTHER
from katoproject.celery import app
from sessions_app.jobs import running
from sessions_app.jobs.lifecycle import find
from tests.support.jobs import end_of, look, start, train
from tests.support.races import at_once
from tests.support.sessions import NewSession, observations

pytestmark = pytest.mark.long

SEQUENCES = [[[f"s{number % 1000}"], ["end"]] for number in range(15_000)]
EACH = len(SEQUENCES) // 1000


def learned(database: psycopg.Connection, node_id: str) -> list[int]:
    """How often each pattern of the node was learned."""
    query = "SELECT frequency FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE node_id = %s"
    return [row[0] for row in database.execute(query, [node_id])]


def begun(client: httpx.Client, job: dict[str, Any]) -> Callable[[], bool]:
    """Is some of the job done, but not all?"""
    return lambda: 0 < look(client, job)["done"] < job["total"]


def no_worker_runs(database: psycopg.Connection, job: dict[str, Any]) -> Callable[[], bool]:
    def is_free() -> bool:
        name = f"job:{job['job_id']}"
        [taken] = database.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name]).fetchone() or (0,)
        if taken:
            database.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
        return bool(taken)

    return is_free


def test_a_killed_worker_only_delays_its_job(
    client: httpx.Client, database: psycopg.Connection, worker: Worker
) -> None:
    """It is killed anywhere in a step; two schedulers run the relay that finds jobs without a worker."""
    with Beat(), Beat():
        job = train(client, "killed", SEQUENCES)
        eventually(begun(client, job), "the job is running")
        worker.kill()
        left = look(client, job)
        assert (left["state"], left["error"]) == ("running", None)
        worker.start()
        finished = end_of(client, job)
    assert (finished["state"], finished["done"]) == ("done", len(SEQUENCES))
    assert finished["result"] == {"sequences": len(SEQUENCES), "patterns_learned": len(SEQUENCES)}
    assert learned(database, "killed") == [EACH] * 1000


def test_a_cancelled_running_job_does_nothing_more_and_can_be_retried(
    client: httpx.Client, database: psycopg.Connection, worker: Worker
) -> None:
    job = train(client, "cancelled", SEQUENCES)
    eventually(begun(client, job), "the job is running")
    cancelled = client.delete(f"/jobs/{job['job_id']}").json()
    assert cancelled["state"] == "cancelled"
    assert 0 < cancelled["done"] < len(SEQUENCES)
    eventually(no_worker_runs(database, job), "its worker leaves the job")
    assert look(client, job) == cancelled
    assert sum(learned(database, "cancelled")) == cancelled["done"]
    again = client.delete(f"/jobs/{job['job_id']}")
    assert (again.status_code, again.json()) == (200, cancelled)
    client.post(f"/jobs/{job['job_id']}/retry")
    assert end_of(client, job)["state"] == "done"
    assert learned(database, "cancelled") == [EACH] * 1000
    too_late = client.delete(f"/jobs/{job['job_id']}")
    assert (too_late.status_code, too_late.json()) == (409, {"detail": f"Job {job['job_id']} is done already"})


def test_a_job_that_is_delivered_many_times_runs_once(
    client: httpx.Client, database: psycopg.Connection, worker: Worker
) -> None:
    with paused(worker.pid):  # so that both its processes then receive the job at the same moment
        job = train(client, "delivered", [[["a"], ["b"]]] * 8000)
        for _ in range(5):
            app.send_task("sessions_app.jobs.tasks.run_job", (job["job_id"],))
    assert end_of(client, job)["state"] == "done"
    assert learned(database, "delivered") == [8000]


def test_two_relays_at_once_share_the_work(client: httpx.Client, database: psycopg.Connection, worker: Worker) -> None:
    with paused(worker.pid):
        jobs = [train(client, "relayed", [[["a"], ["b"]]]) for _ in range(10)]
        background = client.get("/health/ready").json()["background"]
        assert background["jobs_waiting"] >= len(jobs)
        assert background["lag_seconds"] > 0
        database.execute("UPDATE sessions_app_job SET due_at = now() WHERE node_id = 'relayed'")
        told = at_once([lambda: manage("upkeep", "relay-jobs")] * 2)
        answers = [answer.split()[-1] for answer in told]
        assert sum(int(answer) for answer in answers if answer.isdigit()) == len(jobs)
    assert {end_of(client, job)["state"] for job in jobs} == {"done"}
    assert learned(database, "relayed") == [10]


@contextmanager
def poison(database: psycopg.Connection) -> Iterator[None]:
    """Inside the block, no pattern with the symbol `poison` can be stored."""
    database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'indigestible'; END $$"
    )
    database.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON memory_app_pattern FOR EACH ROW "
        "WHEN (NEW.events::text LIKE '%poison%') EXECUTE FUNCTION refuse()"
    )
    try:
        yield
    finally:
        database.execute("DROP FUNCTION refuse CASCADE")


def test_a_failing_step_is_retried_and_finally_visibly_failed(
    client: httpx.Client, database: psycopg.Connection, worker: Worker
) -> None:
    job = train(client, "poisoned", [[["a"], ["b"]]] * 500 + [[["a"], ["poison"]]])
    with poison(database):
        eventually(lambda: bool(look(client, job)["error"]), "the second step fails")
        waiting = look(client, job)
        assert (waiting["state"], waiting["done"]) == ("waiting", 500)
        assert "indigestible" in waiting["error"]
        assert learned(database, "poisoned") == [500]
        database.execute("UPDATE sessions_app_job SET attempts = 7, due_at = now() WHERE node_id = 'poisoned'")
        assert manage("upkeep", "relay-jobs") == "relay-jobs: 1\n"
        failed = end_of(client, job)
    assert (failed["state"], failed["attempts"], failed["done"]) == ("failed", 8, 500)
    assert "indigestible" in failed["error"]
    assert client.delete(f"/jobs/{job['job_id']}").status_code == 409
    client.post(f"/jobs/{job['job_id']}/retry")
    done = end_of(client, job)
    assert (done["state"], done["error"], done["attempts"]) == ("done", None, 1)
    assert sorted(learned(database, "poisoned")) == [1, 500]


def test_a_job_whose_session_is_gone_fails_with_that_reason(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection, worker: Worker
) -> None:
    body = {"observations": observations("a")}
    with paused(worker.pid):
        sessions = [new_session(), new_session()]
        jobs = [start(client, f"/sessions/{session}/observe-sequence", body) for session in sessions]
        jobs.append(start(client, f"/sessions/{sessions[0]}/finalize-training"))
        client.delete(f"/sessions/{sessions[0]}")
        database.execute("UPDATE sessions_app_session SET expires_at = now() WHERE id = %s", [sessions[1]])
    for job in jobs:
        failed = end_of(client, job)
        assert (failed["state"], failed["attempts"], failed["result"]) == ("failed", 1, None)
        assert failed["error"] == f"Session {job['session_id']} not found or expired"


@pytest.fixture
def in_this_process(same_database: None) -> Iterator[None]:
    """No worker takes the jobs that are started: this process does."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(running, "deliver", lambda job_ids: None)
        yield


@pytest.mark.usefixtures("in_this_process")
def test_a_worker_that_has_lost_its_lock_does_no_step_of_another(
    client: httpx.Client, database: psycopg.Connection
) -> None:
    """The lock ends with its connection, and the worker connects anew: its next step finds that the row has moved."""
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


@pytest.mark.usefixtures("in_this_process")
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


@pytest.mark.usefixtures("in_this_process")
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


@pytest.mark.usefixtures("in_this_process")
def test_a_job_that_ends_all_its_workers_is_finally_visibly_failed(
    client: httpx.Client, database: psycopg.Connection
) -> None:
    job = train(client, "deadly", [[["a"], ["b"]]])
    database.execute("UPDATE sessions_app_job SET attempts = 8 WHERE id = %s", [job["job_id"]])
    running.run(job["job_id"])
    failed = look(client, job)
    assert (failed["state"], failed["error"]) == ("failed", "8 workers ended while they worked on this")
    assert learned(database, "deadly") == []


@pytest.mark.usefixtures("in_this_process")
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
