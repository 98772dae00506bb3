"""A database that no other test uses, for `manage.py verify` and the damage that it has to find."""

from collections.abc import Iterator

import pytest
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

import memory_app.operations.finalizing
from memory_app.operations.nodes import clear
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire
from sessions_app import cache, operations
from sessions_app.jobs import running
from sessions_app.jobs.lifecycle import accept
from sessions_app.models.jobs import Kind
from sessions_app.operations import idempotency
from tests.commands.verify.database import DATABASE, TABLES, execute, new_session, observation, sequence
from tests.support.prepared import own_database


@pytest.fixture(scope="module")
def verified(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A migrated database that no other process writes to; the tests of a file use it in this process."""
    parts = connections.settings["default"]
    name = parts["NAME"]
    with own_database(DATABASE), django_db_blocker.unblock():
        parts["NAME"] = DATABASE
        connection.close()
        yield
        connection.close()
    parts["NAME"] = name


@pytest.fixture
def empty(verified: None) -> None:
    execute(f"TRUNCATE {', '.join(TABLES)}")
    cache.drop(None)  # entries of other tests, whose database has higher numbers of memories


@pytest.fixture
def session(empty: None) -> str:
    """Fill every table; return a session with content in each of its streams."""
    operations.train(node_id="kitchen", config={}, sequences=[sequence("ab c d", joy=0.1), sequence("ab c d", joy=0.2)])
    memory_app.operations.finalizing.finalize(node_id="kitchen")
    operations.train(node_id="kitchen", config={}, sequences=[sequence("e f")])
    operations.train(node_id="old", config={}, sequences=[sequence("g h", joy=1)])
    clear(node_id="old")
    retire(node_id="kitchen", names=["0" * 40, "1" * 40])
    purge(node_id="kitchen", names=["1" * 40], limit=1)
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
