"""A fault: how it begins and ends."""

import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

from benchmarks.torture.service import Stack

AT_ONCE = (0.0, 0.0)  # seconds: nothing that lasts


@dataclass(frozen=True)
class Surroundings:
    """What a fault can reach."""

    stack: Stack
    vanish: Callable[[float | None], None]
    """Let this share of the clients leave as soon as they have sent a request; None for as few as ever."""


class Breakage:
    """One fault. Its subclasses are the kinds."""

    name: ClassVar[str]
    breaks: ClassVar[frozenset[str]]
    """Parts of the service. Faults that happen at the same time have none in common."""
    seconds: ClassVar[tuple[float, float]] = (0.5, 3.0)
    """How long it lasts."""

    def __init__(self, around: Surroundings, chance: random.Random) -> None:
        self.around = around
        self.stack = around.stack
        self.chance = chance
        self.details: dict[str, Any] = {}
        self.until_the_end = ExitStack()
        """What is undone by `end`."""

    @classmethod
    def obstacle(cls, stack: Stack) -> str | None:
        """Why this machine cannot have it."""
        return None

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        """Take the cause away."""
        self.until_the_end.close()

    def afterwards(self) -> None:
        """Make another one possible, when all is well again."""


KINDS: dict[str, type[Breakage]] = {}


def kind(one: type[Breakage]) -> type[Breakage]:
    assert one.name not in KINDS
    KINDS[one.name] = one
    return one
