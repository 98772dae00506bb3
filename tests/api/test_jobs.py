"""`/jobs`: background work is accepted, shown, cancelled and retried."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from benchmarks.stack import eventually
from tests.support.jobs import end_of, start
from tests.support.sessions import NewSession, OpenSession, observation
from tests.support.transactions import locked, waits_for_locks

SEQUENCE = {"observations": [observation("a", unique_id="1"), observation("b", unique_id="2")]}


@pytest.mark.usefixtures("worker")
def test_a_sequence_in_the_background_has_the_same_result_as_in_the_request(
    client: httpx.Client, new_session: NewSession
) -> None:
    body = {**SEQUENCE, "learn_at_end": True}
    at_once, later = new_session(), new_session()
    answer = client.post(f"/sessions/{at_once}/observe-sequence", json=body).json()
    accepted = start(client, f"/sessions/{later}/observe-sequence", body)
    assert (accepted["kind"], accepted["state"], accepted["progress"]) == ("observe-sequence", "waiting", 0.0)
    assert (accepted["session_id"], accepted["node_id"]) == (later, "node")
    job = end_of(client, accepted)
    assert (job["state"], job["progress"], job["error"], job["attempts"]) == ("done", 1.0, None, 1)
    assert job["result"] == answer
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    for view in ("stm", "percept-data"):
        one, other = (client.get(f"/sessions/{session}/{view}").json() for session in (at_once, later))
        assert {**one, "session_id": None} == {**other, "session_id": None}


@pytest.mark.usefixtures("worker")
def test_finalizing_in_the_background(open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.teach("a", "b", "c")
    job = end_of(teacher.client, start(teacher.client, f"/sessions/{teacher.id}/finalize-training"))
    assert job["state"] == "done"
    assert job["result"] | {"time_ms": 0} == teacher.post("finalize-training") | {"time_ms": 0}


@pytest.mark.usefixtures("worker")
def test_jobs_of_one_session_run_in_the_order_of_their_acceptance(
    client: httpx.Client, new_session: NewSession
) -> None:
    session_id = new_session()
    path = f"/sessions/{session_id}/observe-sequence"
    jobs = [start(client, path, {"observations": [observation(f"{number:02}")]}) for number in range(20)]
    assert end_of(client, jobs[-1])["state"] == "done"
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [[f"{number:02}"] for number in range(20)]


def test_a_job_is_accepted_after_whatever_holds_its_session(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """Otherwise the numbers of a session's jobs might not be in the order of their commits."""
    session_id = new_session()
    with ThreadPoolExecutor(1) as pool:
        with locked(database, session_id):
            accepted = pool.submit(start, client, f"/sessions/{session_id}/observe-sequence", SEQUENCE)
            eventually(lambda: accepted.done() or waits_for_locks(database) > 0, "the request waits")
            assert not accepted.done()
        client.delete(f"/jobs/{accepted.result()['job_id']}")


def test_bad_input_is_refused_at_once(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(node_id="refusing")
    path = f"/sessions/{session_id}/observe-sequence"
    for body in ({"observations": [{"strings": "a"}]}, {}, {"observations": [{"emotives": {"joy": "high"}}]}):
        answers = [client.post(path, params={"mode": mode}, json=body) for mode in ("sync", "async")]
        assert [answer.status_code for answer in answers] == [422, 422]
        assert answers[0].json() == answers[1].json()
    for route in ("observe-sequence", "finalize-training"):
        answer = client.post(f"/sessions/{session_id}/{route}?mode=later", json=SEQUENCE)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["query", "mode"]
        missing = client.post(f"/sessions/none/{route}?mode=async", json=SEQUENCE)
        assert missing.status_code == 404
        assert missing.json()["error"]["code"] == "SESSION_NOT_FOUND"
    assert client.get("/jobs", params={"node_id": "refusing"}).json()["total"] == 0


def test_a_repeat_under_the_same_key_is_the_same_job(client: httpx.Client, new_session: NewSession) -> None:
    path = f"/sessions/{new_session(node_id='same key')}/observe-sequence"
    jobs = [start(client, path, SEQUENCE, **{"Idempotency-Key": "k"}) for _ in range(3)]
    assert len({job["job_id"] for job in jobs}) == 1
    assert client.get("/jobs", params={"node_id": "same key"}).json()["total"] == 1


def test_a_missing_job_is_a_404(client: httpx.Client) -> None:
    for answer in (client.get("/jobs/none"), client.delete("/jobs/none"), client.post("/jobs/none/retry")):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Job none not found"})
    assert client.get("/jobs/%00").status_code == 404


@pytest.mark.parametrize("query", ["state=lost", "kind=other", "limit=0", "limit=1001", "skip=-1"])
def test_an_invalid_filter_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/jobs?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]
