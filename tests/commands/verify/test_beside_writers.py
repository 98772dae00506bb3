"""`manage.py verify` while others write reports no false fault, and a repair loses no write."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection

import memory_app.operations.finalizing
from memory_app.operations.nodes import clear, delete_cleared
from memory_app.reads import nodes
from sessions_app import operations
from sessions_app.jobs import running
from sessions_app.jobs.lifecycle import accept
from sessions_app.models.jobs import Kind
from sessions_app.operations import restoration
from tests.commands.verify.database import Verdict, execute, new_session, observation, sequence

pytestmark = pytest.mark.long


def in_threads(jobs: list[Callable[[int], None]], meanwhile: Callable[[], None]) -> None:
    """Repeat each job, with the number of its repetitions, until `meanwhile` has ended."""
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
    """The repair changes rows that others write at the same moment."""
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
