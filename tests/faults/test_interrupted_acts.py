"""An act on patterns that fails or is killed at any step leaves the state before it or after it (engine.md 4.5)."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from benchmarks.stack import eventually
from engine.naming import pattern_name
from tests.support.fragile import Fragile, database_connection, wait_until_they_may_die
from tests.support.sessions import LiveSession, observation

pytestmark = pytest.mark.long

XY = pattern_name([["x"], ["y"]])
SESSION, NODE, RETIREMENT, ACT = (
    "sessions_app_session",
    "memory_app_node",
    "memory_app_retirement",
    "memory_app_patternact",
)
OF_PURGE = ["memory_app_pattern", "memory_app_symbolaffinity", "memory_app_vector", "memory_app_vectorspace"]
ACTS = {
    "retire": [SESSION, NODE, RETIREMENT, ACT],
    "un-retire": [SESSION, NODE, RETIREMENT, ACT],
    "purge": [SESSION, NODE, RETIREMENT, ACT, *OF_PURGE],
}


@pytest.fixture
def session(fragile: Fragile, request: pytest.FixtureRequest) -> Iterator[LiveSession]:
    with httpx.Client(base_url=fragile.web.url, timeout=60) as client:
        yield LiveSession.create(client, request.node.name)


def prepare(session: LiveSession, kind: str) -> str:
    """Learn a pattern with emotives and a vector, and bring it into the state that the act is for; return its name."""
    items = [observation("x", vectors=[[1.0, 2.0]], emotives={"joy": 0.1}), observation("y")]
    name: str = session.observe_sequence(*items, learn_at_end=True)["final_learned_pattern"]
    if kind != "retire":
        session.post("patterns/retire", {"pattern_ids": [name]})
    return name.removeprefix("PTRN|")


def everything(fragile: Fragile, session: LiveSession) -> list[tuple[object, ...]]:
    of_node = "JOIN memory_app_node AS node USING (memory) WHERE node_id = %s ORDER BY 1, 2"
    queries = [
        "SELECT memory, acts_version, finalized_version FROM memory_app_node WHERE node_id = %s",
        f"SELECT encode(name, 'hex'), frequency, emotives::text, felt::text FROM memory_app_pattern {of_node}",
        f"SELECT symbol, emotive, value::text FROM memory_app_symbolaffinity {of_node}",
        f"SELECT encode(name, 'hex'), purged FROM memory_app_retirement {of_node}",
        f"SELECT encode(name, 'hex'), embedding::text FROM memory_app_vector {of_node}",
        f"SELECT dimension, indexed FROM memory_app_vectorspace {of_node}",
        "SELECT number, kind FROM memory_app_patternact WHERE node_id = %s ORDER BY 1, 2",
    ]
    with database_connection(fragile) as connection:
        return [row for query in queries for row in connection.execute(query, [session.node])]


@pytest.mark.parametrize(("kind", "table"), [(kind, table) for kind, tables in ACTS.items() for table in tables])
def test_a_failure_at_any_step_leaves_the_state_before(
    fragile: Fragile, session: LiveSession, kind: str, table: str
) -> None:
    name = prepare(session, kind)
    before = everything(fragile, session)
    with database_connection(fragile) as admin:
        admin.execute("CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'injected'; END $$")
        admin.execute(
            f"CREATE TRIGGER injected AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION explode()"
        )
        admin.commit()
        try:
            body = {"pattern_ids": [name]}
            response = session.client.post(f"/sessions/{session.id}/patterns/{kind}", json=body)
        finally:
            admin.execute("DROP FUNCTION explode CASCADE")
            admin.commit()
    assert response.status_code == 500
    assert everything(fragile, session) == before
    assert session.post(f"patterns/{kind}", {"pattern_ids": [name]})["node_id"] == session.node


@pytest.mark.parametrize(
    "kind", [kind if kind == "purge" else pytest.param(kind, marks=pytest.mark.exhaustive) for kind in ACTS]
)
def test_an_act_whose_worker_is_killed_in_the_middle_happens_once_when_it_is_repeated(
    fragile: Fragile, session: LiveSession, kind: str
) -> None:
    name = prepare(session, kind)
    before = everything(fragile, session)
    url, body = f"/sessions/{session.id}/patterns/{kind}", {"pattern_ids": [name]}
    headers = {"Idempotency-Key": "once"}
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"

    def send() -> httpx.Response | None:
        with httpx.Client(base_url=fragile.web.url, timeout=60) as client:
            try:
                return client.post(url, json=body, headers=headers)
            except httpx.TransportError:
                return None

    with database_connection(fragile) as admin:
        admin.autocommit = True  # a transaction looks at what others do once
        admin.execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NULL; END $$"
        )
        admin.execute(f"CREATE TRIGGER held AFTER INSERT ON {ACT} FOR EACH ROW EXECUTE FUNCTION hold()")
        admin.execute("SELECT pg_advisory_lock(77)")
        try:
            with ThreadPoolExecutor(1) as pool:
                wait_until_they_may_die(fragile.web.worker_pids)
                sent = pool.submit(send)
                eventually(lambda: admin.execute(waiting).fetchone() != (0,), "the act is under way")
                for pid in fragile.web.worker_pids:
                    os.kill(pid, signal.SIGKILL)
                assert sent.result() is None
        finally:
            admin.execute("SELECT pg_advisory_unlock(77)")
            admin.execute("DROP FUNCTION hold CASCADE")
    eventually(lambda: send() is not None, "the service responds again")
    answer = send()
    assert answer is not None
    assert answer.headers["Idempotency-Replayed"] == "true"
    [*_, (_, kind_of_last)] = everything(fragile, session)
    assert before != everything(fragile, session)
    assert kind_of_last == {"retire": "retired", "un-retire": "un-retired", "purge": "purged"}[kind]
    with database_connection(fragile) as connection:
        count = "SELECT count(*) FROM memory_app_patternact WHERE node_id = %s AND kind = %s"
        assert connection.execute(count, [session.node, kind_of_last]).fetchone() == (1,)
