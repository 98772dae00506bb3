"""The memory of a node: what was learned is predicted from then on, as often as it was learned."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from benchmarks.torture.checker.alone import Content, content_of, moments
from benchmarks.torture.checker.lessons import Lesson, bare
from benchmarks.torture.checker.node import Node
from benchmarks.torture.checker.ordering import Placed, overtaken
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import Session
from benchmarks.torture.history import Request

THRESHOLD = 0.1
MOST_PREDICTIONS = 100
NEAR = 1e-9  # of a similarity to the threshold: then either is right

# With one of these a pattern that resembles the STM may still be left out.
_FILTERS = frozenset({"filter_pipeline", "fuzzy_token_threshold", "use_token_matching", "sort_symbols", "sort"})


@dataclass
class Pattern:
    """One pattern: all times at which it was learned, or may have been."""

    lessons: list[Lesson] = field(default_factory=list)
    sure_starts: list[float] = field(default_factory=list)
    sure_ends: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, lessons: Iterable[Lesson]) -> "Pattern":
        found = list(lessons)
        sure = [lesson for lesson in found if lesson.sure]
        return cls(
            found,
            sorted(lesson.start for lesson in sure),
            sorted(lesson.end for lesson in sure),
            sorted(lesson.start for lesson in found),
            sorted(lesson.end for lesson in found),
        )


class Learned:
    """All lessons of a node, by pattern."""

    def __init__(self, node: Node) -> None:
        self.contents: dict[str, Content] = {}
        for request in node.predictions:
            for entry in request.answer["predictions"]:
                if "sequence" in entry and bare(entry["name"]) not in self.contents:
                    self.contents[bare(entry["name"])] = content_of(entry["sequence"])
        for lesson in node.lessons:
            if lesson.name is not None and lesson.content is not None:
                self.contents.setdefault(lesson.name, lesson.content)
        self._names = {content: name for name, content in self.contents.items()}
        self._open: list[Lesson] = []
        self._by_name: dict[str, list[Lesson]] = {}
        for lesson in node.lessons:
            name = lesson.name or (self._names.get(lesson.content) if lesson.content is not None else None)
            if name is not None:
                self._by_name.setdefault(name, []).append(lesson)
            elif lesson.content is None:
                self._open.append(lesson)
        self._patterns: dict[str, Pattern] = {}
        self._clears = sorted((clear.start, clear.end) for clear in node.clears)
        self._clear_starts = [start for start, _ in self._clears]
        self._latest_clear_ends = _running_max(end for _, end in self._clears)
        done = sorted((clear.end, clear.start) for clear in node.clears if clear.done)
        self._done_ends = [end for end, _ in done]
        self._latest_done_starts = _running_max(start for _, start in done)

    def names(self) -> list[str]:
        return list(self._by_name)

    def pattern(self, name: str) -> Pattern:
        if name not in self._patterns:
            content = self.contents.get(name)
            words = frozenset(word for event in content for word in event) if content is not None else frozenset()
            perhaps = (lesson for lesson in self._open if words <= lesson.words)
            self._patterns[name] = Pattern.of([*self._by_name.get(name, []), *perhaps])
        return self._patterns[name]

    def at_least(self, name: str, read: Request) -> int:
        """How often it was learned before the read began, after any clear-all that may have come before its end."""
        pattern = self.pattern(name)
        begun = bisect_right(self._clear_starts, read.end)
        cleared = self._latest_clear_ends[begun - 1] if begun else -math.inf
        return max(0, bisect_left(pattern.sure_ends, read.start) - bisect_right(pattern.sure_starts, cleared))

    def at_most(self, name: str, read: Request) -> int:
        """How often it may have been learned before the read ended, and not before a clear-all that came before."""
        pattern = self.pattern(name)
        ended = bisect_left(self._done_ends, read.start)
        cleared = self._latest_done_starts[ended - 1] if ended else -math.inf
        return bisect_right(pattern.starts, read.end) - bisect_left(pattern.ends, cleared)

    def spans(self) -> Iterator[tuple[float, float]]:
        """Times in which nobody cleared."""
        start = -math.inf
        for began, ended in [*self._clears, (math.inf, math.inf)]:
            if began > start:
                yield start, began
            start = max(start, ended)


def _running_max(values: Iterable[float]) -> list[float]:
    found: list[float] = []
    for value in values:
        found.append(max(value, found[-1]) if found else value)
    return found


def _frequencies(request: Request) -> dict[str, int]:
    return {bare(entry["name"]): entry["frequency"] for entry in request.answer["predictions"]}


def adds_up(node: Node, judge: Judge) -> None:
    """A pattern has been learned at least as often as learns of it were acknowledged before the prediction began, and
    at most as often as they were asked for before it ended, since the node was cleared."""
    learned = Learned(node)
    for read in node.predictions:
        for name, frequency in _frequencies(read).items():
            judge.compared()
            lessons = learned.pattern(name).lessons
            if frequency < (low := learned.at_least(name, read)):
                told = [lesson.request for lesson in lessons if lesson.sure and lesson.end < read.start]
                judge.violated(f"frequency {frequency}, at least {low} expected", *told[-low:], read)
            elif frequency > (high := learned.at_most(name, read)):
                told = [lesson.request for lesson in lessons if lesson.start < read.end]
                judge.violated(f"frequency {frequency}, at most {high} expected", *told[-high - 1 :], read)


def never_less(node: Node, judge: Judge) -> None:
    """While nobody clears the node, no later prediction shows a pattern with a lower frequency than an earlier one."""
    shown: dict[str, list[Placed]] = {}
    spans = list(Learned(node).spans())
    starts = [start for start, _ in spans]
    for read in node.predictions:
        span = bisect_left(starts, read.start) - 1
        if read.end < spans[span][1]:
            for name, frequency in _frequencies(read).items():
                key = f"{name} {span}"
                shown.setdefault(key, []).append(Placed(read.start, read.end, read, high=frequency))
    for key, items in shown.items():
        judge.compared(len(items))
        for earlier, later in overtaken(items):
            what = f"{key.split()[0]} had frequency {earlier.high:g}, then {later.high:g}"
            judge.violated(what, earlier.request, later.request)


@cache
def similar(pattern: Content, state: Content) -> float:
    """engine.md 5.2; for a state of one symbol, 5.9."""
    flat = [symbol for event in pattern for symbol in event]
    seen = [symbol for event in state for symbol in event]
    if len(seen) == 1:
        return float(pattern[0][0] == seen[0])
    row = [0] * (len(seen) + 1)
    for symbol in flat:
        above = 0
        for place, other in enumerate(seen, start=1):
            above, row[place] = row[place], (above + 1 if symbol == other else max(row[place], row[place - 1]))
    return 2 * row[-1] / (len(flat) + len(seen))


def _threshold(session: Session) -> float | None:
    """None: not every pattern that resembles the STM needs to be predicted."""
    created, *changed = session.settings
    if any(_FILTERS & settings.keys() for settings in session.settings):
        return None
    if any({"recall_threshold", "max_predictions"} & settings.keys() for settings in changed):
        return None
    return float(created.get("recall_threshold", THRESHOLD))


def _most(session: Session) -> int:
    most: Any = session.settings[0].get("max_predictions", MOST_PREDICTIONS)
    return int(most)


def is_predicted(node: Node, judge: Judge) -> None:
    """A pattern that was learned before a prediction began is in it, if it resembles the STM as much as the session
    asks for, in whichever session of the node, and whichever process responds."""
    learned = Learned(node)
    known = [(name, content) for name in learned.names() if (content := learned.contents.get(name)) is not None]
    for session in node.sessions:
        threshold = _threshold(session)
        if threshold is None:
            continue
        for moment in moments(session):
            if moment.request.operation != "predict" or not moment.before:
                continue
            shown = _frequencies(moment.request)
            if len(shown) >= _most(session):
                continue
            for name, content in known:
                similarity = similar(content, moment.before)
                if similarity <= 0 or similarity < threshold + NEAR:
                    continue
                judge.compared()
                if name not in shown and learned.at_least(name, moment.request) > 0:
                    sure = (lesson for lesson in learned.pattern(name).lessons if lesson.sure)
                    lesson = max((one for one in sure if one.end < moment.request.start), key=lambda one: one.start)
                    judge.violated(f"{name} is missing", lesson.request, moment.request)


def learned_once(node: Node, judge: Judge) -> None:
    """Where every symbol is observed once, no pattern is learned twice."""
    for read in node.predictions:
        for name, frequency in _frequencies(read).items():
            judge.compared()
            if frequency != 1:
                judge.violated(f"{name} has frequency {frequency}", read)


OF_WORDS = (adds_up, never_less, is_predicted)
OF_UNIQUE = (learned_once,)
