"""`time` in the responses of observations: how many there were since the last clear, this one included."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.torture.checker.ordering import Placed, overtaken
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.stm_order import Stm
from benchmarks.torture.checker.writes import Write

CLEARS = ("clear_stm", "clear_all")


def _times(write: Write) -> list[int]:
    """The time of each event, or nothing if no response says it."""
    answer = write.act.answered.answer if write.act.answered is not None else None
    if not isinstance(answer, dict):
        return []
    answer = answer.get("result") or answer
    times = [item.get("time") for item in answer.get("results", [answer])]
    return times if len(times) == len(write.events) and None not in times else []


def _clears_inside(write: Write) -> bool:
    return bool(write.act.asked.arguments.get("clear_stm_between"))


def consecutive(stm: Stm, judge: Judge) -> None:
    """Events that follow each other in an STM were observed one right after the other: the time of the second is one
    more."""
    times = {
        event: time
        for write in stm.writes
        if not _clears_inside(write)
        for event, time in zip(write.events, _times(write), strict=False)
    }
    for event, following in stm.session.chain.after.items():
        if event in times and following in times:
            judge.compared()
            if times[following] != times[event] + 1:
                what = f"{event} was observed at time {times[event]}, {following} at {times[following]}"
                judge.violated(what, stm.writer[event].act.told, stm.writer[following].act.told, stm.seen_by(event))


@dataclass(slots=True)
class _Span:
    """A time without a clear."""

    start: float
    end: float
    known: list[tuple[Write, list[int]]]


def _spans(stm: Stm) -> Iterator[_Span]:
    clears = sorted(
        (write.act.start, write.act.end)
        for write in stm.writes
        if not write.act.refused and (write.act.asked.operation in CLEARS or _clears_inside(write))
    )
    start = -math.inf
    for began, ended in [*clears, (math.inf, math.inf)]:
        if began > start:
            yield _Span(start, began, [])
        start = max(start, ended)


def counted(stm: Stm, judge: Judge) -> None:
    """Between two clears each observation counts once: no two have the same time, a later one has a later time, and no
    more times are left out than there were observations without a response."""
    spans = list(_spans(stm))
    writes = sorted(stm.writes, key=lambda write: write.act.start)
    place = 0
    for write in writes:
        while place < len(spans) and spans[place].end <= write.act.start:
            place += 1
        if place == len(spans):
            break
        times = _times(write) if write.act.done else []
        if times and spans[place].start < write.act.start and write.act.end < spans[place].end:
            spans[place].known.append((write, times))
    for span in spans:
        items = [
            Placed(write.act.start, write.act.end, write.act.told, times[0], times[-1], writes=True)
            for write, times in span.known
        ]
        judge.compared(len(items))
        for earlier, later in overtaken(items):
            judge.violated(f"{later.low:g} after {earlier.high:g}", earlier.request, later.request)
        _without_gaps(stm, span, judge)


def _without_gaps(stm: Stm, span: _Span, judge: Judge) -> None:
    known = sorted(span.known, key=lambda pair: pair[1][0])
    for (write, times), (following, later) in pairwise(known):
        if later[0] <= times[-1] and write.act.end >= following.act.start and following.act.end >= write.act.start:
            judge.violated(f"two at time {later[0]}", write.act.told, following.act.told)
    if len(known) < 2:
        return
    counted_here = {id(write) for write, _ in known}
    first, last = known[0], known[-1]
    perhaps = sum(
        len(write.events)
        for write in stm.writes
        if id(write) not in counted_here and not write.act.refused and write.act.start < last[0].act.end
    )
    missing = last[1][-1] - first[1][0] + 1 - sum(len(times) for _, times in known)
    judge.compared()
    if missing > perhaps:
        pairs = pairwise(known)
        (write, times), (following, later) = max(pairs, key=lambda pair: pair[1][1][0] - pair[0][1][-1])
        what = f"{missing} more than there were: from {times[-1]} to {later[0]}"
        judge.violated(what, write.act.told, following.act.told)


RULES = (consecutive, counted)
