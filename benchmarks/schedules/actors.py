"""Actors: threads that do one step at a time, when they are told to, and that can be told to fail at it."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from os import dup
from queue import Empty, SimpleQueue
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.pq import TransactionStatus

from benchmarks.schedules.steps import NOTHING, Step
from memory_app.index import Indexes


class Turn(Enum):
    """How an actor does its next step."""

    WHOLE = "does"
    LOST_BEFORE = "loses its connection before"
    LOST_AFTER = "loses its connection after"
    DEAD_AFTER = "dies after"
    # While it waits for a lock; PostgreSQL notices when it sends the answer.
    LOST_WAITING = "loses its connection while it waits in"
    # The run is abandoned: as a process that dies, but it rolls back itself, and its connection stays.
    GIVEN_UP = "gives up before"


class Died(BaseException):
    """The process of this actor has ended: no handler of the service may go on."""


@dataclass(frozen=True, slots=True)
class Finished:
    result: Any


class NoAnswer(Exception):
    """An actor neither did its step nor waits for a lock."""


class Actor:
    """One client, served by a thread with a connection of its own."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = "ABC"[number]
        self.indexes = Indexes(2**30)
        self.backend = 0
        self.is_connecting = self.is_dead = self.has_given_up = False
        # What the running transaction has touched.
        self.touched = NOTHING
        self.pending: Step | None = None
        self.in_step = False
        self.result: Any = None
        self.is_done = True
        self._work: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._arrivals: SimpleQueue[Step | Finished] = SimpleQueue()
        self._turns: SimpleQueue[Turn] = SimpleQueue()
        self._thread = threading.Thread(target=self._live, name=f"actor {self.name}", daemon=True)
        self._thread.start()

    # In the thread of the search -------------------------------------------------------------------------------------

    def begin(self, operation: Callable[[], Any]) -> None:
        self.is_dead = self.is_done = self.has_given_up = False
        self.in_step, self.pending, self.touched, self.result = True, None, NOTHING, None
        self._work.put(operation)

    def take_turn(self, turn: Turn) -> None:
        self.in_step = True
        self._turns.put(turn)

    def has_arrived(self, seconds: float) -> bool:
        """Whether it stands before its next step, or is done, within this time."""
        if not self.in_step:
            return True
        try:
            arrival = self._arrivals.get(timeout=seconds) if seconds else self._arrivals.get_nowait()
        except Empty:
            return False
        self.in_step = False
        if isinstance(arrival, Finished):
            self.pending, self.result, self.is_done = None, arrival.result, True
        else:
            self.pending = arrival
        return True

    def cut_off(self) -> None:
        """Close the connection under the statement that waits."""
        raw = connections_of[self].connection
        with suppress(OSError), socket.socket(fileno=dup(raw.fileno())) as plug:
            plug.shutdown(socket.SHUT_RDWR)
        self.backend = -1  # until it has connected again

    def end(self) -> None:
        """Also where it stands before a step."""
        self.is_dead = True
        self._work.put(None)
        self._turns.put(Turn.DEAD_AFTER)
        self._thread.join(timeout=5)

    # In its own thread -----------------------------------------------------------------------------------------------

    def _live(self) -> None:
        _thread.actor = self
        while (operation := self._work.get()) is not None:
            self.is_connecting = True
            connections[DEFAULT_DB_ALIAS].ensure_connection()
            self.is_connecting = False
            self.connected()
            result = self._perform(operation)
            self._leave_no_transaction()
            self._arrivals.put(Finished(result))
        connections.close_all()

    def _leave_no_transaction(self) -> None:
        """As a new process: this one has perhaps died in a transaction, or has lost its connection."""
        wrapper = connections[DEFAULT_DB_ALIAS]
        raw = wrapper.connection
        if wrapper.in_atomic_block or raw is None or raw.pgconn.transaction_status != TransactionStatus.IDLE:
            if raw is not None:
                raw.close()
            del connections[DEFAULT_DB_ALIAS]

    def connected(self) -> None:
        connections_of[self] = connections[DEFAULT_DB_ALIAS]
        self.backend = connections_of[self].connection.place.backend

    def _perform(self, operation: Callable[[], Any]) -> Any:
        try:
            return operation()
        except Died:
            return Died
        except Exception as error:  # noqa: BLE001  it is a result, which the verdict refuses
            return error

    def stand_before(self, step: Step) -> Turn:
        """Wait for the turn to do this step."""
        if self.is_dead:
            raise Died
        self._arrivals.put(step)
        turn = self._turns.get()
        if turn is Turn.GIVEN_UP:
            self.has_given_up = True
            self.die()
        return turn

    def die(self) -> None:
        self.is_dead = True
        raise Died


class _Thread(threading.local):
    actor: Actor | None = None


_thread = _Thread()
# Django keeps a connection for each thread.
connections_of: dict[Actor, Any] = {}


def current() -> Actor | None:
    """The actor whose thread this is."""
    return _thread.actor
