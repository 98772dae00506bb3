"""How much of the order an STM shows: what removes events, and when."""

from benchmarks.torture.checker.ordering import Placed, Possible, Zone
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import LIMIT
from benchmarks.torture.checker.stm_order import Fragment, Stm
from benchmarks.torture.checker.writes import Cut


def no_longer_than_allowed(stm: Stm, judge: Judge) -> None:
    """An STM holds 1000 events at most; where every `max_pattern_length` events are learned, fewer than that."""
    window = stm.session.window
    for read in stm.session.chain.reads:
        judge.compared()
        if read.length > (LIMIT if window is None else window):
            judge.violated(f"{read.length} events", read.request)


def oldest_stay(stm: Stm, judge: Judge) -> None:
    """An event leaves the front of the STM alone only when the window is full: 1000 events, or `max_pattern_length` - 1
    in mode ROLLING."""
    for fragment in stm.fragments.values():
        first = min(fragment.reads, key=lambda read: read[1], default=None)
        for read, position in fragment.reads:
            judge.compared()
            if first is not None and position > first[1] and not stm.session.may_have_moved(read.length):
                what = f"{first[0].first} is gone, and {read.first}, which came later, is the first of {read.length}"
                judge.violated(what, first[0].request, read.request)


def _fresh(stm: Stm, fragment: Fragment) -> bool:
    """Whether its first event was the first after the STM was emptied, or created."""
    return any(position == 0 and not stm.session.may_have_moved(read.length) for read, position in fragment.reads)


class _Latest:
    """Of what ended so far, the part that began last, and the part that began last among those of other states."""

    def __init__(self) -> None:
        self._best: list[tuple[Placed, int]] = []

    def add(self, item: Placed, state: int) -> None:
        of_others = [other for other in self._best if other[1] != state]
        of_this = [other for other in self._best if other[1] == state] + [(item, state)]
        ordered = [max(of_this, key=lambda pair: pair[0].start), *of_others]
        self._best = sorted(ordered, key=lambda pair: pair[0].start, reverse=True)[:2]

    def of_another(self, state: int) -> Placed | None:
        return next((item for item, other in self._best if other != state), None)


def emptied_by_someone(stm: Stm, judge: Judge) -> None:
    """Acknowledged events leave the STM only if something empties it: a clear, a learn, or a sequence or observation
    that learns. So before a read that no longer shows them there was a request that can have removed them."""
    cuts = Possible(write.placed for write in stm.writes if write.cut is not Cut.NEVER and not write.act.refused)
    fragments = list(enumerate(fragment for fragment in stm.fragments.values() if fragment.reads))
    contents = [(item, state) for state, fragment in fragments for item in fragment.items]
    contents += [(write.placed, -1 - place) for place, write in enumerate(stm.unseen)]
    contents.sort(key=lambda pair: pair[0].end)
    states = [(fragment.zone, state) for state, fragment in fragments if _fresh(stm, fragment)]
    states += [(Zone(empty, empty), len(fragments)) for empty in stm.empty]
    latest = _Latest()
    finished = 0
    for zone, state in sorted(states, key=lambda pair: pair[0].last.start):
        while finished < len(contents) and contents[finished][0].end < zone.last.start:
            latest.add(*contents[finished])
            finished += 1
        earlier = latest.of_another(state)
        if earlier is not None:
            judge.compared()
            if not cuts.between(earlier.start, zone.first.end):
                judge.violated("nothing can have removed what was there before", earlier.request, *zone.story)


def own_length(stm: Stm, judge: Judge) -> None:
    """An observation reports how many events the STM holds with its own: as many as the reads show up to its event,
    until the window moves on."""
    for fragment in stm.fragments.values():
        fresh = _fresh(stm, fragment)
        for write, position in fragment.writes:
            if write.act.answered is None or write.act.asked.operation != "observe" or write.cut is not Cut.NEVER:
                continue
            length = write.act.answered.answer.get("stm_length")
            if length is None or stm.session.may_have_moved(length):
                continue
            judge.compared()
            if position + 1 > length or (fresh and position + 1 < length):
                what = f"it is number {position + 1}, and reported {length}"
                judge.violated(what, write.act.told, stm.seen_by(write.events[0]))


RULES = (no_longer_than_allowed, oldest_stay, emptied_by_someone, own_length)
