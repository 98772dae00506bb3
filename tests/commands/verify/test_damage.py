"""Every kind of damage is found; what can be derived from other data is repaired, and nothing else."""

import pytest

from katoproject.management.commands.verify import CHECKS
from memory_app.reads import nodes
from tests.commands.verify.database import Verdict, everything, execute

pytestmark = pytest.mark.long


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
    ("retirements", "UPDATE memory_app_node SET acts_version = 0"),
    (
        "retirements",
        "INSERT INTO memory_app_retirement SELECT memory, name, true FROM memory_app_pattern WHERE length = 4",
    ),
    ("patterns", 'UPDATE memory_app_pattern SET felt = \'{"joy": "much"}\' WHERE length = 4'),
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
    (
        "session-total",
        """UPDATE sessions_app_sessiontotal
        SET sessions = 7, snapshot = pg_current_snapshot()::text, counted_at = clock_timestamp()""",
    ),
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
