"""What comes back from a back-up or from files holds, or is repaired."""

import pytest
from pydantic_core import to_json

from memory_app.operations import retiring
from sessions_app import operations
from sessions_app.files import session_files
from sessions_app.reads import inspection
from tests.commands.verify.database import Verdict, everything, execute, sequence

pytestmark = pytest.mark.long


def existed() -> set[str]:
    """The patterns that existed at the moment of finalize-training."""
    rows = execute(
        "SELECT encode(name, 'hex') FROM memory_app_pattern JOIN memory_app_node USING (memory) "
        "WHERE pg_visible_in_snapshot(created, finalized_snapshot::pg_snapshot)"
    )
    return {name for (name,) in rows}


def test_a_database_restored_into_a_younger_cluster(session: str) -> None:
    """Its transaction ids come from the old cluster; new patterns must not count as older than finalize-training."""
    retiring.retire(node_id="kitchen", names=["0" * 40])
    before, old = everything(), existed()
    later = "(({0}::text::numeric + 800000000)::text)::xid8"
    execute(f"UPDATE memory_app_pattern SET created = {later.format('created')}, changed = {later.format('changed')}")
    for table in ("memory_app_symbolaffinity", "memory_app_patternact"):
        execute(f"UPDATE {table} SET changed = {later.format('changed')}")
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
