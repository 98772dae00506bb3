"""A database of its own in a running PostgreSQL, with actors, worlds and a gate; everything is undone afterwards."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.test.utils import override_settings

import memory_app.verification
import sessions_app.verification
from benchmarks.schedules import clock
from benchmarks.schedules.actors import Actor
from benchmarks.schedules.gate import StepLock, gate
from benchmarks.schedules.machine import Machine, Monitor
from benchmarks.schedules.operations import Operation, Time
from benchmarks.schedules.world import World, Worlds
from foundation.verification import verify
from memory_app.index import Indexes
from memory_app.node_index import NodeIndex
from sessions_app import cache

_PATIENCE = 60  # seconds
CHECKS = [*memory_app.verification.CHECKS, *sessions_app.verification.CHECKS]


@dataclass(slots=True)
class Laboratory:
    """`admin`: a connection that no actor uses, without a gate."""

    admin: psycopg.Connection[Any]
    monitor: Monitor
    worlds: Worlds
    actors: Sequence[Actor]

    def machine(
        self, world: World, operations: Sequence[Operation], *, crashes: bool = False, one_process: bool = False
    ) -> Machine:
        """A run of these operations, each by an actor of its own. `one_process`: the actors share their indexes."""
        cache.breaker.succeeded()
        actors = self.actors[: len(operations)]
        shared = Indexes(2**30)
        if one_process:
            shared._nodes[world.node] = NodeIndex(world.node, lock=StepLock())  # type: ignore[arg-type]
        for actor, operation in zip(actors, operations, strict=True):
            actor.indexes = shared if one_process else Indexes(2**30)
            if operation.prepare:
                operation.prepare(world, actor)
        return Machine(actors, [_bound(one, world) for one in operations], self.monitor, crashes=crashes)

    def faults(self) -> list[str]:
        """What `manage.py verify` finds."""
        return [
            f"verify, {result.check.name}: {example}"
            for result in verify(CHECKS)
            for example in result.examples or ([result.not_checked] if result.not_checked else [])
        ]

    def clear(self) -> None:
        """Forget all worlds, and what was cached of them."""
        cache.drop(None)
        self.worlds.clear()


def _session() -> dict[str, str]:
    """What the connections of the actors have in force."""
    return {
        **settings.DATABASE_SESSION,
        "search_path": clock.SEARCH_PATH,
        # Durability is not examined here, and a commit that waits for a disk makes a run ten times as long.
        "synchronous_commit": "off",
        # On a busy machine a step may be slow: only the search may end it.
        "statement_timeout": f"{_PATIENCE}s",
        "lock_timeout": f"{_PATIENCE}s",
        "idle_in_transaction_session_timeout": "0",
    }


def _bound(operation: Operation, world: World) -> Callable[[], Any]:
    return lambda: operation.perform(world)


@contextmanager
def laboratory(database: str, *, begin_apart: bool = False) -> Iterator[Laboratory]:
    """Django uses this new database inside the block. PostgreSQL and Redis are those of the settings."""
    with ExitStack() as undo:
        wrapper = connections[DEFAULT_DB_ALIAS]
        parameters = wrapper.get_connection_params()
        parameters = {name: parameters[name] for name in ("host", "port", "user", "password") if name in parameters}
        undo.enter_context(_created(database, parameters))
        wrapper.close()
        undo.enter_context(_named(database))
        undo.callback(wrapper.close)
        call_command("migrate", verbosity=0)
        wrapper.close()
        admin, watching = (
            undo.enter_context(psycopg.connect(**parameters, dbname=database, autocommit=True, prepare_threshold=0))
            for _ in range(2)
        )
        admin.execute("SET synchronous_commit = off")
        clock.install(admin)
        Time.connection = admin
        undo.enter_context(override_settings(DATABASE_ANSWER_LIMIT=_PATIENCE, DATABASE_SESSION=_session()))
        level = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        undo.callback(logging.disable, level)
        undo.enter_context(_patient_redis())
        monitor = Monitor(watching)
        undo.enter_context(gate(is_gone=monitor.wait_for_end, begin_apart=begin_apart))
        actors = [Actor(number) for number in range(3)]
        for actor in actors:
            undo.callback(actor.end)
        yield Laboratory(admin, monitor, Worlds(admin), actors)


@contextmanager
def _patient_redis() -> Iterator[None]:
    pool = cache._redis().connection_pool
    with patch.dict(pool.connection_kwargs, socket_timeout=_PATIENCE):
        pool.disconnect()
        yield
    pool.disconnect()


@contextmanager
def _created(database: str, parameters: dict[str, Any]) -> Iterator[None]:
    with psycopg.connect(**parameters, dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}"')
        try:
            yield
        finally:
            connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


@contextmanager
def _named(database: str) -> Iterator[None]:
    parts = settings.DATABASES[DEFAULT_DB_ALIAS]
    before, parts["NAME"] = parts["NAME"], database
    try:
        yield
    finally:
        parts["NAME"] = before
