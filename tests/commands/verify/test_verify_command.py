"""`manage.py verify` finds every kind of damage, repairs what can be derived from other data, and nothing else."""

import re
from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter

import pytest
from django.core.management import CommandError, call_command
from pydantic_core import to_json

from benchmarks.stack import manage
from foundation import verification
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.management.commands.verify import CHECKS
from memory_app.reads import nodes
from memory_app.reads.recall import recall
from sessions_app import cache, operations, reads
from sessions_app.files import session_files
from sessions_app.reads import cache_audit, inspection, predicting
from tests.commands.verify.database import TABLES, Verdict, everything, execute, new_session, sequence

pytestmark = pytest.mark.long


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
def test_derived_data_is_repaired(session: str, check: str, damage: str) -> None:
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
    ("session-sizes", "UPDATE sessions_app_session SET content_bytes = content_bytes - 1"),
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
def test_data_that_cannot_be_derived_but_settled_is_settled(session: str, check: str, damage: str) -> None:
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
    ("entry-values", """UPDATE sessions_app_entry SET value = '{"joy":"x"}' WHERE stream = 1""", "of its emotives"),
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
def test_lost_data_is_reported_and_left_alone(session: str, check: str, damage: str, problem: str) -> None:
    execute(damage)
    before = everything()
    verdict = Verdict("--repair")
    assert check in verdict.broken
    assert check in str(verdict.error)
    assert any(problem in example for example in verdict.examples), verdict.examples
    assert verdict.mended == set()
    assert everything() == before


def test_every_check_is_shown_to_find_something() -> None:
    tried = {check for check, *_ in (*MENDED, *SETTLED, *LOST)}
    assert {check.name for check in CHECKS} == tried | {"cache", "transaction-ids"}


def test_every_check_is_documented() -> None:
    table = (PROJECT_DIR / "docs" / "operations.md").read_text().partition("## Is everything right?")[2]
    first_columns = re.findall(r"^\| (`[^|]*?): ", table, re.MULTILINE)
    assert set(re.findall(r"`([a-z-]+)`", " ".join(first_columns))) == {check.name for check in CHECKS}


def existed() -> set[str]:
    """The patterns that existed at the moment of finalize-training."""
    rows = execute(
        "SELECT encode(name, 'hex') FROM memory_app_pattern JOIN memory_app_node USING (memory) "
        "WHERE pg_visible_in_snapshot(created, finalized_snapshot::pg_snapshot)"
    )
    return {name for (name,) in rows}


def test_a_database_restored_into_a_younger_cluster(session: str) -> None:
    """Its transaction ids come from the old cluster; new patterns must not count as older than finalize-training."""
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


def test_the_transaction_that_changed_a_pattern_may_be_older_than_the_one_that_created_it(session: str) -> None:
    """It had its id first, and learned the pattern last."""
    execute("UPDATE memory_app_pattern SET changed = (created::text::bigint - 1)::text::xid8")
    assert Verdict().broken == {}


@pytest.mark.parametrize("session_id", ["a:b", "a:1:stm", "a:1:predictions:1.2.3.4", ":", "a\nb:1:stm"])
def test_the_cache_of_a_session_holds_under_any_id_that_a_file_can_give_it(empty: None, session_id: str) -> None:
    line = to_json({"session_id": session_id, "node_id": "kitchen", "ttl_seconds": 60, "stm": [["a"], ["b"]]})
    [became] = session_files.add(lines=[line], renew=False)
    assert became.restored == [session_id]
    predicting.predictions(session_id)
    [(version,)] = execute("SELECT version FROM sessions_app_session WHERE id = %s", [session_id])
    cache.put(session_id, version, "stm", reads.short_term_memory(session_id).events)
    assert Verdict().broken == {}
    assert cache_audit.compare() == 0
    cache.put(session_id, version, "stm", b'[["wrong"]]')
    assert Verdict().broken == {"cache": 1}
    assert cache.drop(None) == cache.Dropped(sessions=1, predictions=1)


def test_a_wrong_entry_of_the_cache_is_deleted(session: str) -> None:
    [(version,)] = execute("SELECT version FROM sessions_app_session WHERE id = %s", [session])
    cache.put(session, version, "stm", reads.short_term_memory(session).events)
    assert Verdict().broken == {}
    cache.put(session, version, "stm", b'[["wrong"]]')
    assert Verdict().broken == {"cache": 1}
    assert Verdict("--repair").error is None
    assert cache.get(session, version, "stm") is None


def test_what_redis_remembers_of_a_future_that_was_undone_is_deleted(session: str) -> None:
    """As after a restore: the next learns could reach the same versions with another content."""
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


def test_a_repaired_session_is_not_served_from_the_cache(session: str) -> None:
    """Its version changes with its content, so that no older cache entry is served."""
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


# As users run it -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_a_table_for_people() -> None:
    lines = manage("verify", "--node", "nobody's").splitlines()
    assert lines[0].split() == ["check", "result", "what", "must", "hold"]
    assert [line.split()[:2] for line in lines[2:]] == [[check.name, "holds"] for check in CHECKS if check.of_node]


def test_wrong_arguments() -> None:
    with pytest.raises(CommandError, match="at most 512 characters"):
        call_command("verify", "--node", "n" * 513)
