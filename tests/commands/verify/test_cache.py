"""What Redis keeps of sessions is compared with them, and wrong entries are deleted."""

from dataclasses import replace
from functools import partial
from operator import attrgetter

import pytest
from pydantic_core import to_json

from foundation.contracts import ContractName
from memory_app.reads.recall import recall
from sessions_app import cache, reads
from sessions_app.files import session_files
from sessions_app.reads import cache_audit, predicting
from tests.commands.verify.database import Verdict, execute
from tests.support.contracts import OLD

pytestmark = pytest.mark.long


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
    named = partial(predicting.view_name, shown_by=ContractName.KATO_3_10, stored_contract=OLD)
    views = [
        named("predictions", replace(memory, learned=memory.learned + 1)),
        named("cognition", replace(memory, finalized=memory.finalized + 1)),
        named("predictions", replace(memory, memory=memory.memory + 1000)),
        named("predictions", replace(memory, rebuilt=memory.rebuilt + 1)),
    ]
    for view in views:
        cache.put(session, version, view, b"{}")
    cache.put(session, version + 1, "stm", b"[]")
    assert Verdict().broken == {"cache": 5}
    assert Verdict("--repair").error is None
    assert [cache.get(session, version, view) for view in views] == [None] * 4
    assert cache.get(session, version, named("predictions", memory)) is not None


def test_a_repaired_session_is_not_served_from_the_cache(session: str) -> None:
    """Its version changes with its content, so that no older cache entry is served."""
    [(before,)] = execute("SELECT version FROM sessions_app_session WHERE id = %s", [session])
    execute("UPDATE sessions_app_session SET percept = replace(percept::text, '[\"c\",\"d\"]', '[]')::json")
    execute("UPDATE sessions_app_session SET seen_end = 1, seen_start = 0 WHERE id = %s", [session])
    Verdict("--repair")
    [(after,)] = execute("SELECT version FROM sessions_app_session WHERE id = %s", [session])
    assert after > before
