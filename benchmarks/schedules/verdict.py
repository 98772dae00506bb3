"""The verdict on a run: is what it led to what the operations lead to one after the other?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from benchmarks.schedules.actors import Died
from benchmarks.schedules.laboratory import Laboratory
from benchmarks.schedules.machine import Action, Machine
from benchmarks.schedules.operations import Operation
from benchmarks.schedules.state import differences, stale_reads, stored
from benchmarks.schedules.world import World
from sessions_app.cache import PREDICTION_VIEWS, SESSION_VIEWS

_CACHES = {f"Redis SET {view}" for view in (*SESSION_VIEWS, *PREDICTION_VIEWS)}

_DEADLINE = re.compile(r'(?<="left" : ")\d+')

Order = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the clients were told, by actor, and what is stored afterwards.

    `recovered`: what the repetition was told of one that had no answer, so that it is done by now, once.
    """

    results: dict[int, Any]
    state: str
    recovered: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Serial:
    """What operations lead to, one after the other, in each order of all or some of them.

    `parts`: the same by the actor that ends between two transactions of its operation, after the first, the second, ….
    """

    outcomes: dict[Order, Outcome]
    steps: dict[int, int]
    parts: dict[int, list[tuple[Order, Outcome]]]


class Experiment:
    """Some operations at once, on the world that they need."""

    def __init__(
        self,
        laboratory: Laboratory,
        operations: Sequence[Operation],
        *,
        one_process: bool = False,
        crashes: bool = False,
    ) -> None:
        self.laboratory = laboratory
        self.operations = operations
        self.one_process = one_process
        self.crashes = crashes
        self.features = frozenset[str]().union(*(one.features for one in operations))
        # Each run, by the name of its world.
        self.histories: dict[str, list[str]] = {}
        self.world = World("")
        self.serial = self._one_after_the_other()

    def begin(self) -> Machine:
        return self._begin(crashes=self.crashes)

    def _begin(self, *, crashes: bool) -> Machine:
        self.world = self.laboratory.worlds.new(self.features)
        return self.laboratory.machine(self.world, self.operations, crashes=crashes, one_process=self.one_process)

    def outcome(self, machine: Machine) -> Outcome:
        results, recovered = {}, {}
        for number in machine.ended:
            operation, result = self.operations[number], machine.results[number]
            if number == machine.crashed and operation.recover:
                recovered[number] = operation.recover(self.world)
            elif is_answer(result):
                results[number] = operation.conclude(self.world, result) if operation.conclude else result
        return Outcome(results, stored(self.laboratory.admin, self.world), recovered)

    def _one_after_the_other(self) -> Serial:
        serial = Serial({}, {}, {})
        numbers = range(len(self.operations))
        for order in (order for length in range(len(numbers) + 1) for order in permutations(numbers, length)):
            machine = self._begin(crashes=False)
            commits = {number: self._do(machine, number) for number in order}
            serial.steps.update({n: sum(done.action.actor == n for done in machine.history) for n in order})
            serial.outcomes[order] = self.outcome(machine)
            machine.abandon()
            for number in order if self.crashes else ():
                for steps in commits[number]:
                    serial.parts.setdefault(number, []).append((order, self._in_part(order, number, steps)))
        return serial

    def _do(self, machine: Machine, number: int, at_most: int | None = None) -> list[int]:
        """Do an operation, or so many of its steps; return after how many of them everything was committed."""
        action, steps, commits = Action(number), 0, []
        while action in machine.offered() and steps != at_most:
            machine.do(action)
            steps += 1
            if machine.has_committed(number):
                commits.append(steps)
        return commits

    def _in_part(self, order: Order, last: int, steps: int) -> Outcome:
        """What the order leads to if one of its operations ends after so many steps, between two transactions."""
        machine = self._begin(crashes=False)
        for number in order:
            self._do(machine, number, steps if number == last else None)
        outcome = self.outcome(machine)
        machine.abandon()
        return outcome

    def problem(self, machine: Machine) -> str | None:
        """What is wrong with this run, which is over."""
        outcome = self.outcome(machine)
        self.histories[self.world.name] = [str(done) for done in machine.history]
        for number, result in enumerate(machine.results):
            if number != machine.crashed and not is_answer(result):
                return f"{'ABC'[number]} had no answer, though nothing had failed: {result!r}"
        parts = [] if machine.crashed is None else self.serial.parts.get(machine.crashed, [])
        if not any(
            self._is_possible(order, machine, outcome) and self._is_such(order, serial, outcome)
            for order, serial in (*self.serial.outcomes.items(), *parts)
        ):
            return self._describe(outcome, machine)
        cached = {done.step.name.rpartition(" ")[2] for done in machine.history if done.step.name in _CACHES}
        for stale in stale_reads(self.world, cached):
            return f"{stale.path} reads {stale.cached} through the cache, but {stale.read} without it"
        return None

    def _is_possible(self, order: Order, machine: Machine, outcome: Outcome) -> bool:
        """An order of all operations whose clients have an answer, in which none is before one that it came after.

        An hour that passes while an operation works may let it be in time and renew the life of the session after it:
        as if that hour had passed before all.
        """
        time = [number for number, one in enumerate(self.operations) if one.passes_time]
        done = outcome.results.keys() | outcome.recovered.keys()
        if any(number not in order and number not in time and not self._is_left(number, order) for number in done):
            return False
        if any(number not in order for number in time) and not self._overlap(machine, time):
            return False
        return not any(
            machine.ended[later] <= machine.began[earlier]
            for place, earlier in enumerate(order)
            for later in order[place + 1 :]
            if later in machine.ended and earlier in machine.began and later != machine.crashed
        )

    def _is_left(self, number: int, order: Order) -> bool:
        operation = self.operations[number]
        return operation.is_shared and any(self.operations[other] is operation for other in order)

    @property
    def _numbers(self) -> range:
        return range(len(self.operations))

    def _overlap(self, machine: Machine, time: list[int]) -> bool:
        return any(
            machine.began[one] < machine.ended[other] and machine.began[other] < machine.ended[one]
            for one in time
            for other in self._numbers
            if other != one
        )

    def _is_such(self, order: Order, serial: Outcome, outcome: Outcome) -> bool:
        states = serial.state, outcome.state
        if any(one.passes_time and number not in order for number, one in enumerate(self.operations)):
            # Some deadlines were set before that hour, others after it.
            states = (_DEADLINE.sub("alive", states[0]), _DEADLINE.sub("alive", states[1]))
        told = all(
            self._is_same(number, outcome.results.get(number, result), result)
            for number, result in serial.results.items()
        )
        # The session may be gone when the request is repeated.
        told_again = all(
            result == serial.results.get(number) or (isinstance(result, tuple) and result[0] == 404)
            for number, result in outcome.recovered.items()
        )
        return states[0] == states[1] and told and told_again

    def _is_same(self, number: int, told: Any, serial: Any) -> bool:
        """A listener that begins between two transactions of an operation hears of the later ones only."""
        if self.operations[number].listens and not all(one.is_whole for one in self.operations):
            return bool(told == serial[len(serial) - len(told) :])
        return bool(told == serial)

    def _describe(self, outcome: Outcome, machine: Machine) -> str:
        lines = [f"{'ABC'[number]} was told {result}" for number, result in outcome.results.items()]
        for order, serial in self.serial.outcomes.items():
            if self._is_possible(order, machine, outcome):
                name = ", then ".join("ABC"[number] for number in order) or "none"
                told = {n: r for n, r in serial.results.items() if n in outcome.results and r != outcome.results[n]}
                lines.append(f"unlike {name}: {told or ''} {differences(outcome.state, serial.state)}")
        return "\n      ".join(lines)


def is_answer(result: Any) -> bool:
    """Not an end without an answer, and not a 503, after which the client knows nothing."""
    if result is Died or isinstance(result, Exception):
        return False
    return not (isinstance(result, tuple) and isinstance(result[0], int) and result[0] >= 500)
