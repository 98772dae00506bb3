"""Trying every order of steps: depth first, each run from a new beginning (stateless exploration).

The search knows nothing of databases. A run offers actions, does the one that it is told to, and offers the next ones,
until it is over. The search repeats the first choices of an earlier run and then takes the next alternative.

With `reduced`, sleep sets leave out a run that differs from an earlier one only in the order of actions that commute
(Godefroid, 1996): of all runs that are equal in this sense, at least one is made.
"""

import random
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar


class Commuting(Protocol):
    def commutes_with(self, other: Any, /) -> bool: ...


class Run(Protocol):
    """One run. `offered`: what can be done next, and what each action touches; empty when it is over."""

    def offered(self) -> Mapping[Any, Commuting]: ...

    def do(self, action: Any, /) -> None: ...

    def abandon(self) -> None:
        """Stop this run where it is: how it would end does not matter."""


class NotRepeatable(Exception):
    """The same choices led to other alternatives: what runs here is not deterministic."""


_TRIES = 5


@dataclass(slots=True)
class _Branch:
    """A place where a choice is made. `asleep`: actions whose runs from here are equal to earlier ones."""

    touched: dict[Hashable, Commuting]
    asleep: dict[Hashable, Commuting]
    left: list[Hashable]
    tried: dict[Hashable, Commuting] = field(default_factory=dict)

    @property
    def chosen(self) -> Hashable:
        return self.left[0]

    def asleep_after_choice(self) -> dict[Hashable, Commuting]:
        chosen = self.touched[self.chosen]
        earlier = {**self.asleep, **self.tried}
        return {action: touched for action, touched in earlier.items() if touched.commutes_with(chosen)}

    def turn(self) -> bool:
        """Go on to the next alternative; returns whether there is one."""
        done = self.left.pop(0)
        self.tried[done] = self.touched[done]
        return bool(self.left)


AnyRun = TypeVar("AnyRun", bound=Run)


def every_run(
    begin: Callable[[], AnyRun], *, reduced: bool = False, lost: Callable[[NotRepeatable], None] | None = None
) -> Iterator[AnyRun]:
    """All runs, each when it is over; those that `reduced` leaves out are abandoned, not returned.

    `lost` is called for each place that could not be reached again in several tries; its other alternatives are left
    out. Without it, that is an error.
    """
    path: list[_Branch] = []
    while True:
        run = _reach(begin, path, reduced=reduced, lost=lost)
        if run is not None:
            yield run
        while path and not path[-1].turn():
            path.pop()
        if not path:
            return


def _reach(
    begin: Callable[[], AnyRun], path: list[_Branch], *, reduced: bool, lost: Callable[[NotRepeatable], None] | None
) -> AnyRun | None:
    """A run that makes the choices of the path and goes on to its end, if it is of use."""
    for tries_left in reversed(range(_TRIES)):
        run = begin()
        try:
            is_of_use = _follow(run, path, reduced=reduced)
        except NotRepeatable as error:
            run.abandon()
            if lost is None:
                raise
            if not tries_left:
                lost(error)
        else:
            if is_of_use:
                return run
            run.abandon()
            return None
    return None


def _follow(run: Run, path: list[_Branch], *, reduced: bool) -> bool:
    """Repeat the choices of `path`, then take the first alternative each time; returns whether the run is of use."""
    asleep: dict[Hashable, Commuting] = {}
    depth = 0
    while offered := run.offered():
        if depth == len(path):
            left = [action for action in offered if action not in asleep]
            if not left:
                return False
            path.append(_Branch(dict(offered), asleep, left))
        branch = path[depth]
        if list(branch.touched) != list(offered):
            raise NotRepeatable(f"step {depth}: {_told(branch.touched)} the first time, now {_told(offered)}")
        asleep = branch.asleep_after_choice() if reduced else {}
        run.do(branch.chosen)
        depth += 1
    return True


def _told(offered: Mapping[Hashable, Commuting]) -> str:
    return ", ".join(f"{action}: {touched}" for action, touched in offered.items())


def random_runs(
    begin: Callable[[], AnyRun], choice: random.Random, number: int, weight: Callable[[Any], float] = lambda action: 1
) -> Iterator[AnyRun]:
    """`weight`: how often an action is chosen, compared with the others that are offered."""
    for _ in range(number):
        run = begin()
        while offered := list(run.offered()):
            run.do(choice.choices(offered, [weight(action) for action in offered])[0])
        yield run
