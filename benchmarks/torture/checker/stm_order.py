"""Events in the STM: each acknowledged one once, whole, and at a place that respects real time.

The reads of a session show pieces of one order of its events (`chain.py`). Pieces that overlap make a fragment, in
which every event has a position. A fragment is a state that existed without a break, and so is compared with all that
must not have happened meanwhile.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from benchmarks.torture.checker.acts import Outcome
from benchmarks.torture.checker.chain import Place, Shown
from benchmarks.torture.checker.ordering import Placed, Zone, overtaken, torn
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import NOTHING_TO_LEARN, Session
from benchmarks.torture.checker.writes import Cut, Write, writes_of
from benchmarks.torture.history import Request


@dataclass
class Fragment:
    items: list[Placed] = field(default_factory=list)
    writes: list[tuple[Write, int]] = field(default_factory=list)
    """With the position of its first event that was seen."""
    reads: list[tuple[Shown, int]] = field(default_factory=list)
    """With the position of its first event."""

    @cached_property
    def zone(self) -> Zone:
        return Zone.of(self.items)


class Stm:
    """The writes and reads of a session, in their fragments."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.places = session.chain.places()
        self.writes = list(writes_of(session))
        self.writer = {event: write for write in self.writes for event in write.events}
        self.unseen: list[Write] = []
        self.fragments: dict[int, Fragment] = {place.fragment: Fragment() for place in self.places.values()}
        self.empty: list[Placed] = [
            Placed(request.start, request.end, request)
            for request in session.requests
            if request.operation == "learn" and request.status == NOTHING_TO_LEARN
        ]
        for write in self.writes:
            self._place(write)
        for read in session.chain.reads:
            self._put(read)

    def _place(self, write: Write) -> None:
        if write.act.outcome is Outcome.REFUSED:
            return
        found = [place for event in write.visible if (place := self.places.get(event)) is not None]
        if not found:
            if write.visible and write.act.done and write.cut is not Cut.PERHAPS:
                self.unseen.append(write)
            return
        fragment = self.fragments[found[0].fragment]
        positions = [place.position for place in found if place.fragment == found[0].fragment]
        low, high = min(positions), max(positions)
        act = write.act
        fragment.items.append(Placed(act.start, act.end, act.told, low, high, writes=True))
        fragment.writes.append((write, low))

    def _put(self, read: Shown) -> None:
        start, end = read.request.start, read.request.end
        if read.first is None or read.last is None:
            self.empty.append(Placed(start, end, read.request))
            return
        first, last = self.places[read.first], self.places[read.last]
        if first.fragment != last.fragment:
            return  # It is in a conflict, which `one_order` tells.
        fragment = self.fragments[first.fragment]
        fragment.items.append(Placed(start, end, read.request, last.position, last.position))
        fragment.reads.append((read, first.position))

    def place(self, event: str) -> Place | None:
        return self.places.get(event)

    def seen_by(self, event: str) -> Request:
        return self.session.chain.shown_by[event]


def one_order(stm: Stm, judge: Judge) -> None:
    """All reads of an STM show its events in one order, with nothing between two of them in one read that is missing in
    another, and no event twice."""
    judge.compared(stm.session.chain.pairs + len(stm.session.chain.reads))
    for conflict in stm.session.chain.conflicts:
        judge.violated(conflict.what, *conflict.requests)


def only_what_was_asked(stm: Stm, judge: Judge) -> None:
    """Every event in an STM was observed in this session, by a request that was not refused, and not removed by the
    same request."""
    for event in stm.places:
        judge.compared()
        write = stm.writer.get(event)
        if write is None:
            judge.violated(f"nobody observed {event} here", stm.seen_by(event))
        elif write.act.outcome is Outcome.REFUSED:
            judge.violated(f"{event} was refused", write.act.requests[-1], stm.seen_by(event))
        elif event not in write.visible:
            judge.violated(f"{event} was learned or cleared as it was observed", write.act.told, stm.seen_by(event))


def wholly_or_not_at_all(stm: Stm, judge: Judge) -> None:
    """The events of a sequence stand together, in their order: a read shows all of them, or those that a window which
    moved has kept, or none."""
    after = stm.session.chain.after
    for write in stm.writes:
        for event, following in pairwise(write.visible):
            if event in stm.places:
                judge.compared()
                if after.get(event, following) != following:
                    judge.violated(
                        f"{after[event]} stands between {event} and {following}", write.act.told, stm.seen_by(event)
                    )
    for read in stm.session.chain.reads:
        judge.compared()
        ending = stm.writer.get(read.last or "")
        if ending is not None and read.last in ending.visible[:-1]:
            judge.violated(f"the sequence is there up to {read.last} only", ending.act.told, read.request)
        beginning = stm.writer.get(read.first or "")
        if beginning is None or beginning.cut is Cut.PERHAPS or stm.session.may_have_moved(read.length):
            continue
        if read.first in beginning.visible[1:]:
            judge.violated(f"the sequence is there from {read.first} on only", beginning.act.told, read.request)


def real_time(stm: Stm, judge: Judge) -> None:
    """If the response to one request came before another began, it stands before it: an event before a later one; a
    read shows every event acknowledged before it began and no less than any earlier read; and no read shows an event
    before it was asked for."""
    for fragment in stm.fragments.values():
        judge.compared(len(fragment.items))
        for earlier, later in overtaken(fragment.items):
            match earlier.writes, later.writes:
                case True, True:
                    what = "the event of the later request stands before that of the earlier one"
                case True, False:
                    what = "the read does not show what was acknowledged before it began"
                case False, False:
                    what = "the later read shows less than the earlier one"
                case _:
                    what = "the event was seen before it was asked for"
            judge.violated(what, earlier.request, later.request)


def nothing_between(stm: Stm, judge: Judge) -> None:
    """While an STM only grows, nothing else happens to it: no acknowledged event is missing in it (lost), no
    acknowledged clear or learn left it as it was (a ghost), and no read shows something else or nothing (stale)."""
    others = [(write.placed, "an acknowledged event is missing") for write in stm.unseen]
    others += [
        (write.placed, "what an acknowledged request removed is there again")
        for write in stm.writes
        if write.cut is Cut.SURELY
    ]
    others += [(empty, "the STM was empty between two moments of one content") for empty in stm.empty]
    zones = [fragment.zone for fragment in stm.fragments.values() if fragment.items]
    meaning = {id(placed): what for placed, what in others}
    judge.compared(len(zones) + len(others))
    for state, intruder in torn([*zones, *(Zone(placed, placed) for placed, _ in others)]):
        what = meaning.get(id(intruder.first), "another content between two moments of one")
        judge.violated(what, *state.story, *intruder.story)


RULES = (one_order, only_what_was_asked, wholly_or_not_at_all, real_time, nothing_between)
