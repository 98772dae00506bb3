"""The search behind `make schedules` tries every order of steps, but for those that it leaves out on purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from random import Random

import pytest

from benchmarks.schedules.search import NotRepeatable, every_run, random_runs
from benchmarks.schedules.steps import Step


@dataclass
class Toy:
    """A program for each actor. A step reads the counter of a letter, or writes what was read last, plus 1."""

    programs: Sequence[Sequence[str]]
    order: list[int] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    read: dict[int, int] = field(default_factory=dict)
    abandoned: bool = False

    def _next(self, actor: int) -> str | None:
        done = self.order.count(actor)
        program = self.programs[actor]
        return program[done] if done < len(program) else None

    def offered(self) -> Mapping[int, Step]:
        offered = {}
        for actor in range(len(self.programs)):
            if step := self._next(actor):
                letter = frozenset(step[-1])
                writes = step.startswith("write")
                offered[actor] = Step(step, sees=letter, publishes=letter if writes else frozenset())
        return offered

    def do(self, action: int) -> None:
        step = self._next(action)
        assert step
        if step.startswith("read"):
            self.read[action] = self.counters.get(step[-1], 0)
        else:
            self.counters[step[-1]] = self.read[action] + 1
        self.order.append(action)

    def abandon(self) -> None:
        self.abandoned = True


INCREMENT_X = ["read x", "write x"]
INCREMENT_Y = ["read y", "write y"]


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 2), (3, 5), (1, 9)])
def test_two_actors_have_as_many_runs_as_there_are_ways_to_mix_their_steps(first: int, second: int) -> None:
    programs = [["read x"] * first, ["read x"] * second]
    orders = [tuple(run.order) for run in every_run(lambda: Toy(programs))]
    assert len(orders) == len(set(orders)) == comb(first + second, first)


def test_three_actors_have_as_many_runs_as_the_multinomial_says() -> None:
    programs = [["read x"] * 2] * 3
    assert len(list(every_run(lambda: Toy(programs)))) == 90


def test_a_lost_update_is_found() -> None:
    counters = [run.counters["x"] for run in every_run(lambda: Toy([INCREMENT_X, INCREMENT_X]))]
    assert sorted(counters) == [1, 1, 1, 1, 2, 2]


def test_runs_that_differ_in_the_order_of_steps_that_commute_are_made_once() -> None:
    runs = list(every_run(lambda: Toy([INCREMENT_X, INCREMENT_Y]), reduced=True))
    assert [run.counters for run in runs] == [{"x": 1, "y": 1}]


@pytest.mark.parametrize(
    "programs",
    [
        [INCREMENT_X, INCREMENT_X],
        [INCREMENT_X, INCREMENT_X, INCREMENT_X],
        [INCREMENT_X + INCREMENT_Y, INCREMENT_Y + INCREMENT_X],
        [["read x", "write y"], ["read y", "write x"], ["read x"]],
    ],
)
def test_the_reduced_search_reaches_every_outcome_with_fewer_runs(programs: list[list[str]]) -> None:
    def outcomes(runs: Sequence[Toy]) -> set[tuple[tuple[str, int], ...]]:
        return {(*sorted(run.counters.items()), *((str(one), seen) for one, seen in run.read.items())) for run in runs}

    whole, reduced = (list(every_run(lambda: Toy(programs), reduced=one)) for one in (False, True))
    assert {frozenset(one) for one in outcomes(whole)} == {frozenset(one) for one in outcomes(reduced)}
    assert len(reduced) < len(whole)


def test_what_is_not_deterministic_is_refused() -> None:
    programs = iter([[INCREMENT_X, INCREMENT_X], [INCREMENT_X]])
    with pytest.raises(NotRepeatable, match="the first time, now"):
        list(every_run(lambda: Toy(next(programs))))


def test_a_sample_with_the_same_seed_is_the_same_sample() -> None:
    one, other = (
        [tuple(run.order) for run in random_runs(lambda: Toy([INCREMENT_X, INCREMENT_X]), Random(7), 20)]
        for _ in range(2)
    )
    assert one == other
    assert len(set(one)) > 1
