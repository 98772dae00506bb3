"""P7: an acknowledged job is done once, or is visibly failed or cancelled, whatever happens to the workers."""

from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import Beat, Worker, eventually, manage, paused
from katoproject.celery import app
from tests.support.jobs import end_of, learned, look, poison, start, train
from tests.support.races import at_once
from tests.support.sessions import NewSession, observations

pytestmark = pytest.mark.long

SEQUENCES = [[[f"s{number % 1000}"], ["end"]] for number in range(15_000)]
EACH = len(SEQUENCES) // 1000


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
