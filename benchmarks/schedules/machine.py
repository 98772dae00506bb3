"""One run: two or three actors on one world, one step at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import psycopg

from benchmarks.schedules.actors import Actor, NoAnswer, Turn
from benchmarks.schedules.steps import Step

# For one of these. It may wait for another connection for a moment, which does not matter here.
_WAITS = "SELECT (pg_blocking_pids(%s) && %s::int[])::int"
_LIVES = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
# Seconds after which a step probably waits for a lock, so that PostgreSQL is asked; and the most that any step takes.
_USUAL, _MOST = 0.002, 20.0

_CRASHES = (Turn.LOST_BEFORE, Turn.LOST_AFTER, Turn.DEAD_AFTER)


@dataclass(frozen=True, slots=True)
class Action:
    """That an actor does its next step, or fails at it."""

    actor: int
    turn: Turn = Turn.WHOLE


@dataclass(frozen=True, slots=True)
class Done:
    """`waited`: the step had to wait for a lock of another actor."""

    action: Action
    step: Step
    waited: bool = False

    def __str__(self) -> str:
        then = ", and waits for a lock" if self.waited else ""
        return f"{'ABC'[self.action.actor]} {self.action.turn.value} {self.step}{then}"


class Monitor:
    """Asks PostgreSQL who waits for whom, on a connection of its own."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def waits(self, backend: int, others: Sequence[int]) -> bool:
        """Whether it waits for a lock that one of the others has, or waits for."""
        return self._count(_WAITS, backend, list(others))

    def lives(self, backend: int) -> bool:
        return self._count(_LIVES, backend)

    def wait_for_end(self, backend: int) -> None:
        deadline = monotonic() + _MOST
        while self.lives(backend):
            if monotonic() > deadline:
                raise NoAnswer(f"backend {backend} has not ended")

    def _count(self, sql: str, *parameters: Any) -> bool:
        row = self._connection.execute(sql, parameters).fetchone()
        return row is not None and row[0] > 0


class Machine:
    """A run, as the search sees it. `crashes`: also offer that an actor fails at its next step, once in a run."""

    def __init__(
        self, actors: Sequence[Actor], operations: Sequence[Callable[[], Any]], monitor: Monitor, *, crashes: bool
    ) -> None:
        self._actors = actors
        self._monitor = monitor
        self._crashes = crashes
        self.history: list[Done] = []
        self.waits = 0
        self.crashed: int | None = None
        self._orphans: list[int] = []
        # When each actor did its first step, and when it had its result, counted in steps.
        self.began: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        for actor, operation in zip(actors, operations, strict=True):
            actor.begin(operation)
        self._settle()

    @property
    def results(self) -> list[Any]:
        return [actor.result for actor in self._actors]

    def offered(self) -> Mapping[Action, Step]:
        deadline = monotonic() + _MOST
        while True:
            offered = self._offered()
            if any(action.turn is Turn.WHOLE for action in offered):
                return offered
            if not self._orphans and all(actor.is_done for actor in self._actors):
                return {}
            # All wait for each other, or for one that is gone; PostgreSQL ends a deadlock after a second.
            if monotonic() > deadline:
                raise NoAnswer(f"stuck after {', '.join(map(str, self.history))}")
            self._settle()

    def _offered(self) -> dict[Action, Step]:
        offered = {}
        for actor in self._actors:
            step = actor.pending
            if actor.in_step and step and self._crashes and self.crashed is None:
                offered[Action(actor.number, Turn.LOST_WAITING)] = self._as_crash(actor, step)
            if actor.in_step or step is None or not step.ready():
                continue
            offered[Action(actor.number)] = step
            if self._crashes and self.crashed is None and step.can_fail:
                for turn in _CRASHES:
                    offered[Action(actor.number, turn)] = self._as_crash(actor, step)
        return offered

    def _as_crash(self, actor: Actor, step: Step) -> Step:
        """It also ends the transaction."""
        return Step(
            step.name,
            sees=step.sees,
            takes=step.takes,
            publishes=step.publishes | step.takes | actor.touched,
            can_fail=False,
        )

    def do(self, action: Action) -> None:
        actor = self._actors[action.actor]
        step = actor.pending
        assert step is not None
        self.began.setdefault(action.actor, len(self.history))
        if action.turn is not Turn.WHOLE:
            self.crashed = action.actor
        if action.turn is Turn.LOST_WAITING:
            self._orphans.append(actor.backend)
            actor.cut_off()
        else:
            actor.take_turn(action.turn)
        self._settle()
        waited = actor.in_step
        self.waits += waited
        self.history.append(Done(action, step, waited))
        for one in self._actors:
            if one.is_done:
                self.ended.setdefault(one.number, len(self.history))

    def has_committed(self, number: int) -> bool:
        """Whether the last step was of this actor, and left nothing of what it has done uncommitted."""
        last = self.history[-1]
        return last.action.actor == number and bool(last.step.publishes) and not self._actors[number].touched

    def _settle(self) -> None:
        """Wait until every actor stands before its next step, is done, or waits for a lock.

        What one has done may free others, and them others.
        """
        while any([self._arrives(actor) for actor in self._actors if actor.in_step] + [self._let_orphans_end()]):
            pass

    def _arrives(self, actor: Actor) -> bool:
        """Whether it has done its step. Otherwise it waits for a lock."""
        deadline = monotonic() + _MOST
        while not actor.has_arrived(_USUAL):
            if self._waits(actor.backend):
                return actor.has_arrived(0)
            if monotonic() > deadline:
                raise NoAnswer(f"{actor.name} in {actor.pending} after {', '.join(map(str, self.history))}")
        return True

    def _let_orphans_end(self) -> bool:
        """Whether one has ended. The others wait for a lock."""
        before = list(self._orphans)
        for orphan in before:
            while self._monitor.lives(orphan) and not self._waits(orphan):
                pass
        self._orphans = [orphan for orphan in before if self._monitor.lives(orphan)]
        return self._orphans != before

    def _waits(self, backend: int) -> bool:
        backends = [*(actor.backend for actor in self._actors), *self._orphans]
        return self._monitor.waits(backend, [one for one in backends if one != backend])

    def abandon(self) -> None:
        """Let all actors come to their end."""
        while not all(actor.is_done for actor in self._actors):
            for actor in self._actors:
                if not actor.is_done and not actor.in_step:
                    actor.take_turn(Turn.GIVEN_UP)
            self._settle()
