"""`manage.py verify`: finds each thing that can be broken, mends what follows from something else, and nothing more."""

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from operator import attrgetter
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from pydantic_core import to_json
from pytest_django import DjangoDbBlocker

import memory_app.operations.finalizing
from benchmarks.stack import manage
from engine.vectors import named
from foundation import verification
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.management.commands.verify import CHECKS
from memory_app.operations.nodes import clear, delete_cleared
from memory_app.reads import nodes
from memory_app.reads.recall import recall
from sessions_app import cache, operations, reads
from sessions_app.files import session_files
from sessions_app.jobs import running
from sessions_app.jobs.lifecycle import accept
from sessions_app.models.jobs import Kind
from sessions_app.observations import Observation
from sessions_app.operations import idempotency, restoration
from sessions_app.reads import inspection, predicting

pytestmark = pytest.mark.long

DATABASE = "verified"


@pytest.fixture(scope="module")
def own_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """One that nobody else writes to, made like any other; what this module does in this process goes there."""
    parts = connections.settings["default"]
    with psycopg.connect(host=parts["HOST"], port=parts["PORT"], user=parts["USER"], dbname="kato") as maker:
        maker.autocommit = True
        maker.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        maker.execute(f"CREATE DATABASE {DATABASE}")
    url = f"host='{parts['HOST']}' port={parts['PORT']} user={parts['USER']} dbname={DATABASE}"
    manage("migrate", "--verbosity=0", DATABASE_URL=url)
    name, parts["NAME"] = parts["NAME"], DATABASE
    with django_db_blocker.unblock():
        connection.close()
        yield
        connection.close()
    parts["NAME"] = name


def execute(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


TABLES = [
    *("memory_app_node", "memory_app_clearedmemory", "memory_app_pattern", "memory_app_symbolaffinity"),
    *("memory_app_vectorspace", "memory_app_vector", "sessions_app_session", "sessions_app_entry"),
    *("sessions_app_sessionevent", "sessions_app_idempotencykey", "sessions_app_job", "sessions_app_jobpart"),
]


@pytest.fixture
def empty(own_database: None) -> None:
    execute(f"TRUNCATE {', '.join(TABLES)}")
    cache.drop(None)  # what other tests left of another database, which has numbered its memories further


def observation(*strings: str, joy: float | None = None, vector: list[float] | None = None) -> Observation:
    return Observation(
        strings=list(strings),
        vectors=[vector] if vector else [],
        vector=named(np.array(vector)) if vector else None,
        emotives={} if joy is None else {"joy": joy},
        metadata={} if joy is None else {"by": ["b", "a"]},
        unique_id="",
    )


def sequence(text: str, joy: float | None = None) -> list[Observation]:
    return [observation(*event, joy=joy) for event in text.split()]


def new_session(node: str = "kitchen") -> str:
    return operations.create(node_id=node, ttl_seconds=3600, config={}, metadata={}).session_id


@pytest.fixture
def session(empty: None) -> str:
    """A database with something of everything in it; answers a session that has something in each of its streams."""
    operations.train(node_id="kitchen", config={}, sequences=[sequence("ab c d", joy=0.1), sequence("ab c d", joy=0.2)])
    memory_app.operations.finalizing.finalize(node_id="kitchen")
    operations.train(node_id="kitchen", config={}, sequences=[sequence("e f")])
    operations.train(node_id="old", config={}, sequences=[sequence("g h", joy=1)])
    clear(node_id="old")
    learner = new_session()
    operations.observe_sequence(
        session_id=learner,
        observations=[observation("v", vector=[0.1, 0.2]), observation("w", joy=0.3)],
        learn_at_end=True,
    )
    operations.delete(session_id=new_session())
    for number in range(2):
        parts = [b'[[["a"],["b"]],[["c"],["d"]]]', b'[[["e"],["f"]]]'] if number else [b'[[["i"],["j"]]]']
        total = 3 if number else 1
        job = accept(kind=Kind.TRAIN, node_id="kitchen", parameters={"config": {}}, total=total, parts=parts)
        if not number:
            running.run(job.id)
    idempotency.once(scope="s", key="k", fingerprint=idempotency.fingerprint(b""), perform=lambda: b"{}")
    session_id = new_session()
    for given in (observation("b", "a", joy=0.5), observation("c", vector=[0.3, 0.4]), observation("d", "c", joy=0.1)):
        operations.observe(session_id=session_id, observation=given)
    return session_id


class Verdict:
    def __init__(self, *arguments: str) -> None:
        out = io.StringIO()
        self.error: str | None = None
        try:
            call_command("verify", "--json", *arguments, stdout=out)
        except CommandError as error:
            self.error = str(error)
        told = json.loads(out.getvalue())
        self.broken = {one["check"]: one["broken"] for one in told["checks"] if one["broken"]}
        self.mended = {one["check"] for one in told["checks"] if one["mended"]}
        self.examples = [example for one in told["checks"] for example in one["examples"]]
        assert told["holds"] == (self.error is None) == (not self.broken)
        assert [one["check"] for one in told["checks"] if one["not_checked"]] == []


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored but for what a mend has to touch: versions and ids of transactions."""
    touched = "- 'version' - 'changed' - 'created' - 'finalized_version' - 'finalized_snapshot' - 'recorded_at'"
    return {
        table: execute(f"SELECT (to_jsonb(one) {touched})::text AS row FROM {table} AS one ORDER BY row")
        for table in TABLES
    }


def test_an_empty_and_a_filled_database_hold(empty: None, request: pytest.FixtureRequest) -> None:
    assert Verdict().broken == {}
    request.getfixturevalue("session")
    assert [len(rows) > 0 for rows in everything().values()] == [True] * len(TABLES), "nothing is left out"
    assert Verdict().broken == {}
    before = everything()
    verdict = Verdict("--repair")
    assert (verdict.error, verdict.mended) == (None, set())
    assert everything() == before


MENDED: list[tuple[str, str]] = [
    (
        "live-memories",
        "INSERT INTO memory_app_clearedmemory SELECT memory FROM memory_app_node WHERE node_id = 'kitchen'",
    ),
    ("memories", "DELETE FROM memory_app_clearedmemory"),
    ("memory-numbers", "SELECT setval('memory_app_memory', 1, false)"),
    (
        "finalized-statistics",
        """UPDATE memory_app_node SET finalized_statistics = '{"patterns": 1, "members": {}}'
        WHERE finalized_statistics IS NOT NULL""",
    ),
    (
        "finalized-statistics",
        """UPDATE memory_app_node SET finalized_statistics = replace(
        finalized_statistics::text, '"a":1', '"a":2')::json""",
    ),
    ("patterns", "UPDATE memory_app_pattern SET length = 7 WHERE length = 4"),
    (
        "patterns",
        """UPDATE memory_app_pattern SET metadata = '{"by": ["[''b'', ''a'']", "[''b'', ''a'']"]}'
        WHERE metadata::text <> '{}' AND length = 4""",
    ),
    ("patterns", "UPDATE memory_app_pattern SET changed = '3' WHERE length = 4"),
    ("affinities", "UPDATE memory_app_symbolaffinity SET symbol_key = '\\x00' WHERE symbol = 'a'"),
    ("vectors", "UPDATE memory_app_vectorspace SET dimension = 7"),
    ("vectors", "DELETE FROM memory_app_vectorspace"),
    ("vectors", "UPDATE memory_app_vectorspace SET indexed = true"),
    ("percepts", """UPDATE sessions_app_session SET percept = replace(percept::text, '["c","d"]', '["d"]')::json"""),
    ("stray-entries", "INSERT INTO sessions_app_entry VALUES ('nobody', 0, 1, '[\"a\"]')"),
    (
        "stray-entries",
        """INSERT INTO sessions_app_entry SELECT id, 0, stm_end + 1, '["a"]' FROM sessions_app_session""",
    ),
    (
        "session-events",
        """INSERT INTO sessions_app_sessionevent (changed, session_id, kind, happened_at, recorded_at)
        SELECT pg_current_xact_id(), id, 1, now(), now() FROM sessions_app_session""",
    ),
    (
        "announcements",
        """DELETE FROM sessions_app_sessionevent WHERE kind = 0
        AND session_id IN (SELECT id FROM sessions_app_session)""",
    ),
    ("job-parts", "INSERT INTO sessions_app_jobpart VALUES ('nobody''s', 0, '[]')"),
    ("job-parts", "INSERT INTO sessions_app_jobpart SELECT id, 0, '[]' FROM sessions_app_job WHERE state = 'done'"),
    ("job-numbers", "SELECT setval('sessions_app_job_number', 1, false)"),
]


@pytest.mark.parametrize(("check", "damage"), MENDED)
def test_what_follows_from_something_else_is_made_anew(session: str, check: str, damage: str) -> None:
    before = everything()
    execute(damage)
    verdict = Verdict()
    assert set(verdict.broken) == {check}, verdict.examples
    assert f"Checks failed: {check}; run with --repair" in str(verdict.error)
    verdict = Verdict("--repair")
    assert (verdict.error, verdict.mended) == (None, {check}), verdict.examples
    assert everything() == before
    assert Verdict().broken == {}


SETTLED: list[tuple[str, str]] = [
    ("finalized-statistics", "UPDATE memory_app_node SET finalized_snapshot = NULL"),
    (
        "finalized-statistics",
        "UPDATE memory_app_node SET finalized_snapshot = 'a' WHERE finalized_snapshot IS NOT NULL",
    ),
    ("sessions", "UPDATE sessions_app_session SET seen_end = 1, seen_start = 0 WHERE stm_end = 3"),
    (
        "sessions",
        """WITH longer AS (UPDATE sessions_app_session SET metadata_end = metadata_end + 2000,
            metadata_start = metadata_end RETURNING id, metadata_start, metadata_end)
        INSERT INTO sessions_app_entry SELECT id, 2, number, '{}' FROM longer,
            LATERAL generate_series(metadata_start + 1, metadata_end) AS number""",
    ),
    ("session-events", "UPDATE sessions_app_sessionevent SET changed = '900000000000' WHERE kind <> 0"),
    ("session-events", "UPDATE sessions_app_sessionevent SET kind = 7 WHERE kind <> 0"),
    (
        "session-events",
        """INSERT INTO sessions_app_sessionevent (changed, session_id, kind, node_id, happened_at, recorded_at)
        SELECT pg_current_xact_id(), id, 0, node_id, now(), now() FROM sessions_app_session""",
    ),
    ("announcements", "DELETE FROM sessions_app_sessionevent WHERE kind <> 0"),
    ("idempotency-keys", "UPDATE sessions_app_idempotencykey SET answer = NULL"),
    ("jobs", "UPDATE sessions_app_job SET finished_at = NULL WHERE state = 'done'"),
    ("jobs", "UPDATE sessions_app_job SET finished_at = now() WHERE state = 'waiting'"),
    ("jobs", "UPDATE sessions_app_job SET state = 'running', finished_at = NULL WHERE state = 'done'"),
]


@pytest.mark.parametrize(("check", "damage"), SETTLED)
def test_what_cannot_be_made_anew_but_settled_is_settled(session: str, check: str, damage: str) -> None:
    execute(damage)
    assert check in Verdict().broken
    verdict = Verdict("--repair")
    assert verdict.error is None, verdict.examples
    assert check in verdict.mended
    assert Verdict().broken == {}


LOST: list[tuple[str, str, str]] = [
    (
        "patterns",
        "UPDATE memory_app_pattern SET name = decode(repeat('00', 20), 'hex') WHERE length = 4",
        "its name is not",
    ),
    ("patterns", "UPDATE memory_app_pattern SET frequency = 0 WHERE length = 4", "its frequency is 0"),
    ("patterns", "UPDATE memory_app_pattern SET emotives = '[3]' WHERE length = 4", "cannot be read: Input should be"),
    ("affinities", "UPDATE memory_app_symbolaffinity SET value = 'NaN' WHERE symbol = 'a'", "it is NaN"),
    (
        "vectors",
        "INSERT INTO memory_app_vector SELECT memory, decode(repeat('00', 20), 'hex'), '[1,2,3]' FROM "
        "memory_app_vectorspace",
        "vectors of 2 and of 3 dimensions",
    ),
    ("vectors", "UPDATE memory_app_vector SET name = '\\x00'", "no name of 20 bytes"),
    ("sessions", "UPDATE sessions_app_session SET version = 0", "its version is below 1"),
    ("sessions", "UPDATE sessions_app_session SET metadata_start = metadata_end + 1", "ends before it begins"),
    ("sessions", "UPDATE sessions_app_session SET percept = NULL", "a percept without an observation, or the reverse"),
    ("sessions", "UPDATE sessions_app_session SET percept = '[]'", "its percept cannot be read"),
    (
        "configurations",
        """UPDATE sessions_app_session SET config = '{"persistence": 0, "color": 1}'""",
        "persistence: Must be",
    ),
    ("configurations", """UPDATE sessions_app_session SET config = '{"color": 1}'""", "color: Is not a setting"),
    ("entries", "DELETE FROM sessions_app_entry WHERE stream = 1 AND position = 1", "1 of its emotives are lost"),
    ("entry-values", "UPDATE sessions_app_entry SET value = '{}' WHERE stream = 0 AND position = 1", "of its events"),
    ("entry-values", "UPDATE sessions_app_entry SET value = '[1]' WHERE stream = 0 AND position = 1", "of its events"),
    ("entry-values", """UPDATE sessions_app_entry SET value = '{"joy": "x"}' WHERE stream = 1""", "of its emotives"),
    (
        "entry-values",
        "UPDATE sessions_app_entry SET value = replace(value::text, '0.3', '0.5')::json WHERE stream = 3",
        "its name does not match its numbers",
    ),
    ("jobs", "UPDATE sessions_app_job SET done = 2 WHERE state = 'done'", "done is not between 0 and total"),
    (
        "jobs",
        "UPDATE sessions_app_job SET state = 'asleep', finished_at = now() WHERE state = 'done'",
        "an unknown state",
    ),
    ("job-work", "DELETE FROM sessions_app_jobpart WHERE number = 1", "parts of its work are lost"),
]


@pytest.mark.parametrize(("check", "damage", "problem"), LOST)
def test_what_is_lost_is_told_and_left_alone(session: str, check: str, damage: str, problem: str) -> None:
    execute(damage)
    before = everything()
    verdict = Verdict("--repair")
    assert check in verdict.broken
    assert check in str(verdict.error)
    assert any(problem in example for example in verdict.examples), verdict.examples
    assert verdict.mended == set()
    assert everything() == before


def test_every_check_is_seen_to_find_something() -> None:
    tried = {check for check, *_ in (*MENDED, *SETTLED, *LOST)}
    assert {check.name for check in CHECKS} == tried | {"cache", "transaction-ids"}


def test_every_check_is_documented() -> None:
    table = (PROJECT_DIR / "docs" / "operations.md").read_text().partition("## Is everything right?")[2]
    first_columns = re.findall(r"^\| (`[^|]*?): ", table, re.MULTILINE)
    assert set(re.findall(r"`([a-z-]+)`", " ".join(first_columns))) == {check.name for check in CHECKS}


def existed() -> set[str]:
    """The patterns that there were at the moment of finalize-training."""
    rows = execute(
        "SELECT encode(name, 'hex') FROM memory_app_pattern JOIN memory_app_node USING (memory) "
        "WHERE pg_visible_in_snapshot(created, finalized_snapshot::pg_snapshot)"
    )
    return {name for (name,) in rows}


def test_a_database_restored_into_a_younger_cluster(session: str) -> None:
    """The ids of its transactions are of the old one; what is learned now must not count as older than the moment."""
    before, old = everything(), existed()
    later = "(({0}::text::numeric + 800000000)::text)::xid8"
    execute(f"UPDATE memory_app_pattern SET created = {later.format('created')}, changed = {later.format('changed')}")
    execute(f"UPDATE memory_app_symbolaffinity SET changed = {later.format('changed')}")
    execute("""UPDATE memory_app_node SET finalized_snapshot = (
        SELECT string_agg((part::numeric + 800000000)::text, ':')
        FROM unnest((string_to_array(finalized_snapshot, ':'))[:2]) AS part
    ) || ':' WHERE finalized_snapshot IS NOT NULL""")
    assert existed() == old
    assert Verdict().broken == {"transaction-ids": 1}, "of one node"
    assert Verdict("--repair").mended == {"transaction-ids"}
    assert everything() == before
    operations.train(node_id="kitchen", config={}, sequences=[sequence("new one")])
    assert existed() == old
    assert Verdict().broken == {}


def test_an_affinity_under_wrong_keys_joins_the_one_under_the_right_keys(session: str) -> None:
    execute("""INSERT INTO memory_app_symbolaffinity SELECT memory, '\\x00', emotive_key, symbol, emotive, 1
        FROM memory_app_symbolaffinity WHERE symbol = 'a'""")
    before = nodes.affinity("kitchen", "a")["joy"]
    assert Verdict("--repair").mended == {"affinities"}
    assert nodes.affinity("kitchen", "a")["joy"] == before + 1


def test_a_wrong_entry_of_the_cache_is_deleted(session: str) -> None:
    [(version,)] = execute("SELECT version FROM sessions_app_session WHERE id = %s", [session])
    cache.put(session, version, "stm", reads.short_term_memory(session).events)
    assert Verdict().broken == {}
    cache.put(session, version, "stm", b'[["wrong"]]')
    assert Verdict().broken == {"cache": 1}
    assert Verdict("--repair").error is None
    assert cache.get(session, version, "stm") is None


def test_what_redis_remembers_of_a_future_that_was_undone_is_deleted(session: str) -> None:
    """As after a restore: what is learned next could reach the same numbers with another content."""
    predicting.predictions(session)
    [(version,)] = execute("SELECT version FROM sessions_app_session WHERE id = %s", [session])
    memory = recall("kitchen", attrgetter("version"))
    assert Verdict().broken == {}
    views = [
        predicting.view_name("predictions", replace(memory, learned=memory.learned + 1)),
        predicting.view_name("cognition", replace(memory, finalized=memory.finalized + 1)),
        predicting.view_name("predictions", replace(memory, memory=memory.memory + 1000)),
        predicting.view_name("predictions", replace(memory, rebuilt=memory.rebuilt + 1)),
    ]
    for view in views:
        cache.put(session, version, view, b"{}")
    cache.put(session, version + 1, "stm", b"[]")
    assert Verdict().broken == {"cache": 5}
    assert Verdict("--repair").error is None
    assert [cache.get(session, version, view) for view in views] == [None] * 4
    assert cache.get(session, version, predicting.view_name("predictions", memory)) is not None


def test_a_mended_session_is_read_anew(session: str) -> None:
    """Its version changes with its content, so that nothing cached of before is served."""
    [(before,)] = execute("SELECT version FROM sessions_app_session WHERE id = %s", [session])
    execute("UPDATE sessions_app_session SET percept = replace(percept::text, '[\"c\",\"d\"]', '[]')::json")
    execute("UPDATE sessions_app_session SET seen_end = 1, seen_start = 0 WHERE id = %s", [session])
    Verdict("--repair")
    [(after,)] = execute("SELECT version FROM sessions_app_session WHERE id = %s", [session])
    assert after > before


def test_a_session_that_comes_back_from_files_holds(session: str) -> None:
    whole = to_json(inspection.exported(inspection.inspect(session)))
    plain = to_json({"session_id": session, "node_id": "kitchen", "ttl_seconds": 60, "stm": [["b"], ["a", "c"]]})
    for line in (whole, plain):
        operations.delete(session_id=session)
        assert Verdict().broken == {}
        [became] = session_files.add(lines=[line], renew=False)
        assert became.restored == [session]
        assert Verdict().broken == {}
    operations.delete(session_id=session)
    execute(
        "DELETE FROM sessions_app_sessionevent WHERE session_id = %(id)s AND changed = "
        "(SELECT max(changed) FROM sessions_app_sessionevent WHERE session_id = %(id)s)",
        {"id": session},
    )
    assert Verdict().broken == {"announcements": 1}


def test_one_node_alone(session: str) -> None:
    execute("UPDATE memory_app_pattern SET length = 9 WHERE length = 4")
    execute("DELETE FROM memory_app_clearedmemory")
    assert Verdict("--node", "elsewhere").broken == {}
    assert Verdict("--node", "kitchen").broken == {"patterns": 1}


def test_many_faults_are_counted_and_a_few_shown(session: str) -> None:
    execute("INSERT INTO sessions_app_entry SELECT 'nobody', 0, n, '[]' FROM generate_series(1, 1200) AS n")
    verdict = Verdict()
    assert verdict.broken == {"stray-entries": 1200}
    assert len(verdict.examples) == verification.EXAMPLES
    assert Verdict("--repair").error is None


def test_a_check_sees_one_moment(session: str) -> None:
    seen = []

    def find(snapshot: verification.Connection, node_id: str | None) -> Iterator[verification.Fault]:
        for _ in range(2):
            seen.append(snapshot.execute("SELECT count(*) FROM sessions_app_session").fetchone())
            new_session()
        yield from ()

    [result] = verification.verify([verification.Check("twice", "sees the same twice", find)])
    assert result.holds
    assert seen[0] == seen[1]


# While others write -------------------------------------------------------------------------------------------------


def in_threads(jobs: list[Callable[[int], None]], meanwhile: Callable[[], None]) -> None:
    """Each job again and again, with how often it was done, until what is done meanwhile has ended."""
    over = threading.Event()

    def repeat(job: Callable[[int], None]) -> int:
        done = 0
        try:
            while not over.is_set():
                job(done)
                done += 1
        finally:
            connection.close()
        return done

    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(repeat, job) for job in jobs]
        try:
            meanwhile()
        finally:
            over.set()
        assert min(one.result() for one in running) > 0


def writers() -> list[Callable[[int], None]]:
    shared = new_session()

    def learn(turn: int) -> None:
        operations.observe(session_id=shared, observation=observation("b", "a", joy=turn))
        if turn % 3 == 2:
            operations.learn(session_id=shared)

    def come_and_go(turn: int) -> None:
        session_id = new_session("pantry")
        operations.observe_sequence(session_id=session_id, observations=sequence(f"x{turn} y z"), learn_at_end=True)
        operations.observe(session_id=session_id, observation=observation("q", vector=[turn, 1.5]))
        operations.delete(session_id=session_id)

    def train(turn: int) -> None:
        job = accept(
            kind=Kind.TRAIN, node_id="kitchen", parameters={"config": {}}, total=2, parts=[b'[[["a"],["b"]]]'] * 2
        )
        running.run(job.id)
        if turn % 5 == 4:
            memory_app.operations.finalizing.finalize(node_id="kitchen")

    def come_back(turn: int) -> None:
        session_id = f"session-{turn}-{uuid4().hex}"
        saved = restoration.SavedSession(
            session_id=session_id,
            node_id="pantry",
            ttl_seconds=60,
            config={},
            metadata={},
            time=0,
            stm=[["a"]],
            seen=[],
        )
        for end in (operations.expire, operations.delete):
            assert operations.restore(sessions=[saved]).restored == [session_id]
            end(session_id=session_id)

    def forget(turn: int) -> None:
        clear(node_id="pantry")
        while delete_cleared():
            pass

    return [learn, come_and_go, train, come_back, forget]


def test_writers_do_not_look_like_faults(session: str) -> None:
    def verify() -> None:
        for _ in range(6):
            verdict = Verdict()
            assert verdict.broken == {}, verdict.examples

    in_threads(writers(), verify)


def test_repairing_while_others_write_loses_nothing(session: str) -> None:
    """What is mended is what others change at the same moment."""
    learned = [0]
    session_id = new_session()

    def learn(turn: int) -> None:
        operations.observe_sequence(session_id=session_id, observations=sequence("ab c d", joy=1), learn_at_end=True)
        learned[0] += 1

    def damage_and_repair() -> None:
        for _ in range(5):
            execute("UPDATE memory_app_pattern SET length = 9 WHERE length = 4")
            execute("UPDATE memory_app_symbolaffinity SET symbol_key = '\\x00' WHERE symbol = 'a'")
            execute("UPDATE sessions_app_session SET seen_end = 0, seen_start = 0 WHERE id = %s", [session_id])
            verdict = Verdict("--repair")
            assert verdict.error is None, verdict.examples

    in_threads([learn], damage_and_repair)
    [(frequency,)] = execute("SELECT frequency FROM memory_app_pattern WHERE length = 4")
    assert frequency == 2 + learned[0]
    assert nodes.affinity("kitchen", "a")["joy"] == pytest.approx(0.1 + 0.2 + learned[0])


# As users run it ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_a_table_for_people() -> None:
    lines = manage("verify", "--node", "nobody's").splitlines()
    assert lines[0].split() == ["check", "result", "what", "must", "hold"]
    assert [line.split()[:2] for line in lines[2:]] == [[check.name, "holds"] for check in CHECKS if check.of_node]


def test_wrong_arguments() -> None:
    with pytest.raises(CommandError, match="at most 512 characters"):
        call_command("verify", "--node", "n" * 513)
