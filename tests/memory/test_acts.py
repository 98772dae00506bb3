"""Acts on patterns: one record for each request, so many are kept, and what needs those that are gone notices it."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from memory_app.errors import TooManyRetired
from memory_app.files import export_moments
from memory_app.node_index import NodeIndex
from memory_app.operations import retiring
from memory_app.operations.acts import forget
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire, un_retire
from memory_app.reads import acts
from memory_app.reads.acts import latest
from tests.support.taught import lesson, teach, teach_many

NEVER = [f"{number:040x}" for number in range(5)]


@pytest.fixture
def node(server: object, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with django_db_blocker.unblock():
        yield f"node-{uuid.uuid4().hex}"
        connection.close()


def done(node_id: str, **page: int) -> list[tuple[str, str]]:
    """The last acts, the first one first."""
    return [(one.act, one.pattern) for one in reversed(latest(node_id=node_id, **{"limit": 100, **page}))]


def forget_all_but(kept: int) -> int:
    """However short a time ago they happened."""
    return forget(kept=kept, seconds=0)


def test_why_and_who_are_stored_once_for_all_patterns_of_a_request(node: str, database: psycopg.Connection) -> None:
    names = [f"{number:040x}" for number in range(1000)]
    retire(node_id=node, names=names, why="x" * 1000)
    query = "SELECT length(why) FROM memory_app_patternact WHERE node_id = %s"
    assert database.execute(query, [node]).fetchall() == [(1000,)]
    assert {one.why for one in latest(node_id=node, limit=2000)} == {"x" * 1000}
    assert done(node, limit=2000) == [("retired", name) for name in names]


def test_nothing_is_recorded_where_there_is_nothing_to_do(node: str, database: psycopg.Connection) -> None:
    retire(node_id=node, names=NEVER[:1])
    for _ in range(2):
        retire(node_id=node, names=NEVER[:1], why="again")
    un_retire(node_id=node, names=NEVER[1:])
    query = "SELECT kind FROM memory_app_patternact WHERE node_id = %s"
    assert database.execute(query, [node]).fetchall() == [("retired",)]


def test_the_acts_of_a_node_come_in_pages_that_may_divide_one_act(node: str) -> None:
    retire(node_id=node, names=NEVER)
    un_retire(node_id=node, names=NEVER[:3])
    whole = latest(node_id=node, limit=100)
    assert [one.act for one in whole] == ["un-retired"] * 3 + ["retired"] * 5
    found, before = [], acts.NEWEST
    while page := latest(node_id=node, before=before, limit=2):
        found += page
        before = page[-1].number
    assert found == whole
    assert latest(limit=8) == whole


def test_so_many_acts_are_kept_and_the_oldest_are_forgotten(node: str, database: psycopg.Connection) -> None:
    retire(node_id=node, names=NEVER[:3], why="first")
    retire(node_id=node, names=NEVER[3:], why="second")
    un_retire(node_id=node, names=NEVER[:1])
    while forget_all_but(3):
        pass
    assert done(node) == [("retired", NEVER[3]), ("retired", NEVER[4]), ("un-retired", NEVER[0])]
    while forget_all_but(2):
        pass
    assert done(node) == [("retired", NEVER[4]), ("un-retired", NEVER[0])]
    query = "SELECT why FROM memory_app_patternact WHERE node_id = %s ORDER BY number"
    assert database.execute(query, [node]).fetchall() == [("second",), (None,)]
    assert retire(node_id=node, names=NEVER).others == NEVER[1:]


def test_what_happened_within_the_last_hour_is_kept(node: str, database: psycopg.Connection) -> None:
    """`/ws/events` may still have to announce it."""
    retire(node_id=node, names=NEVER)
    while forget(kept=0):
        pass
    assert len(done(node)) == 5
    database.execute(
        "UPDATE memory_app_patternact SET happened_at = happened_at - interval '61 minutes' WHERE node_id = %s", [node]
    )
    while forget(kept=0):
        pass
    assert done(node) == []


def test_an_index_that_has_not_followed_forgotten_acts_shows_what_the_node_is_now(node: str) -> None:
    names = teach_many(node, 4)
    index = NodeIndex(node)
    assert len(index.follow().view) == 4
    retire(node_id=node, names=names[:2])
    purge(node_id=node, names=names[:1], limit=1)
    while forget_all_but(0):
        pass
    followed, built = index.follow(), NodeIndex(node).follow()
    assert (len(followed.view), followed.version) == (3, built.version)
    assert sorted(followed.view.columns.frequency.tolist()) == [0, 1, 1]
    # What comes after them is followed again.
    held = index.content.index
    un_retire(node_id=node, names=names[1:2])
    assert sorted(index.follow().view.columns.frequency.tolist()) == [1, 1, 1]
    assert index.content.index is held


def test_an_index_that_has_followed_what_is_forgotten_is_not_built_again(node: str) -> None:
    names = teach_many(node, 4)
    retire(node_id=node, names=names[:1])
    index = NodeIndex(node)
    index.follow()
    held = index.content.index
    while forget_all_but(0):
        pass
    retire(node_id=node, names=names[1:2])
    assert sorted(index.follow().view.columns.frequency.tolist()) == [0, 0, 1, 1]
    assert index.content.index is held


def test_an_export_does_not_go_on_where_acts_were_forgotten_since(node: str) -> None:
    teach(node, lesson("a", "b"))
    before = export_moments.of_now(node)
    retire(node_id=node, names=NEVER)
    while forget_all_but(0):
        pass
    now = export_moments.of_now(node)
    assert before is not None
    assert now is not None
    assert export_moments.is_unchanged(now, now)
    assert not export_moments.is_unchanged(before, now)


def test_names_that_a_node_never_learned_are_retired_up_to_a_limit(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retiring, "_MOST_NEVER_LEARNED", 3)
    learned = teach_many(node, 5)
    assert retire(node_id=node, names=[*NEVER[:3], *learned[:4]]).others == []
    with pytest.raises(TooManyRetired, match=r"At most 3 names .* \(KATO_LIMIT_RETIRED\)"):
        retire(node_id=node, names=NEVER[3:4])
    assert retire(node_id=node, names=[*NEVER[:3], learned[4]]).names == learned[4:]
    # Purged, they are still names that nobody may learn.
    purge(node_id=node, names=NEVER[:1], limit=1)
    with pytest.raises(TooManyRetired):
        retire(node_id=node, names=NEVER[4:])
    un_retire(node_id=node, names=NEVER[1:2])
    assert retire(node_id=node, names=NEVER[4:]).names == NEVER[4:]
