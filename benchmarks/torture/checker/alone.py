"""A session while one client alone uses it: then its STM is known, and so is every response.

This tells most about sessions that observe the words of a small vocabulary, where events are not unique.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.torture.checker.acts import Act
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import LIMIT, NOTHING_TO_LEARN, Session
from benchmarks.torture.history import Request

Event = tuple[str, ...]
Content = tuple[Event, ...]

_CHANGES = frozenset({"observe", "sequence", "learn", "clear_stm", "clear_all", "configure", "submit", "delete"})
_EMPTYING = frozenset({"learn", "clear_stm", "clear_all"})
_EVENTS = re.compile(r"from (\d+) events?")


def content_of(events: list[Any]) -> Content:
    """An event is the list of its symbols, or an observation."""
    strings = (event["strings"] if isinstance(event, dict) else event for event in events)
    return tuple(tuple(sorted(symbols)) for symbols in strings)


def is_learned(content: Content) -> bool:
    """A pattern needs two symbols."""
    return sum(map(len, content)) > 1


@dataclass(slots=True)
class Memory:
    """The STM as it must be."""

    events: Content = ()
    length: int = 0
    """`max_pattern_length`"""
    mode: str = "CLEAR"

    def configure(self, settings: dict[str, Any]) -> None:
        self.length = int(settings.get("max_pattern_length", self.length))
        self.mode = settings.get("stm_mode", self.mode)

    def observe(self, event: Event) -> Content | None:
        """What it learned of itself."""
        self.events = (*self.events, event)[-LIMIT:]
        if not 0 < self.length <= len(self.events):
            return None
        learned = self.events
        keep = self.length - 1 if self.mode == "ROLLING" and len(learned) > 1 else 0
        self.events = learned[len(learned) - keep :]
        return learned if is_learned(learned) else None

    def learn(self) -> Content | None:
        learned, self.events = self.events, ()
        return learned if is_learned(learned) else None


@dataclass(frozen=True, slots=True)
class Moment:
    """A request while the STM was known."""

    request: Request
    act: Act | None
    """None: a read."""
    before: Content
    after: Content
    learned: tuple[Content, ...]
    """What it must have learned, in order; unless it is not known whether it was done."""
    lengths: tuple[int, ...] = ()
    """Of the STM after each observation."""


def _apply(memory: Memory, act: Act) -> tuple[list[Content], list[int]]:
    """What it learned, and the length after each observation."""
    asked = act.asked.arguments
    lengths: list[int] = []
    learned: list[Content | None] = []
    match act.asked.operation:
        case "observe":
            learned.append(memory.observe(content_of([asked])[0]))
        case "sequence" | "submit" if "observations" in asked:
            for place, event in enumerate(content_of(asked["observations"])):
                if asked.get("clear_stm_between") and place:
                    memory.events = ()
                learned.append(memory.observe(event))
                lengths.append(len(memory.events))
                if asked.get("learn_after_each") and memory.events:
                    learned.append(memory.learn())
            if asked.get("learn_at_end") and memory.events:
                learned.append(memory.learn())
        case "learn":
            learned.append(memory.learn())
        case "clear_stm" | "clear_all":
            memory.events = ()
        case "configure":
            memory.configure(asked.get("config", asked))
    return [content for content in learned if content is not None], lengths


class _Watch:
    """Follows a session from request to request."""

    def __init__(self, session: Session) -> None:
        self._memory = Memory()
        self._memory.configure(session.settings[0])
        self._known = True
        self._free = -math.inf  # all changes so far ended before

    def _alone(self, start: float, end: float, following: float) -> bool:
        return self._free < start and end < following

    def read(self, request: Request, following: float) -> Moment | None:
        """`following`: when the next change begins."""
        if not self._alone(request.start, request.end, following):
            return None
        if self._known:
            return Moment(request, None, self._memory.events, self._memory.events, ())
        if request.operation == "read_stm" and len(request.answer["stm"]) == request.answer["length"]:
            self._memory.events, self._known = content_of(request.answer["stm"]), True
        return None

    def change(self, act: Act, following: float) -> Moment | None:
        # Without a response it may be done later, after those that follow.
        alone = self._alone(act.start, act.end, following)
        self._free = max(self._free, act.end)
        known = self._known and alone
        if act.asked.operation in _EMPTYING and alone and act.done:
            known = True  # afterwards
        if not known and act.asked.operation == "configure":
            self._free = math.inf  # It never tells what it does with the next events.
        before, known_before = self._memory.events, self._known and alone
        learned, lengths = _apply(self._memory, act)
        self._known = known
        return (
            Moment(act.told, act, before, self._memory.events, tuple(learned), tuple(lengths)) if known_before else None
        )


def moments(session: Session) -> Iterator[Moment]:
    """Every request during which no other one can have changed the STM, while it is known."""
    effects = {id(job.act): job.effect for job in session.jobs}
    acts = [effects.get(id(act), act) for act in session.acts if act.asked.operation in _CHANGES]
    acts = [act for act in acts if not act.refused]
    if not session.acts or session.acts[0].asked.operation != "create":
        return
    statuses = {"read_stm": 200, "predict": 200, "learn": NOTHING_TO_LEARN}
    reads = [request for request in session.requests if request.status == statuses.get(request.operation, -1)]
    watch = _Watch(session)
    place = 0
    starts = [*(act.start for act in acts), math.inf]
    for number, act in enumerate(acts):
        while place < len(reads) and reads[place].start < act.start:
            if (moment := watch.read(reads[place], act.start)) is not None:
                yield moment
            place += 1
        if (moment := watch.change(act, starts[number + 1])) is not None:
            yield moment
    for request in reads[place:]:
        if (moment := watch.read(request, math.inf)) is not None:
            yield moment


def as_left(session: Session, judge: Judge) -> None:
    """A request that no other one overlaps finds the STM exactly as the one before left it: in what it reads, in the
    length that it reports, in whether it learns."""
    for moment in moments(session):
        answer = moment.request.answer
        judge.compared()
        if moment.act is not None and not moment.act.done:
            continue
        wrong = _wrong(moment, answer)
        if wrong is not None:
            judge.violated(f"{wrong}; the STM must have been {_brief(moment.before)} before", moment.request)


def _brief(content: Content) -> str:
    shown = [" ".join(event) for event in content]
    return str(shown if len(shown) < 9 else [*shown[:3], "…", *shown[-3:]])


def _wrong(moment: Moment, answer: Any) -> str | None:
    match moment.request.operation:
        case "read_stm":
            length, shown = len(moment.before), content_of(answer["stm"])
            if answer["length"] != length or (len(shown) == length and shown != moment.before):
                return f"it shows {answer['length']} events"
        case "observe" if answer.get("stm_length", len(moment.after)) != len(moment.after):
            return f"it reports {answer['stm_length']} events"
        case "observe" if (answer.get("auto_learned_pattern") is not None) != bool(moment.learned):
            return "it learned" if not moment.learned else "it did not learn"
        case "sequence":
            return _wrong_sequence(moment, answer)
        case "learn" if moment.act is None:
            return "it found nothing to learn" if moment.before else None
        case "learn":
            told = _EVENTS.search(answer.get("message", ""))
            if told is not None and int(told[1]) != len(moment.before):
                return f"it learned {told[1]} events"
            if bool(answer["pattern_name"]) != bool(moment.learned):
                return f"it learned {answer['pattern_name']!r}"
    return None


def _wrong_sequence(moment: Moment, answer: Any) -> str | None:
    for name, content in (("initial_stm_length", moment.before), ("final_stm_length", moment.after)):
        if answer.get(name, len(content)) != len(content):
            return f"it reports {answer[name]} events"
    told = tuple(item.get("stm_length") for item in answer.get("results", ()))
    learns = moment.act is not None and moment.act.asked.arguments.get("learn_after_each")
    if told and None not in told and not learns and told != moment.lengths:
        return f"it reports the lengths {told}, not {moment.lengths}"
    names = [name for name in answer.get("auto_learned_patterns", moment.learned) if name]
    return f"it learned {len(names)} patterns" if len(names) != len(moment.learned) else None


RULES = (as_left,)
