"""A training run learns many sequences in one job, each as a session of its own would learn it."""

import random
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.jobs import end_of, train, training
from tests.support.sessions import NewSession

Sequence = list[Any]


def sequences(count: int, *, seed: int = 1) -> list[Sequence]:
    """Random sequences of few symbols, so that some are equal; every third event has emotives and metadata."""
    choose = random.Random(seed)

    def event() -> Any:
        strings = choose.choices("abcde", k=choose.randint(0, 2))
        if choose.random() < 0.7:
            return strings
        emotives = {choose.choice(("joy", "fear")): choose.uniform(-1, 1)}
        return {"strings": strings, "emotives": emotives, "metadata": {"by": choose.choice(("me", "you"))}}

    return [[event() for _ in range(choose.randint(0, 4))] for _ in range(count)]


def knowledge(database: psycopg.Connection, client: httpx.Client, node_id: str) -> dict[str, Any]:
    """Everything that a node has stored."""
    patterns = database.execute(
        "SELECT encode(name, 'hex'), events::text, length, frequency, emotives::text, metadata::text "
        "FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE node_id = %s ORDER BY name",
        [node_id],
    ).fetchall()
    views = ("symbols/stats", "symbols/affinity")
    told = {view: client.get(f"/{view}", params={"node_id": node_id}).json() | {"node_id": None} for view in views}
    return {"patterns": patterns, **told}


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("count", "config"),
    [
        pytest.param(520, {}, marks=pytest.mark.exhaustive),  # more than one batch
        (60, {"sort_symbols": False, "persistence": 2}),
        (60, {"max_pattern_length": 2, "stm_mode": "ROLLING"}),
    ],
)
def test_a_training_run_learns_what_single_requests_learn(
    client: httpx.Client,
    new_session: NewSession,
    database: psycopg.Connection,
    count: int,
    config: dict[str, Any],
) -> None:
    given = sequences(count // 2) * 2
    one_by_one, in_a_job = f"taught {config}", f"trained {config}"
    for sequence in given:
        session_id = new_session(node_id=one_by_one, config=config)
        events = [{"strings": event} if isinstance(event, list) else event for event in sequence]
        body = {"observations": events, "learn_at_end": True}
        assert client.post(f"/sessions/{session_id}/observe-sequence", json=body).status_code == 200
    job = end_of(client, train(client, in_a_job, given, config=config))
    assert (job["state"], job["done"], job["total"]) == ("done", count, count)
    learned = knowledge(database, client, in_a_job)
    assert learned == knowledge(database, client, one_by_one)
    frequencies = [pattern[3] for pattern in learned["patterns"]]
    assert max(frequencies) > 1, "some were learned more than once"
    assert job["result"] == {"sequences": count, "patterns_learned": sum(frequencies)}


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"kind": "train", "sequences": [[["a"]]]}, ["node_id"]),
        ({"kind": "dream", "node_id": "n", "sequences": [[["a"]]]}, ["kind"]),
        ({"kind": "train", "node_id": "n"}, ["sequences"]),
        (training("n", []), ["sequences"]),
        (training("n", ["a"]), ["sequences", 0]),
        (training("n", [[], [["a", 1]]]), ["sequences", 1, 0, "symbols", 1]),
        (training("n", [[{"strings": "a"}]]), ["sequences", 0, 0, "observation", "strings"]),
        (training("n", [[["\0"]]]), ["sequences", 0, 0, 0]),
    ],
)
def test_an_invalid_training_run_is_refused_at_once(
    client: httpx.Client, body: dict[str, Any], location: list[Any]
) -> None:
    answer = client.post("/jobs", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *location]


def test_a_bad_configuration_is_refused_at_once(client: httpx.Client) -> None:
    body = training("n", [[["a"]]], config={"persistence": 0})
    answer = client.post("/jobs", json=body)
    assert answer.status_code == 400
    assert set(answer.json()["detail"]["validation_errors"]) == {"persistence"}
