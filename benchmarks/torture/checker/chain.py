"""The events of one session in the one order that its reads show.

Every event is observed once, so a read is a piece of this order: where it begins and how long it is say it all.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.torture.history import Request


def event_name(strings: Iterable[str]) -> str:
    return sys.intern(" ".join(sorted(strings)))


@dataclass(frozen=True, slots=True)
class Shown:
    """A read of an STM."""

    request: Request
    first: str | None
    last: str | None
    length: int


@dataclass(frozen=True, slots=True)
class Conflict:
    what: str
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Place:
    fragment: int
    position: int


@dataclass
class Chain:
    reads: list[Shown] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    pairs: int = 0
    after: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    shown_by: dict[str, Request] = field(default_factory=dict)
    """The first read that showed this event together with the one after it, or alone."""

    def add(self, request: Request, stm: list[list[str]]) -> None:
        names = [event_name(event) for event in stm]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            self.conflicts.append(Conflict(f"{twice} is in the STM twice", (request,)))
            return
        for name, following in pairwise(names):
            self._follow(name, following, request)
        for name in (*names[:1], *names[-1:]):
            self.shown_by.setdefault(name, request)
        self.reads.append(Shown(request, names[0] if names else None, names[-1] if names else None, len(names)))

    def _follow(self, name: str, following: str, request: Request) -> None:
        self.pairs += 1
        known = self.after.get(name)
        if known == following:
            return
        if known is not None:
            what = f"{known} comes right after {name} in one read, {following} in another"
            self.conflicts.append(Conflict(what, (self.shown_by[name], request)))
        elif following in self.before:
            other = self.before[following]
            what = f"{following} comes right after {other} in one read, after {name} in another"
            self.conflicts.append(Conflict(what, (self.shown_by[other], request)))
        else:
            self.after[name] = following
            self.before[following] = name
            self.shown_by[name] = request

    def places(self) -> dict[str, Place]:
        """Where each event stands. Events that no read links are in different fragments."""
        found: dict[str, Place] = {}
        for fragment, name in enumerate(name for name in self.shown_by if name not in self.before):
            for position, member in enumerate(self._from(name)):
                found[member] = Place(fragment, position)
        for name in self.shown_by:
            if name not in found:
                what = f"{name} comes before and after the same events"
                self.conflicts.append(Conflict(what, (self.shown_by[name], self.shown_by[self.before[name]])))
                found.update({member: Place(-1, position) for position, member in enumerate(self._round(name))})
        return found

    def _from(self, name: str) -> Iterator[str]:
        following: str | None = name
        while following is not None:
            yield following
            following = self.after.get(following)

    def _round(self, name: str) -> Iterator[str]:
        member = name
        while True:
            yield member
            member = self.after[member]
            if member == name:
                return
