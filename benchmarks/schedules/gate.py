"""The gate in front of PostgreSQL and Redis: an actor passes it one step at a time.

All that a connection of the service sends goes through `BoundedConnection.wait`: the statements of the stores, those of
Django's ORM, commits and rollbacks. All that the cache sends goes through `execute_command` of its client.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
import redis
from psycopg.pq import TransactionStatus

import memory_app.operations.finalizing
import memory_app.reads.recall
from benchmarks.schedules.actors import Actor, Turn, current
from benchmarks.schedules.steps import CLOCK, NOTHING, Step, end_of_transaction, of_redis, of_statement
from foundation.postgresql.base import BoundedConnection, DatabaseWrapper
from memory_app.index import Indexes
from memory_app.node_index import NodeView
from sessions_app import cache
from sessions_app.jobs import delivery

_pass_wait = BoundedConnection.wait
_BEGIN = Step("BEGIN", sees=frozenset({CLOCK}))


@contextmanager
def gate(*, is_gone: Callable[[int], None], begin_apart: bool = True) -> Iterator[None]:
    """Inside the block, actors stop before each step. `is_gone`: waits until a backend of PostgreSQL has ended.

    begin_apart: the beginning of a transaction is a step of its own: it decides what `now()` is.
    """

    def wait(connection: BoundedConnection, gen: Any, *arguments: Any, **options: Any) -> Any:
        actor = current()
        if actor is None or actor.is_connecting or connection.closed or _is_no_step(gen):
            return _pass_wait(connection, gen, *arguments, **options)
        if actor.has_given_up and gen.__name__ == "_rollback_gen":
            return _pass_wait(connection, gen, *arguments, **options)

        def send() -> Any:
            return _pass_wait(connection, gen, *arguments, **options)

        if gen.__name__ in ("_commit_gen", "_rollback_gen"):
            return _do(actor, connection, _ending(actor, gen.__name__), send, is_gone)
        commits = bool(connection.autocommit)
        if begin_apart and not commits and connection.pgconn.transaction_status == TransactionStatus.IDLE:
            begin = connection._exec_command(connection._get_tx_start_command())
            _do(actor, connection, _BEGIN, lambda: _pass_wait(connection, begin), is_gone)
        step = of_statement(_text(gen), commits=commits)
        if not commits:
            actor.touched |= step.takes
        return _do(actor, connection, step, send, is_gone)

    def connect(wrapper: DatabaseWrapper) -> None:
        actor = current()
        if actor is None or actor.is_connecting:
            return _connect(wrapper)
        if actor.is_dead:
            actor.die()
        actor.is_connecting = True
        try:
            _connect(wrapper)
        finally:
            actor.is_connecting = False
        return actor.connected()

    _connect = DatabaseWrapper.connect
    with ExitStack() as patches:
        patches.enter_context(patch.object(BoundedConnection, "wait", wait))
        patches.enter_context(patch.object(DatabaseWrapper, "connect", connect))
        patches.enter_context(patch.object(cache._redis(), "execute_command", _gated(cache._redis().execute_command)))
        # Each commit deletes what it replaced, so that this is a step, too.
        patches.enter_context(patch.object(cache, "_DELETED_AT_ONCE", 1))
        patches.enter_context(patch.object(delivery, "send", _deliver))
        for module in (memory_app.reads.recall, memory_app.operations.finalizing):
            patches.enter_context(patch.object(module, "indexes", _IndexesOfActor()))
        yield


def _is_no_step(gen: Any) -> bool:
    """What sends nothing, and savepoints, which no other transaction can notice."""
    if gen.__name__ == "_execute_gen":
        return _text(gen).startswith(("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT"))
    return gen.__name__ not in ("_commit_gen", "_rollback_gen")


def _text(execution: Any) -> str:
    query = execution.gi_frame.f_locals["query"]
    return query if isinstance(query, str) else str(query)


def _ending(actor: Actor, generator: str) -> Step:
    touched, actor.touched = actor.touched, NOTHING
    return end_of_transaction(generator.strip("_").removesuffix("_gen").upper(), touched)


def _do(
    actor: Actor, connection: BoundedConnection, step: Step, send: Callable[[], Any], is_gone: Callable[[int], None]
) -> Any:
    turn = actor.stand_before(step)
    if turn is Turn.WHOLE:
        return send()
    try:
        if turn is not Turn.LOST_BEFORE:
            send()
    finally:
        backend = connection.pgconn.backend_pid
        connection.close()
        is_gone(backend)
        if turn is Turn.DEAD_AFTER:
            actor.die()
    raise psycopg.OperationalError("the connection was lost")


def _gated(execute: Callable[..., Any]) -> Callable[..., Any]:
    def execute_command(command: str, *arguments: Any, **options: Any) -> Any:
        actor = current()
        if actor is None:
            return execute(command, *arguments, **options)
        turn = actor.stand_before(of_redis(command, str(arguments[0])))
        if turn is Turn.LOST_BEFORE:
            raise redis.ConnectionError("the connection was lost")
        result = execute(command, *arguments, **options)
        if turn is Turn.LOST_AFTER:
            raise redis.ConnectionError("the connection was lost")
        if turn is Turn.DEAD_AFTER:
            actor.die()
        return result

    return execute_command


def _deliver(task: str, *arguments: str) -> None:
    """Messages are lost: what depends on them is recovered by the relay, whose part `recover` of an operation plays."""


class _IndexesOfActor:
    """Each actor is a process of its own, with its own indexes, unless two of them were given the same."""

    _of_others = Indexes(2**30)

    def follow(self, node_id: str, *arguments: Any) -> NodeView:
        actor = current()
        return (actor.indexes if actor else self._of_others).follow(node_id, *arguments)


class StepLock:
    """The lock of an index that two actors share: waiting for it is a step, which is offered when the lock is free."""

    _STEP = "the lock of the index"

    def __init__(self) -> None:
        self._held = False

    def acquire(self, *, timeout: float = -1) -> bool:
        actor = current()
        if actor is not None:
            whole = frozenset({self._STEP})
            actor.stand_before(
                Step(f"takes {self._STEP}", takes=whole, publishes=whole, can_fail=False, ready=self._free)
            )
        self._held = True
        return True

    def release(self) -> None:
        self._held = False

    def locked(self) -> bool:
        return self._held

    def _free(self) -> bool:
        return not self._held
