"""How often each pattern of a node has been learned, as far as a history says."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from benchmarks.torture.checker.acts import Act
from benchmarks.torture.checker.alone import Content, content_of
from benchmarks.torture.checker.lessons import Lesson, bare
from benchmarks.torture.checker.retired import Retirements
from benchmarks.torture.history import Request


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


class _Losses:
    """Clears, and purges of one pattern: what was learned before them counts no more."""

    def __init__(self, perhaps: Iterable[Act], surely: Iterable[Act]) -> None:
        begun = sorted((act.start, act.end) for act in perhaps)
        self._starts = [start for start, _ in begun]
        self._latest_ends = _running_max(end for _, end in begun)
        ended = sorted((act.end, act.start) for act in surely)
        self._ends = [end for end, _ in ended]
        self._latest_starts = _running_max(start for _, start in ended)

    def perhaps_until(self, moment: float) -> float:
        """Of those that began by then, the latest end."""
        number = bisect_right(self._starts, moment)
        return self._latest_ends[number - 1] if number else -math.inf

    def surely_since(self, moment: float) -> float:
        """Of those that ended before, the latest start."""
        number = bisect_left(self._ends, moment)
        return self._latest_starts[number - 1] if number else -math.inf


class Learned:
    """All lessons of a node, by pattern."""

    def __init__(
        self, predictions: Iterable[Request], lessons: list[Lesson], clears: list[Act], retirements: Retirements
    ) -> None:
        self.contents: dict[str, Content] = {}
        for request in predictions:
            for entry in request.answer["predictions"]:
                if "sequence" in entry and bare(entry["name"]) not in self.contents:
                    self.contents[bare(entry["name"])] = content_of(entry["sequence"])
        self.taught: dict[str, Content] = {}
        """As responses to learns say; `contents` also has what predictions show."""
        for lesson in lessons:
            if lesson.name is not None and lesson.content is not None:
                self.taught.setdefault(lesson.name, lesson.content)
                self.contents.setdefault(lesson.name, lesson.content)
        self._names = {content: name for name, content in self.contents.items()}
        self._open: list[Lesson] = []
        self._by_name: dict[str, list[Lesson]] = {}
        for lesson in lessons:
            name = lesson.name or (self._names.get(lesson.content) if lesson.content is not None else None)
            if name is not None:
                self._by_name.setdefault(name, []).append(lesson)
            elif lesson.content is None:
                self._open.append(lesson)
        self._patterns: dict[str, Pattern] = {}
        self._clears = clears
        self._retirements = retirements
        self._losses: dict[str, _Losses] = {}

    def names(self) -> list[str]:
        return list(self._by_name)

    def pattern(self, name: str) -> Pattern:
        if name not in self._patterns:
            content = self.contents.get(name)
            perhaps = (lesson for lesson in self._open if content is None or lesson.may_be(content))
            self._patterns[name] = Pattern.of([*self._by_name.get(name, []), *perhaps])
        return self._patterns[name]

    def _lost(self, name: str) -> _Losses:
        if name not in self._losses:
            purges = self._retirements.purges(name)
            sure = [act for act in purges if act.done and name in act.told.answer["purged"]]
            done = [clear for clear in self._clears if clear.done]
            self._losses[name] = _Losses([*self._clears, *purges], [*done, *sure])
        return self._losses[name]

    def at_least(self, name: str, read: Request) -> int:
        """How often it was learned before the read began, after any clear-all or purge that may have come before its
        end."""
        pattern = self.pattern(name)
        lost = self._lost(name).perhaps_until(read.end)
        return max(0, bisect_left(pattern.sure_ends, read.start) - bisect_right(pattern.sure_starts, lost))

    def at_most(self, name: str, read: Request) -> int:
        """How often it may have been learned before the read ended, and not before a clear-all or purge that came
        before."""
        pattern = self.pattern(name)
        lost = self._lost(name).surely_since(read.start)
        return bisect_right(pattern.starts, read.end) - bisect_left(pattern.ends, lost)

    def spans(self) -> Iterator[tuple[float, float]]:
        """Times without a clear or a purge."""
        start = -math.inf
        lost = sorted((act.start, act.end) for act in (*self._clears, *self._retirements.all_purges))
        for began, ended in [*lost, (math.inf, math.inf)]:
            if began > start:
                yield start, began
            start = max(start, ended)


def _running_max(values: Iterable[float]) -> list[float]:
    found: list[float] = []
    for value in values:
        found.append(max(value, found[-1]) if found else value)
    return found
