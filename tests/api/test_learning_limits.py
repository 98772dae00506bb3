"""How much one request may learn, and how much one pattern may keep (KATO_LIMIT_AFFINITIES, … PATTERN; http.md 0.6)."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import WebServer, Worker
from tests.support.jobs import end_of, start, train
from tests.support.sessions import LiveSession, OpenSession, observation

PAIRS, BYTES, PAGE = 1000, 16_384, 32_768
SMALLER = {
    "KATO_LIMIT_AFFINITIES": str(PAIRS),
    "KATO_LIMIT_PATTERN": str(BYTES),
    "KATO_LIMIT_PAGE": str(PAGE),
    "KATO_LIMIT_SESSION": "65536",
    "MAX_REQUEST_SIZE": "65536",
    "KATO_LIMIT_OBSERVATION": "65536",
    "KATO_LIMIT_NEIGHBOUR_SECONDS": "1e-9",
}

Send = Callable[[LiveSession], httpx.Response]


@pytest.fixture(scope="module")
def small() -> Iterator[WebServer]:
    with WebServer(workers=2, **SMALLER) as running:
        yield running


def feeling(symbols: int, emotives: int) -> dict[str, Any]:
    names = {f"emotive {number}": 0.1 for number in range(emotives)}
    return observation(*(f"symbol {number}" for number in range(symbols)), emotives=names)


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 422, response.text[:500]
    assert "Retry-After" not in response.headers
    [found] = response.json()["detail"]
    return dict(found)


def known(database: psycopg.Connection, session: LiveSession) -> list[Any]:
    """What the session holds, and what its node has learned."""
    statements = (
        "SELECT to_jsonb(one) - 'expires_at' FROM sessions_app_session AS one WHERE id = %s",
        "SELECT stream, position, value::text FROM sessions_app_entry WHERE session_id = %s ORDER BY 1, 2",
    )
    of_node = (
        "SELECT encode(name, 'hex'), frequency, emotives::text, metadata::text FROM memory_app_pattern "
        "JOIN memory_app_node USING (memory) WHERE node_id = %s ORDER BY 1",
        "SELECT symbol, emotive, value FROM memory_app_symbolaffinity "
        "JOIN memory_app_node USING (memory) WHERE node_id = %s ORDER BY 1, 2",
    )
    held = [database.execute(statement, [session.id]).fetchall() for statement in statements]
    return held + [database.execute(statement, [session.node]).fetchall() for statement in of_node]


# Symbols times emotives ---------------------------------------------------------------------------------------------


def send_learn(session: LiveSession) -> httpx.Response:
    return session.client.post(f"/sessions/{session.id}/learn")


def send_sequence(session: LiveSession, *items: dict[str, Any], **options: Any) -> httpx.Response:
    return session.client.post(
        f"/sessions/{session.id}/observe-sequence", json={"observations": list(items), **options}
    )


def send_one(session: LiveSession) -> httpx.Response:
    return session.client.post(f"/sessions/{session.id}/observe", json=observation("one more"))


@pytest.mark.parametrize(
    ("config", "send"),
    [
        ({}, send_learn),
        ({}, lambda session: send_sequence(session, observation("one more"), learn_at_end=True)),
        ({}, lambda session: send_sequence(session, observation("one more"), learn_after_each=True)),
        ({"max_pattern_length": 2}, send_one),
        ({"max_pattern_length": 2, "stm_mode": "ROLLING"}, send_one),
        ({"max_pattern_length": 2}, lambda session: send_sequence(session, observation("one more"))),
    ],
)
def test_a_learn_of_too_many_pairs_is_refused_and_changes_nothing(
    open_small: OpenSession, database: psycopg.Connection, config: dict[str, Any], send: Send
) -> None:
    session = open_small(config=config)
    session.observe_sequence(feeling(101, 10))
    before = known(database, session)
    found = problem(send(session))
    assert (found["type"], found["loc"], found["ctx"]["max_pairs"]) == ("too_many_affinities", ["body"], PAIRS)
    assert found["ctx"]["actual_pairs"] in (1010, 1020)
    assert "KATO_LIMIT_AFFINITIES" in found["msg"]
    assert known(database, session) == before


def test_as_many_pairs_as_the_limit_are_learned(open_small: OpenSession) -> None:
    session = open_small()
    for times in (1, 2):
        assert session.observe_sequence(feeling(100, 10), learn_at_end=True)["final_learned_pattern"]
        for number in (0, 99):
            affinity = session.of_node(f"symbols/symbol {number}/affinity")["affinity"]
            assert affinity == {f"emotive {one}": times * 0.1 for one in range(10)}


def test_the_patterns_of_a_sequence_count_together(open_small: OpenSession, database: psycopg.Connection) -> None:
    session = open_small()
    before = known(database, session)
    found = problem(send_sequence(session, *[feeling(50, 10)] * 3, learn_after_each=True))
    assert found["ctx"]["actual_pairs"] == 1500
    assert known(database, session) == before
    assert send_sequence(session, *[feeling(50, 10)] * 2, learn_after_each=True).status_code == 200


def test_many_emotives_of_few_symbols_count_as_well(open_small: OpenSession) -> None:
    session = open_small()
    for number in range(5):
        session.observe(f"symbol {number}", emotives={f"emotive {number} {one}": 1.0 for one in range(100)})
    assert problem(send_learn(session))["ctx"]["actual_pairs"] == 2500
    session.clear_stm()
    assert session.teach("a", "b")


def test_jobs_fail_at_once_with_the_reason(open_small: OpenSession, database: psycopg.Connection) -> None:
    session = open_small()
    session.observe_sequence(feeling(101, 10))
    before = known(database, session)
    body = {"observations": [observation("a")], "learn_at_end": True}
    with Worker(**SMALLER):
        jobs = [
            start(session.client, f"/sessions/{session.id}/observe-sequence", body),
            train(session.client, session.node, [[feeling(101, 10)]]),
        ]
        for job in [end_of(session.client, job) for job in jobs]:
            assert (job["state"], job["attempts"]) == ("failed", 1)
            assert "at most 1000 pairs of a symbol and an emotive" in job["error"]
        assert known(database, session) == before
        job = end_of(session.client, train(session.client, session.node, [[feeling(100, 10)]] * 5))
        assert (job["state"], job["done"]) == ("done", 5), "each sequence is within the limit"


def test_a_training_job_learns_in_parts_of_few_pairs(open_small: OpenSession, database: psycopg.Connection) -> None:
    session = open_small()
    job = train(session.client, session.node, [[feeling(60, 10)], [["a", "b"]], [feeling(40, 10)], [feeling(1, 1)]])
    statement = "SELECT content FROM sessions_app_jobpart WHERE job_id = %s ORDER BY number"
    parts = [bytes(content) for (content,) in database.execute(statement, [job["job_id"]])]
    assert [part.count(b"symbol 0") for part in parts] == [2, 1]
    session.client.delete(f"/jobs/{job['job_id']}")


def test_a_rolling_training_job_learns_in_parts_of_few_symbols(
    open_small: OpenSession, database: psycopg.Connection
) -> None:
    session = open_small()
    config = {"max_pattern_length": 200, "stm_mode": "ROLLING"}
    job = train(session.client, session.node, [[["a"]] * 600] * 5, config=config)
    [(parts,)] = database.execute("SELECT count(*) FROM sessions_app_jobpart WHERE job_id = %s", [job["job_id"]])
    assert parts == 3, "600 events of at most 200 symbols each learn 120,000 symbols"
    session.client.delete(f"/jobs/{job['job_id']}")


# What a pattern keeps -----------------------------------------------------------------------------------------------


def remember(session: LiveSession, *texts: str) -> httpx.Response:
    """Learn the same pattern with these texts as metadata."""
    first, *others = (observation("a", metadata={"text": text}) for text in texts)
    return send_sequence(session, first, *others, observation("b"), learn_at_end=True, clear_stm_between=False)


def test_a_pattern_grows_to_the_limit_and_no_further(open_small: OpenSession, database: psycopg.Connection) -> None:
    session = open_small()
    for letter in "xyz":
        assert remember(session, letter * 5000).status_code == 200
    before = known(database, session)
    found = problem(remember(session, "w" * 5000))
    assert (found["type"], found["loc"], found["ctx"]["max_bytes"]) == ("pattern_too_large", ["body"], BYTES)
    assert "KATO_LIMIT_PATTERN" in found["msg"]
    assert found["ctx"]["actual_bytes"] > 20_000
    assert known(database, session) == before
    assert remember(session, "x" * 5000).status_code == 200, "what the pattern has already takes no more room"


def test_emotives_of_a_pattern_count_and_leave_with_the_window(open_small: OpenSession) -> None:
    session = open_small(config={"persistence": 2})
    for letter in "xyzw":
        learned = send_sequence(session, observation("a", "b", emotives={letter * 4000: 1.0}), learn_at_end=True)
        assert learned.status_code == 200
    wide = LiveSession.create(session.client, session.node, config={"persistence": 100})
    answers = [
        send_sequence(wide, observation("a", "b", emotives={letter * 4000: 1.0}), learn_at_end=True).status_code
        for letter in "vuts"
    ]
    assert answers == [200, 200, 422, 422]


def grown(database: psycopg.Connection, session: LiveSession, size: int) -> None:
    """Make the pattern as large as one of a file, or of another limit, may be."""
    database.execute(
        "UPDATE memory_app_pattern SET metadata = %s WHERE memory = "
        "(SELECT memory FROM memory_app_node WHERE node_id = %s)",
        ['{"text":["' + "x" * size + '"]}', session.node],
    )


def test_what_is_larger_already_can_be_learned_but_does_not_grow(
    open_small: OpenSession, database: psycopg.Connection
) -> None:
    session = open_small()
    assert remember(session, "x").status_code == 200
    grown(database, session, BYTES)
    assert remember(session, "x" * BYTES).status_code == 200
    assert problem(remember(session, "y"))["type"] == "pattern_too_large"


def test_a_pattern_larger_than_a_page_is_not_shown(open_small: OpenSession, database: psycopg.Connection) -> None:
    session = open_small()
    name = send_sequence(session, observation("a"), observation("b"), learn_at_end=True).json()["final_learned_pattern"]
    grown(database, session, PAGE - 100)
    assert len(session.pattern(name)["metadata"]["text"][0]) == PAGE - 100
    grown(database, session, PAGE)
    found = problem(session.client.get(f"/pattern/{name}", params={"node_id": session.node}))
    assert (found["type"], found["loc"]) == ("too_large_to_show", ["path", "pattern_id"])
    assert name in found["msg"]


def test_a_symbol_with_more_affinities_than_a_page_is_not_shown(open_small: OpenSession) -> None:
    session = open_small(config={"persistence": 1})
    for letter in "abcdefghijkl":
        session.observe("x", "y", emotives={letter * 3500: 1.0})
        session.learn()
    session.observe_sequence(observation("a", "b", emotives={"joy": 1.0}), learn_at_end=True)
    query = {"node_id": session.node}
    first = session.client.get("/symbols/affinity", params=query).json()
    assert (list(first["affinities"]), first["next"]) == (["a", "b"], "b")
    for path, more in (("symbols/x/affinity", {}), ("symbols/affinity", {"after": "b"})):
        found = problem(session.client.get(f"/{path}", params={**query, **more}))
        assert (found["type"], "symbol 'x'" in found["msg"]) == ("too_large_to_show", True)


# Rolling sequences, and vectors -------------------------------------------------------------------------------------


def test_a_rolling_sequence_of_long_symbols_learns_a_bounded_number_of_characters(
    open_small: OpenSession, database: psycopg.Connection
) -> None:
    session = open_small(config={"max_pattern_length": 5, "stm_mode": "ROLLING"})
    before = known(database, session)
    found = problem(send_sequence(session, *(observation(f"{n}" + "s" * 4000) for n in range(14))))
    assert found["type"] == "too_much_learning"
    assert found["ctx"] == {"max_symbols": 250_000, "max_characters": 2 * 65_536}
    assert known(database, session) == before


def test_neighbours_that_are_not_found_in_time_refuse_the_sequence(
    open_small: OpenSession, database: psycopg.Connection
) -> None:
    session = open_small()
    assert session.observe(vectors=[[1.0, 2.0]]), "one vector has the time that a statement has"
    before = known(database, session)
    found = problem(send_sequence(session, observation(vectors=[[1.0, 2.0]])))
    assert (found["type"], found["ctx"]) == ("neighbours_take_too_long", {"max_seconds": 1e-9})
    assert known(database, session) == before
    with Worker(**SMALLER):
        body = {"observations": [observation(vectors=[[1.0, 2.0]])]}
        job = end_of(session.client, start(session.client, f"/sessions/{session.id}/observe-sequence", body))
    assert job["state"] == "done", "a job has any time"
