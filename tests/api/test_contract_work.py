"""Repeats and background work under a contract (http.md 0.9)."""

from typing import Any

import httpx
import pytest

from benchmarks.stack import Worker
from foundation.contracts import HEADER
from tests.support.contracts import NEW, OLD, asking, config_of, create
from tests.support.jobs import end_of, start, train, training
from tests.support.sessions import observations
from tests.support.vectors import name

BOTH = [(OLD, NEW), (NEW, OLD)]


# Idempotency keys


@pytest.mark.parametrize(("pinned", "other"), BOTH)
def test_the_same_request_in_another_form_is_another_request(client: httpx.Client, pinned: str, other: str) -> None:
    session = create(client, pinned)
    headers = {"Idempotency-Key": "k"}
    path, body = f"/sessions/{session.id}/observe", {"strings": ["a"]}
    first = client.post(path, json=body, headers=headers)
    repeated = client.post(path, json=body, headers=headers)
    assert (repeated.content, repeated.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert first.headers[HEADER] == repeated.headers[HEADER] == pinned
    assert ("vector_search" in first.json()) == (pinned == NEW)
    again = client.post(path, json=body, headers={**headers, **asking(other)})
    assert (again.status_code, again.json()["detail"][0]["type"]) == (422, "idempotency_key_reused")
    assert session.stm() == [["a"]]


def test_a_session_that_is_created_again_under_a_key_has_the_contract_of_the_first_request(
    client: httpx.Client, node: str
) -> None:
    headers = {"Idempotency-Key": "k", **asking(NEW)}
    body = {"node_id": node}
    first, repeated = (client.post("/sessions", json=body, headers=headers) for _ in range(2))
    assert (repeated.content, repeated.headers[HEADER]) == (first.content, NEW)
    for other in ({}, asking(OLD)):
        again = client.post("/sessions", json=body, headers={"Idempotency-Key": "k", **other})
        assert (again.status_code, again.json()["detail"][0]["type"]) == (422, "idempotency_key_reused")
    listed = client.get("/sessions", params={"node_id": node}).json()
    assert listed["total"] == 1
    assert "length_min_ratio" in listed["sessions"][0]["session_config"], "a list is shown by one contract"


# Jobs


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_a_job_of_a_session_does_what_the_request_does(
    client: httpx.Client, node: str, contract: str, worker: Worker
) -> None:
    session = create(client, contract, node)
    path, body = f"/sessions/{session.id}/observe-sequence", {"observations": observations("a", "b")}
    accepted = client.post(path, params={"mode": "async"}, json=body)
    assert (accepted.status_code, accepted.headers[HEADER]) == (202, contract)
    job = end_of(client, accepted.json())
    assert job["state"] == "done"
    twin = create(client, contract, node).observe_sequence(*body["observations"])

    def without_ids(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "results": [{**one, "unique_id": ""} for one in answer["results"]]}

    assert without_ids(job["result"]) == without_ids(twin)
    finalized = end_of(client, start(client, f"/sessions/{session.id}/finalize-training"))
    assert finalized["result"]["status"] == "completed"
    for named in (OLD, NEW):
        shown = client.get(f"/jobs/{job['job_id']}", headers=asking(named))
        assert (shown.headers[HEADER], shown.json()) == (named, job), "jobs look the same under both"


@pytest.mark.parametrize(("setting", "value"), [("recall_threshold", 0), ("filter_pipeline", ["length"])])
def test_a_training_is_refused_by_the_rules_of_the_contract_that_it_names(
    client: httpx.Client, node: str, setting: str, value: Any
) -> None:
    body = training(node, [[["a"], ["b"]]], config={setting: value})
    refused = client.post("/jobs", json=body, headers=asking(NEW))
    assert refused.status_code == 400
    assert list(refused.json()["detail"]["validation_errors"]) == [setting]
    assert client.post("/jobs", json=body).status_code == 202


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_a_training_observes_vectors_as_a_session_of_its_contract(
    client: httpx.Client, node: str, contract: str, worker: Worker
) -> None:
    teacher = create(client, OLD, node)
    teacher.observe(vectors=[[0, 0]])
    teacher.learn()
    body = training(node, [[{"vectors": [[1, 0]]}, ["end"]]], config={"vector_event_mode": "self_only"})
    job = client.post("/jobs", json=body, headers=asking(contract)).json()
    assert end_of(client, job)["state"] == "done"
    [pattern] = client.get(f"/nodes/{node}/patterns").json()["patterns"]
    first = {OLD: sorted([name(0, 0), name(1, 0)]), NEW: [name(1, 0)]}[contract]
    assert pattern["pattern_data"] == [first, ["end"]]


def test_a_training_teaches_sessions_of_both_the_same(client: httpx.Client, node: str, worker: Worker) -> None:
    assert end_of(client, train(client, node, [[["a"], ["b"], ["c"]]]))["state"] == "done"
    for contract in (OLD, NEW):
        session = create(client, contract, node)
        session.observe("a")
        session.observe("b")
        [prediction] = session.get("predictions")["predictions"]
        assert prediction["future"] == [["c"]]
        assert config_of(session)["recall_threshold"] == 0.1
